/**
 * A client of HTTP/1.1 over connections in memory: what `fetch` is in a simulation.
 *
 * Connections are kept for the next request, per host of the network and origin, as every client does: so a server that
 * closes one while it is idle, and the request that meets that, are part of what is simulated. Each is closed when the
 * simulation ends, and none counts as left open.
 *
 * Errors are those of Deno 2.9.6: a `TypeError` "fetch failed" with a `cause` that says what has happened.
 *
 * Over 400 lines as a connection, its requests and its end share one state.
 */

import type { NetworkConn } from "../../../core/lowlevel.ts";
import { ambientIncarnation } from "../../driver/incarnation.ts";
import { BodyReader, joined, LAST_CHUNK, writeChunk } from "./body.ts";
import { ByteReader, closeQuietly, writeAll } from "./byte_reader.ts";
import { bodyKind, setUrls } from "./insides.ts";
import { phraseOf } from "./phrases.ts";
import {
  formatHead,
  type Framing,
  framingOf,
  type Head,
  keepsAlive,
  malformed,
  MalformedError,
  readHead,
} from "./message.ts";

/** What a client needs of its network. */
export interface ClientParts {
  /** Opens a connection to the host of a URL, with TLS where that says so. Rejects with errors of the host. */
  dial(url: URL, caCerts: readonly string[], signal: AbortSignal): Promise<NetworkConn>;
  /** A connection is kept: nobody has to close it. */
  keep(conn: NetworkConn): void;
  note(conn: NetworkConn, text: string): void;
  /** A request is under way on a connection, by a signal; `null` when that is over. */
  asking(signal: AbortSignal, conn: NetworkConn | null): void;
}

/** What accompanies a request, besides its own. */
export interface FetchContext {
  /** Authorities to trust besides those of the simulation, in PEM. */
  readonly caCerts?: readonly string[];
  /** Told that something in memory is waited for; returns how to say that it is over. */
  readonly pending?: () => () => void;
  /** Accounts for a promise of the host. */
  readonly ofHost?: <T>(promise: Promise<T>) => Promise<T>;
}

const REDIRECTS = [301, 302, 303, 307, 308];
const MOST_REDIRECTS = 20;
const BODILESS = [204, 205, 304];

/** A connection and what was read of it. */
interface Line {
  readonly conn: NetworkConn;
  readonly source: ByteReader;
  readonly isReused: boolean;
}

/** A request on its way through redirects. */
interface Order {
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
  /** How long a body is that is a stream, if that is known. */
  readonly length: number | null;
}

/** See the header. */
export class HttpClient {
  readonly #parts: ClientParts;
  /** Idle connections, by who has opened them and to where. */
  readonly #idle = new Map<unknown, Map<string, Line[]>>();
  #over = false;

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  /** Closes what is idle, and keeps nothing any more. */
  end(): void {
    this.#over = true;
    for (const lines of this.#idle.values()) {
      for (const { conn } of [...lines.values()].flat()) closeQuietly(conn);
    }
    this.#idle.clear();
  }

  async fetch(input: RequestInfo | URL, init: RequestInit | undefined, context: FetchContext = {}): Promise<Response> {
    const asked = init?.signal instanceof AbortSignal ? init.signal : null;
    const request = new Request(input, init);
    const { signal, redirect } = request;
    signal.throwIfAborted();
    let url = new URL(request.url);
    let order: Order = {
      method: request.method,
      headers: new Headers(request.headers),
      ...await bodyOf(request, context),
    };
    const urls: string[] = [];
    while (true) {
      urls.push(withoutHash(url));
      const response = await this.#once(url, order, urls, { signal, asked, context });
      const location = response.headers.get("location");
      if (!REDIRECTS.includes(response.status) || location === null || redirect === "manual") return response;
      await response.body?.cancel();
      if (redirect === "error") {
        throw new TypeError("Fetch failed: Encountered redirect while redirect mode is set to 'error'");
      }
      if (urls.length > MOST_REDIRECTS) {
        throw new TypeError(`Fetch failed: Maximum number of redirects (${MOST_REDIRECTS}) reached`);
      }
      const next = new URL(location, url);
      if (next.protocol !== "http:" && next.protocol !== "https:") {
        throw new TypeError("Can not redirect to a non HTTP(s) url");
      }
      if (response.status !== 303 && order.body instanceof ReadableStream) {
        throw new TypeError("Fetch failed: Can not redeliver a streaming request body after a redirect");
      }
      order = redirected(order, response.status, next.origin === url.origin);
      if (next.hash === "") next.hash = url.hash;
      url = next;
    }
  }

  async #once(
    url: URL,
    order: Order,
    urls: readonly string[],
    { signal, asked, context }: { signal: AbortSignal; asked: AbortSignal | null; context: FetchContext },
  ): Promise<Response> {
    const ended = context.pending?.();
    const known = asked ?? signal;
    let line: Line | null = null;
    const aborted = Promise.withResolvers<never>();
    aborted.promise.catch(() => {});
    const abort = (): void => {
      aborted.reject(signal.reason);
      if (line !== null) closeQuietly(line.conn);
    };
    signal.addEventListener("abort", abort);
    let over = false;
    const done = (): void => {
      if (over) return;
      over = true;
      signal.removeEventListener("abort", abort);
      this.#parts.asking(known, null);
    };
    try {
      for (let canReuse = true;; canReuse = false) {
        line = await Promise.race([this.#line(url, context, canReuse, signal), aborted.promise]);
        this.#parts.asking(known, line.conn);
        const current = line;
        const upload = this.#send(line, url, order).then(() => true, () => false);
        let head: Head | null = null;
        try {
          head = await Promise.race([answerOn(line.source), aborted.promise]);
        } catch (error) {
          closeQuietly(line.conn);
          if (signal.aborted) throw signal.reason;
          if (!(error instanceof MalformedError) && line.isReused && !(order.body instanceof ReadableStream)) continue;
          throw failed(url, line.conn, `client error (SendRequest): ${textOf(error)}`, error);
        }
        if (head === null) {
          closeQuietly(line.conn);
          // The server has closed it while it was idle: that is nobody's fault, and the request cannot have been seen.
          if (line.isReused && !(order.body instanceof ReadableStream)) continue;
          throw failed(url, line.conn, "client error (SendRequest): connection closed before message completed");
        }
        return this.#response(current, head, { url, order, urls, upload, signal, context, done });
      }
    } catch (error) {
      done();
      throw signal.aborted ? signal.reason : error;
    } finally {
      ended?.();
    }
  }

  /** A connection for a request: one that is idle, or a new one. */
  async #line(url: URL, { caCerts = [] }: FetchContext, canReuse: boolean, signal: AbortSignal): Promise<Line> {
    const idle = canReuse ? this.#idle.get(ambientIncarnation())?.get(keyOf(url, caCerts)) : undefined;
    const kept = idle?.shift();
    if (kept !== undefined) return kept;
    try {
      const conn = await this.#parts.dial(url, caCerts, signal);
      if (signal.aborted) closeQuietly(conn);
      return { conn, source: new ByteReader(conn), isReused: false };
    } catch (error) {
      throw failed(url, null, `client error (Connect): ${textOf(error)}`, error);
    }
  }

  async #send({ conn }: Line, url: URL, { method, headers, body, length }: Order): Promise<void> {
    const own: [string, string][] = [["host", url.host]];
    for (const [name, value] of headers) {
      if (!/^(host|connection|content-length|transfer-encoding)$/.test(name)) own.push([name, value]);
    }
    const add = (name: string, value: string): void => {
      if (!headers.has(name)) own.push([name, value]);
    };
    add("accept", "*/*");
    add("accept-language", "*");
    add("accept-encoding", "gzip");
    add("user-agent", "Deno");
    if (url.username !== "" || url.password !== "") {
      add("authorization", `Basic ${btoa(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`)}`);
    }
    const connection = headers.get("connection");
    if (connection !== null) own.push(["connection", connection]);
    const target = url.pathname + url.search;
    this.#parts.note(conn, `${method} ${target}`);
    const first = `${method} ${target} HTTP/1.1`;
    if (!(body instanceof ReadableStream)) {
      const size = body?.length ?? (method === "POST" || method === "PUT" ? 0 : null);
      if (size !== null) own.push(["content-length", String(size)]);
      const head = formatHead(first, own);
      return await writeAll(conn, body === null ? head : joined(head, body));
    }
    own.push(length === null ? ["transfer-encoding", "chunked"] : ["content-length", String(length)]);
    const reader = body.getReader();
    try {
      await writeAll(conn, formatHead(first, own));
      while (true) {
        const { done, value } = await reader.read();
        if (done) break;
        if (!(value instanceof Uint8Array)) {
          throw new TypeError("Item in request body ReadableStream is not a Uint8Array");
        }
        await (length === null ? writeChunk(conn, value) : writeAll(conn, value));
      }
      if (length === null) await writeAll(conn, LAST_CHUNK);
    } catch (error) {
      await reader.cancel(error).catch(() => {});
      // A server that answers early, and reads no more, is still to be heard; a source that failed is a request cut off.
      if (!isOfConnection(error)) closeQuietly(conn);
      throw error;
    }
  }

  #response(
    line: Line,
    head: Head,
    { url, order, urls, upload, signal, context, done }: {
      readonly url: URL;
      readonly order: Order;
      readonly urls: readonly string[];
      readonly upload: Promise<boolean>;
      readonly signal: AbortSignal;
      readonly context: FetchContext;
      readonly done: () => void;
    },
  ): Response {
    const [version, code] = head.first;
    const status = Number(code);
    const hasBody = order.method !== "HEAD" && !BODILESS.includes(status);
    let framing: Framing;
    let headers: Headers;
    try {
      framing = hasBody ? framingOf(head) ?? "until the end" : 0;
      headers = new Headers(head.headers as [string, string][]);
    } catch (error) {
      closeQuietly(line.conn);
      throw failed(url, line.conn, `client error (SendRequest): ${textOf(error)}`, error);
    }
    const keeps = framing !== "until the end" && keepsAlive(head, version) &&
      order.headers.get("connection") !== "close";
    const reader = new BodyReader(line.source, framing);
    /** The connection is free, or of no use. */
    const over = async (whole: boolean): Promise<void> => {
      done();
      if (!whole || !keeps) return closeQuietly(line.conn);
      if (await upload) this.#keep(url, context, line);
      else closeQuietly(line.conn);
    };
    let body: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
    if (reader.done) {
      over(true);
      if (hasBody) body = emptyStream();
    } else body = bodyStream(reader, { signal, context, over });
    const coding = headers.get("content-encoding")?.trim().toLowerCase();
    const format = { gzip: "gzip", "x-gzip": "gzip", deflate: "deflate", br: "brotli" }[coding ?? ""];
    if (body !== null && hasBody && format !== undefined && framing !== 0) {
      body = body.pipeThrough(new DecompressionStream(format as CompressionFormat));
      headers.delete("content-encoding");
      headers.delete("content-length");
    }
    // Deno 2.9.6 says what the status means, whatever the server says.
    const response = new Response(body, { status, statusText: phraseOf(status), headers });
    setUrls(response, urls);
    return response;
  }

  #keep(url: URL, { caCerts = [] }: FetchContext, { conn, source }: Line): void {
    if (this.#over || source.size > 0) return closeQuietly(conn);
    const owner = ambientIncarnation();
    if (owner?.dead) return;
    const lines = this.#idle.get(owner) ?? new Map<string, Line[]>();
    this.#idle.set(owner, lines);
    const key = keyOf(url, caCerts);
    const idle = lines.get(key) ?? [];
    lines.set(key, idle);
    const line: Line = { conn, source, isReused: true };
    idle.push(line);
    this.#parts.keep(conn);
    // Whatever comes now ends it.
    const gone = (): void => {
      const at = idle.indexOf(line);
      if (at < 0) return;
      idle.splice(at, 1);
      closeQuietly(conn);
    };
    source.more().then(gone, gone);
  }
}

/** Reads the head of an answer; those that only say that one will come are passed over. */
async function answerOn(source: ByteReader): Promise<Head | null> {
  while (true) {
    const head = await readHead(source);
    if (head === null) return null;
    const [version, status] = head.first;
    if (!/^HTTP\/1\.[01]$/.test(version)) throw malformed("invalid HTTP version parsed");
    if (!/^[1-9]\d\d$/.test(status)) throw malformed("invalid HTTP status-code parsed");
    if (status === "101") throw malformed("received unexpected upgrade response");
    if (!status.startsWith("1")) return head;
  }
}

function bodyStream(
  reader: BodyReader,
  { signal, context, over }: {
    readonly signal: AbortSignal;
    readonly context: FetchContext;
    over(whole: boolean): Promise<void>;
  },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let onAbort = (): void => {};
  const end = (whole: boolean): void => {
    signal.removeEventListener("abort", onAbort);
    over(whole);
  };
  const source: UnderlyingByteSource = {
    type: "bytes",
    start(controller) {
      onAbort = () => {
        end(false);
        controller.error(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
    },
    async pull(controller) {
      const ended = context.pending?.();
      try {
        const chunk = await reader.read();
        if (signal.aborted) return;
        if (chunk !== null) controller.enqueue(chunk);
        if (!reader.done) return;
        controller.close();
        controller.byobRequest?.respond(0);
        end(true);
      } catch (error) {
        if (signal.aborted) return;
        end(false);
        // deno-lint-ignore trefoil/error-message -- the words are those of the host
        throw new TypeError("error reading a body from connection", { cause: error });
      } finally {
        ended?.();
      }
    },
    cancel: () => end(false),
  };
  // What is here is taken at once: then the connection is free, whether or not somebody reads it.
  return new ReadableStream(source, { highWaterMark: reader.isHere ? 65_536 : 0 });
}

function emptyStream(): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({ type: "bytes", start: (controller) => controller.close() });
}

async function bodyOf(request: Request, { ofHost }: FetchContext): Promise<Pick<Order, "body" | "length">> {
  const kind = bodyKind(request);
  if (kind === null) return { body: null, length: null };
  if (kind.isStream) return { body: request.body, length: kind.length };
  const bytes = request.bytes();
  return { body: await (kind.ofHost && ofHost !== undefined ? ofHost(bytes) : bytes), length: null };
}

/** What is asked for after a redirect (Fetch, section 4.4). */
function redirected({ method, headers, body }: Order, status: number, sameOrigin: boolean): Order {
  const next = new Headers(headers);
  if (!sameOrigin) { for (const name of ["authorization", "cookie", "proxy-authorization"]) next.delete(name); }
  const isGet = ((status === 301 || status === 302) && method === "POST") ||
    (status === 303 && method !== "GET" && method !== "HEAD");
  if (!isGet) return { method, headers: next, body, length: null };
  for (const name of [...next.keys()]) if (name.startsWith("content-")) next.delete(name);
  return { method: "GET", headers: next, body: null, length: null };
}

function failed(url: URL, conn: NetworkConn | null, what: string, cause?: unknown): TypeError {
  const from = conn === null ? "" : ` from ${conn.localAddr.hostname}:${conn.localAddr.port}`;
  const to = conn === null
    ? ` for url (${url.href})`
    : ` for ${url.href} (${conn.remoteAddr.hostname}:${conn.remoteAddr.port})`;
  const options = cause === undefined ? {} : { cause };
  // deno-lint-ignore trefoil/error-message -- the words are those of the host
  const why = new Error(`error sending request${from}${to}: ${what}`, options);
  // deno-lint-ignore trefoil/error-message -- the words are those of the host
  return new TypeError("fetch failed", { cause: why });
}

/** Whether an error is one of a connection, which has a code or a name of the host's. */
function isOfConnection(error: unknown): boolean {
  return /^(BrokenPipe|ConnectionReset|BadResource|Interrupted|TimedOut|NetworkDown)$/.test((error as Error)?.name);
}

function textOf(error: unknown): string {
  const { message, name } = error as Error;
  return name === "ConnectionReset" || name === "BrokenPipe" ? `connection error: ${message}` : message;
}

function keyOf({ origin }: URL, caCerts: readonly string[]): string {
  return `${origin} ${caCerts.join("")}`;
}

function withoutHash(url: URL): string {
  const plain = new URL(url);
  plain.hash = plain.username = plain.password = "";
  return plain.href;
}
