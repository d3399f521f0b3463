// deno-lint-ignore-file trefoil/error-message -- the words are those of the host
/**
 * A server of HTTP/1.1 in memory: what Deno's does, as far as a client or a handler can tell.
 *
 *     accept ──▶ head ──▶ handler ──▶ answer ──▶ rest of the body dropped ──▶ next head
 *                  │         └── the client ends meanwhile: the signal of the request is aborted
 *                  └── nonsense: 400, and closed
 *
 * It runs in the async context of whoever began to serve, so on the same host. Nothing of it is a wait of a task: what it
 * waits for comes over the network.
 */

import type {
  HttpListenOptions,
  HttpServeInfo,
  HttpServing,
  NetworkConn,
  NetworkListener,
} from "../../../core/lowlevel.ts";
import type { TcpAddress } from "../../../core/mod.ts";
import { hostError } from "../_host_errors.ts";
import { incomingBody, OutgoingBody } from "./_body.ts";
import { formatHead, type Framing, framingOf, hasWord, type Head, readHead } from "./_head.ts";
import { ByteReader, ProtocolError, writeAll } from "./reader.ts";
import type { HttpWire } from "./wire.ts";

type Handler = (request: Request, info: HttpServeInfo) => Response | Promise<Response>;

/** A connection whose request is to be answered by a WebSocket. */
export interface Upgraded {
  readonly conn: NetworkConn;
  readonly reader: ByteReader;
}

/** What belongs to a request that is being answered. */
interface Exchange extends Upgraded {
  /** Called with the connection once the answer to an upgrade is out. */
  upgraded: ((connection: Upgraded) => void) | null;
}

const exchanges = new WeakMap<Request, Exchange>();
const CONTINUE = new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n");
/** How much of a body that nobody has read is read to keep its connection. */
const MOST_DROPPED = 262_144;
/** Statuses whose messages have no body (RFC 9110, section 6.4.1). */
const BODILESS = new Set([101, 204, 304]);

/** Asks for the connection of a request once its answer, an upgrade, is out. */
export function upgrade(request: Request, upgraded: (connection: Upgraded) => void): void {
  const exchange = exchanges.get(request);
  if (exchange === undefined) throw new TypeError("Cannot upgrade as the request must be one of a server in memory");
  exchange.upgraded = upgraded;
}

/** Begins to serve. */
export function serve(wire: HttpWire, options: HttpListenOptions, handler: Handler): HttpServing {
  return new VirtualServer(wire, options, handler);
}

class VirtualServer implements HttpServing {
  readonly address: TcpAddress;
  readonly finished: Promise<void>;
  readonly #wire: HttpWire;
  readonly #handler: Handler;
  readonly #onError: (error: unknown) => Response;
  readonly #listener: NetworkListener;
  readonly #scheme: string;
  readonly #open = new Set<NetworkConn>();
  #over = false;

  constructor(wire: HttpWire, options: HttpListenOptions, handler: Handler) {
    const { port, backlog, reusePort, identity, onError } = options;
    const where = {
      hostname: wire.addressOf(options.hostname),
      port,
      ...(backlog === undefined ? {} : { backlog }),
      ...(reusePort === undefined ? {} : { reusePort }),
    };
    this.#wire = wire;
    this.#handler = handler;
    this.#onError = onError;
    const secure = identity !== null && identity !== undefined;
    this.#listener = secure ? wire.listenSecurely(where, identity) : wire.listen(where);
    this.#scheme = secure ? "https" : "http";
    this.address = this.#listener.addr;
    this.finished = this.#accept();
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    closeQuietly(this.#listener);
    for (const conn of this.#open) closeQuietly(conn);
  }

  async #accept(): Promise<void> {
    while (!this.#over) {
      let conn: NetworkConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        // One that was reset before it was accepted ends nothing else.
        if (this.#over || (error as Error).name === "BadResource" || (error as Error).name === "Interrupted") break;
        continue;
      }
      this.#open.add(conn);
      this.#converse(conn).catch(() => {}).finally(() => {
        this.#open.delete(conn);
      });
    }
    this.#over = true;
  }

  async #converse(conn: NetworkConn): Promise<void> {
    const reader = new ByteReader(conn);
    let upgraded = false;
    try {
      while (!this.#over) {
        const head = await this.#nextHead(conn, reader);
        if (head === null) return;
        const outcome = await this.#answer(conn, reader, head);
        upgraded = outcome === "upgraded";
        if (outcome !== "next") return;
      }
    } finally {
      if (!upgraded) closeQuietly(conn);
    }
  }

  async #nextHead(conn: NetworkConn, reader: ByteReader): Promise<Head & { readonly framing: Framing } | null> {
    try {
      const head = await readHead(reader, "request");
      if (head === null) return null;
      const framing = framingOf(head.headers) ?? { length: 0 };
      if (head.start[2] === "HTTP/1.1" && !head.headers.has("host")) throw new ProtocolError("there is no host");
      return { ...head, framing };
    } catch (error) {
      if (error instanceof ProtocolError) {
        await writeAll(
          conn,
          formatHead(`HTTP/1.1 ${error.status} ${reasonOf(error.status)}`, [
            ["connection", "close"],
            ["content-length", "0"],
          ]),
        ).catch(() => {});
      }
      return null;
    }
  }

  /** Answers one request; tells what becomes of the connection. */
  async #answer(
    conn: NetworkConn,
    reader: ByteReader,
    { start: [method, target, version], headers, framing }: Head & { readonly framing: Framing },
  ): Promise<"next" | "close" | "upgraded"> {
    const gone = new AbortController();
    const completed = Promise.withResolvers<void>();
    completed.promise.catch(() => {});
    this.#wire.note(conn, `${method} ${target}`);
    let bodyOver = typeof framing === "object" && framing.length === 0;
    let dropped = false;
    let continued = headers.get("expect")?.toLowerCase() !== "100-continue";
    const body = bodyOver ? null : incomingBody(reader, framing, {
      begin: () => {
        if (continued) return;
        continued = true;
        writeAll(conn, CONTINUE).catch(() => {});
      },
      end: () => {
        bodyOver = true;
        watch();
      },
      broken: () => void (dropped = true),
      explain: (error) => bodyError(error),
    });
    let answered = false;
    /** Notices a client that ends: nothing else is read meanwhile. */
    const watch = (): void => {
      if (answered || reader.available > 0) return;
      const lost = (): void => {
        if (!answered) gone.abort(new DOMException("The request has been cancelled.", "AbortError"));
      };
      reader.fill().then((more) => more || lost(), lost);
    };
    const canHaveBody = method !== "GET" && method !== "HEAD";
    let request: Request;
    try {
      const url = /^https?:\/\//i.test(target) ? target : `${this.#scheme}://${headers.get("host") ?? ""}${target}`;
      const init = { method, headers, signal: gone.signal, ...(canHaveBody && body !== null ? { body } : {}) };
      request = requestOf(url, init);
    } catch {
      await this.#send(conn, reader, new Response("Bad Request", { status: 400 }), { method, close: true });
      return "close";
    }
    const exchange: Exchange = { conn, reader, upgraded: null };
    exchanges.set(request, exchange);
    if (bodyOver) watch();
    const keep = version === "HTTP/1.1"
      ? !hasWord(headers, "connection", "close")
      : hasWord(headers, "connection", "keep-alive");
    let response: Response;
    try {
      response = await this.#handler(request, {
        remoteAddr: conn.remoteAddr,
        get completed() {
          return completed.promise;
        },
      });
      if (!(response instanceof Response)) throw new TypeError("Cannot answer as a handler must return a Response");
    } catch (error) {
      response = this.#onError(error);
    }
    answered = true;
    if (gone.signal.aborted || this.#over) {
      await response.body?.cancel(gone.signal.reason).catch(() => {});
      completed.reject(hostError("Interrupted", "HTTP response was not sent successfully"));
      return "close";
    }
    const close = !keep || hasWord(response.headers, "connection", "close") || version !== "HTTP/1.1";
    try {
      await this.#send(conn, reader, response, { method, close });
      completed.resolve();
    } catch (error) {
      completed.reject(error);
      return "close";
    }
    if (response.status === 101 && exchange.upgraded !== null) {
      exchange.upgraded({ conn, reader });
      return "upgraded";
    }
    if (close) return "close";
    if (bodyOver) return "next";
    // Somebody may still hold the stream, or has left it half read.
    if (dropped || body === null || body.locked || !continued) return "close";
    return await drop(body) ? "next" : "close";
  }

  async #send(
    conn: NetworkConn,
    reader: ByteReader,
    response: Response,
    { method, close }: { readonly method: string; readonly close: boolean },
  ): Promise<void> {
    const { status } = response;
    const bodiless = method === "HEAD" || BODILESS.has(status);
    let body: OutgoingBody;
    try {
      body = await OutgoingBody.of(bodiless ? null : response.body);
    } catch (error) {
      response = this.#onError(error);
      body = await OutgoingBody.of(response.body);
    }
    if (bodiless) await response.body?.cancel().catch(() => {});
    const { headers } = response;
    const own: [string, string][] = [...headers];
    if (method === "HEAD" && headers.get("content-length") === null && response.body === null) {
      own.push(["content-length", "0"]);
    } else if (!bodiless) own.push(...body.framing(headers));
    if (!headers.has("date")) own.push(["date", new Date(this.#wire.clock.wall()).toUTCString()]);
    if (!headers.has("vary") && status !== 101) own.push(["vary", "Accept-Encoding"]);
    if (close && !headers.has("connection")) own.push(["connection", "close"]);
    const head = formatHead(`HTTP/1.1 ${status} ${response.statusText || reasonOf(status)}`, own);
    this.#wire.note(conn, `${status} ${reasonOf(status)}`);
    // While a stream is sent, its client may go away between two chunks.
    const watching = status === 101 ? null : endOf(reader);
    try {
      await Promise.race([body.send(conn, head, response), ...(watching === null ? [] : [watching])]);
    } catch (error) {
      await body.cancel(error);
      throw error;
    }
  }
}

/** Rejects when the peer ends, or breaks off; never resolves. What comes meanwhile is kept. */
function endOf(reader: ByteReader): Promise<never> | null {
  if (reader.available > 0) return null;
  return new Promise((_, reject) => {
    reader.fill().then((more) => more || reject(hostError("BrokenPipe")), reject);
  });
}

/** The rest of a body that nobody wants; whether it has come to its end. */
async function drop(body: ReadableStream<Uint8Array>): Promise<boolean> {
  let size = 0;
  try {
    for await (const { length } of body) {
      size += length;
      if (size > MOST_DROPPED) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** A request as the host makes it: whatever its URL is. */
function requestOf(url: string, init: RequestInit): Request {
  return new Request(url, init);
}

/** As the host words it. */
function bodyError(error: unknown): Error {
  const text = error instanceof Error ? error.message : String(error);
  return new Error(`error reading a body from connection: ${text}`, { cause: error });
}

export function closeQuietly(closable: { close(): void }): void {
  try {
    closable.close();
  } catch {
    // It is closed.
  }
}

const REASONS: Readonly<Record<number, string>> = {
  101: "Switching Protocols",
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  206: "Partial Content",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  413: "Payload Too Large",
  415: "Unsupported Media Type",
  418: "I'm a teapot",
  422: "Unprocessable Entity",
  426: "Upgrade Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** What a status is called (RFC 9110, section 15). */
export function reasonOf(status: number): string {
  return REASONS[status] ?? "";
}
