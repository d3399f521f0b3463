// deno-lint-ignore-file trefoil/error-message -- the words are those of the host
/**
 * A client of HTTP/1.1 in memory: what the global `fetch()` does, over connections of the network.
 *
 * Connections are kept and used again, as the host's are, for each host of the network by itself. One that was kept may
 * have been closed by its server in the meantime: if a request on it gets no answer at all, it is made once more.
 */

import type { NetworkConn } from "../../../core/lowlevel.ts";
import { incomingBody, OutgoingBody } from "./_body.ts";
import { formatHead, type Framing, framingOf, hasWord, type Head, readHead } from "./_head.ts";
import { ByteReader, ProtocolError } from "./reader.ts";
import { closeQuietly } from "./_server.ts";
import type { HttpWire } from "./wire.ts";

/** As many as the standard allows (Fetch, 4.4, "HTTP-redirect fetch"). */
const MOST_REDIRECTS = 20;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const BODILESS = new Set([204, 205, 304]);
/** Those that a server may be asked for twice (RFC 9110, section 9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

interface Connection {
  readonly conn: NetworkConn;
  readonly reader: ByteReader;
  /** Whether it has carried a request. */
  used: boolean;
}

/** Where a request goes. */
interface Target {
  readonly url: URL;
  readonly hostname: string;
  readonly port: number;
  readonly secure: boolean;
}

/** Where a URL leads. */
export function targetOf(url: URL): Target {
  const secure = url.protocol === "https:" || url.protocol === "wss:";
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  return { url, hostname, secure, port: url.port === "" ? secure ? 443 : 80 : Number(url.port) };
}

/** See the header. */
export class Client {
  readonly #wire: HttpWire;
  /** What is kept, by host and where it leads. */
  readonly #idle = new WeakMap<object, Map<string, Connection[]>>();

  constructor(wire: HttpWire) {
    this.#wire = wire;
  }

  async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    const { signal, redirect } = request;
    signal.throwIfAborted();
    const headers = new Headers(request.headers);
    let { method } = request;
    let url = new URL(request.url);
    let body = await aborting(signal, OutgoingBody.of(request.body));
    for (let redirects = 0;; redirects++) {
      const response = await this.#exchange(url, { method, headers, body, signal });
      const location = response.headers.get("location");
      if (!REDIRECTS.has(response.status) || location === null || redirect === "manual") {
        return located(response, url.href, redirects > 0);
      }
      const why = redirect === "error"
        ? `Fetch failed: Encountered redirect while redirect mode is set to 'error'`
        : redirects === MOST_REDIRECTS
        ? "Maximum number of redirects (20) reached"
        : null;
      await response.body?.cancel();
      if (why !== null) throw new TypeError(why);
      const to = new URL(location, url);
      // Fetch, 4.4.
      const { status } = response;
      if ((status === 303 && method !== "GET" && method !== "HEAD") || (status < 303 && method === "POST")) {
        method = "GET";
        body = await OutgoingBody.of(null);
        for (const name of ["content-type", "content-length", "content-encoding", "content-language"]) {
          headers.delete(name);
        }
      } else if (body.whole === null) {
        throw new TypeError("Can not redeliver a streaming request body after a redirect");
      } else body = OutgoingBody.again(body.whole);
      if (to.origin !== url.origin) { for (const name of ["authorization", "cookie"]) headers.delete(name); }
      url = to;
    }
  }

  /** Opens a connection to where a URL leads; its errors are those of `fetch()`. */
  async connect(target: Target, signal: AbortSignal, caCerts?: readonly string[]): Promise<Connection> {
    const { hostname, port, secure, url } = target;
    let conn: NetworkConn | undefined;
    try {
      const addresses = /^[\d.]+$|:/.test(hostname)
        ? [{ address: hostname }]
        : await aborting(signal, this.#wire.resolve(hostname));
      let last: unknown;
      for (const { address } of addresses) {
        try {
          conn = await this.#wire.connectQuietly({ hostname: address, port, signal });
          break;
        } catch (error) {
          signal.throwIfAborted();
          last = error;
        }
      }
      if (conn === undefined) throw last ?? new Error("there is no address");
      if (secure) {
        conn = await aborting(
          signal,
          this.#wire.secure(conn, { serverName: hostname, ...(caCerts === undefined ? {} : { caCerts }) }),
        );
      }
      return { conn, reader: new ByteReader(conn), used: false };
    } catch (error) {
      if (conn !== undefined) closeQuietly(conn);
      signal.throwIfAborted();
      throw sendError(url.href, explainConnect(error), error);
    }
  }

  async #exchange(
    url: URL,
    request: {
      readonly method: string;
      readonly headers: Headers;
      readonly body: OutgoingBody;
      readonly signal: AbortSignal;
    },
  ): Promise<Response> {
    const target = targetOf(url);
    const pool = this.#poolOf(target);
    while (true) {
      const kept = take(pool);
      const connection = kept ?? await this.connect(target, request.signal);
      let answered: Answer;
      try {
        answered = await this.#ask(connection, target, request);
      } catch (error) {
        closeQuietly(connection.conn);
        request.signal.throwIfAborted();
        // The server has closed it before it knew of this request.
        const again = kept !== undefined && error instanceof NoAnswer && request.body.whole !== null &&
          IDEMPOTENT.has(request.method);
        if (again) continue;
        const cause = error instanceof NoAnswer ? error.cause : error;
        await request.body.cancel(cause);
        throw sendError(url.href, explainExchange(cause), cause);
      }
      return this.#responseOf(answered, connection, pool, request);
    }
  }

  async #ask(
    { conn, reader }: Connection,
    { url }: Target,
    { method, headers, body, signal }: {
      readonly method: string;
      readonly headers: Headers;
      readonly body: OutgoingBody;
      readonly signal: AbortSignal;
    },
  ): Promise<Answer> {
    const framing = body.whole?.length === 0 && !headers.has("content-length") && !NEEDS_LENGTH.has(method)
      ? []
      : body.framing(headers);
    const start = `${method} ${url.pathname}${url.search} HTTP/1.1`;
    const own: [string, string][] = [["host", url.host]];
    for (const [name, value] of [["accept", "*/*"], ["accept-language", "*"], ["user-agent", userAgent()]] as const) {
      if (!headers.has(name)) own.push([name, value]);
    }
    const sending = body.send(conn, formatHead(start, [...headers, ...framing, ...own]), { headers });
    let failed: unknown;
    // A server may answer, and even close, before it has all of a body.
    const sent = sending.catch((error) => void (failed = error ?? new Error("")));
    try {
      return await aborting(signal, answerTo(method, reader, () => failed), () => closeQuietly(conn));
    } finally {
      sent.catch(() => {});
    }
  }

  #responseOf(
    { head, framing }: Answer,
    connection: Connection,
    pool: Connection[],
    { method, signal }: { readonly method: string; readonly signal: AbortSignal },
  ): Response {
    const { start: [version, code, statusText], headers } = head;
    const status = Number(code);
    const reuse = (): void => {
      signal.removeEventListener("abort", abort);
      const keep = version === "HTTP/1.1" && framing !== "close" && !hasWord(headers, "connection", "close");
      if (keep) put(pool, connection);
      else closeQuietly(connection.conn);
    };
    const init = { status, statusText, headers };
    let abort = (): void => {};
    if (method === "HEAD" || BODILESS.has(status) || (typeof framing === "object" && framing.length === 0)) {
      reuse();
      return new Response(BODILESS.has(status) ? null : new Uint8Array(), init);
    }
    const untrack = this.#wire.track(`body of ${method} response, neither read nor cancelled`);
    const close = (): void => {
      untrack();
      signal.removeEventListener("abort", abort);
      closeQuietly(connection.conn);
    };
    let body = incomingBody(connection.reader, framing, {
      end: () => {
        untrack();
        reuse();
      },
      broken: close,
      explain: (error) => signal.aborted ? signal.reason : bodyError(error),
    });
    abort = close;
    signal.addEventListener("abort", abort, { once: true });
    const encoding = headers.get("content-encoding")?.toLowerCase();
    if (encoding === "gzip" || encoding === "deflate") {
      body = body.pipeThrough(new DecompressionStream(encoding));
      headers.delete("content-encoding");
      headers.delete("content-length");
    }
    return new Response(body, init);
  }

  #poolOf({ url, hostname, port }: Target): Connection[] {
    const here = this.#wire.here();
    let pools = this.#idle.get(here);
    if (pools === undefined) this.#idle.set(here, pools = new Map());
    const key = `${url.protocol}//${hostname}:${port}`;
    const pool = pools.get(key) ?? [];
    pools.set(key, pool);
    return pool;
  }
}

/** Methods that say that they have no body. */
const NEEDS_LENGTH = new Set(["POST", "PUT"]);

interface Answer {
  readonly head: Head;
  readonly framing: Framing;
}

/** Nothing came back at all. */
class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** The final answer: what is informational is passed over (RFC 9110, section 15.2). */
async function answerTo(method: string, reader: ByteReader, failed: () => unknown): Promise<Answer> {
  while (true) {
    const before = reader.available;
    let head: Head | null;
    try {
      head = await readHead(reader, "response");
    } catch (error) {
      if (error instanceof ProtocolError || before > 0) throw error;
      throw new NoAnswer("", { cause: error });
    }
    if (head === null) {
      throw new NoAnswer("", { cause: failed() ?? new ProtocolError("connection closed before message completed") });
    }
    const status = Number(head.start[1]);
    if (status < 200 && status !== 101) continue;
    const framing = method === "HEAD" || BODILESS.has(status) ? { length: 0 } : framingOf(head.headers) ?? "close";
    return { head, framing };
  }
}

/** A kept connection that is still open, the latest first. */
function take(pool: Connection[]): Connection | undefined {
  while (true) {
    const connection = pool.pop();
    if (connection === undefined || (!connection.reader.ended && connection.reader.available === 0)) return connection;
    closeQuietly(connection.conn);
  }
}

function put(pool: Connection[], connection: Connection): void {
  connection.used = true;
  if (connection.reader.ended || connection.reader.available > 0) return closeQuietly(connection.conn);
  pool.push(connection);
  // Notices when the server closes it.
  const over = (): void => {
    const at = pool.indexOf(connection);
    if (at === -1) return;
    pool.splice(at, 1);
    closeQuietly(connection.conn);
  };
  connection.reader.fill().then((more) => more || over(), over);
}

/** Waits for something until a signal is aborted, and then throws its reason. */
function aborting<T>(signal: AbortSignal, promise: Promise<T>, aborted: () => void = () => {}): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => {
      aborted();
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    if (signal.aborted) abort();
  });
}

/** A response that says where it comes from: inside, as far as the host lets us, so that its copies say it, too. */
function located(response: Response, url: string, redirected: boolean): Response {
  const key = Object.getOwnPropertySymbols(response).find(({ description }) => description === "response");
  const inner = key === undefined ? undefined : (response as unknown as Record<symbol, { urlList?: unknown }>)[key];
  if (inner !== undefined) inner.urlList = redirected ? [url, url] : [url];
  if (response.url !== url) Object.defineProperty(response, "url", { value: url, configurable: true });
  if (response.redirected !== redirected) {
    Object.defineProperty(response, "redirected", { value: redirected, configurable: true });
  }
  return response;
}

function userAgent(): string {
  const { Deno: deno } = globalThis as { Deno?: { version?: { deno: string } } };
  return deno?.version === undefined ? "Trefoil" : `Deno/${deno.version.deno}`;
}

function sendError(url: string, why: string, cause: unknown): TypeError {
  return new TypeError(`error sending request for url (${url}): ${why}`, { cause });
}

function explainConnect(error: unknown): string {
  const { message, code } = error as Error & { code?: string };
  if (code === "ENOTFOUND") {
    const { hostname } = error as { hostname?: string };
    return `client error (Connect): dns error: failed to lookup address information: ${message} (a simulation knows its own hosts alone: make it with sim.net.host("${hostname}"))`;
  }
  return `client error (Connect): ${code === undefined ? "" : "tcp connect error: "}${message}`;
}

function explainExchange(error: unknown): string {
  return `client error (SendRequest): ${error instanceof ProtocolError ? "" : "connection error: "}${
    (error as Error).message
  }`;
}

function bodyError(error: unknown): TypeError {
  return new TypeError(`error reading a body from connection: ${(error as Error).message}`, { cause: error });
}
