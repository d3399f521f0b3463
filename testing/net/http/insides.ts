/**
 * What the public properties of `Request` and `Response` do not tell, and the wire has to: whether a body has a length,
 * and from where a response came.
 *
 * The host keeps both in objects behind symbols. On a host that does not, each body counts as one without a length, and
 * the URL of a response is a property of its own.
 */

interface Body {
  readonly length: number | null;
  readonly source: unknown;
  readonly streamOrStatic: unknown;
}

interface Insides {
  readonly body?: Body | null;
  readonly urlList?: string[];
  type?: string;
}

function insidesOf(object: object, name: string): Insides | undefined {
  const key = Object.getOwnPropertySymbols(object).find(({ description }) => description === name);
  return key === undefined ? undefined : (object as Record<symbol, Insides>)[key];
}

/** What is known of a body. */
export interface BodyKind {
  /** Whether it is made as it is read; anything else can be sent again. */
  readonly isStream: boolean;
  /** How many bytes it has, if that is known before it is read. */
  readonly length: number | null;
  /** Whether only the host can read it, in its own time. */
  readonly ofHost: boolean;
}

/** What is known of the body of a request or a response; `null` if there is none. */
export function bodyKind(message: Request | Response): BodyKind | null {
  const insides = insidesOf(message, message instanceof Request ? "request" : "response");
  const body = insides?.body;
  if (body === undefined || body === null) {
    // Texts of a response that nobody has asked for yet are somewhere else.
    return message.body === null ? null : { isStream: insides === undefined, length: null, ofHost: false };
  }
  const ofHost = body.source instanceof Blob || body.source instanceof FormData;
  return { isStream: body.streamOrStatic instanceof ReadableStream && !ofHost, length: body.length, ofHost };
}

/** Says from where a response came: all URLs on the way, the last one is its own. */
export function setUrls(response: Response, urls: readonly string[]): void {
  const insides = insidesOf(response, "response");
  if (Array.isArray(insides?.urlList)) {
    insides.urlList.push(...urls);
    insides.type = "basic";
  }
  if (response.url === urls.at(-1)) return;
  Object.defineProperty(response, "url", { value: urls.at(-1), configurable: true });
  Object.defineProperty(response, "redirected", { value: urls.length > 1, configurable: true });
}
