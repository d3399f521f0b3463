/**
 * A server of HTTP/1.1 over connections in memory.
 *
 *     accept ──▶ head ──▶ callback ──▶ answer ──▶ head …        (one request after the other on a connection)
 *                 └── malformed ──▶ 400, closed
 *
 * Bytes on the wire, not messages handed over: so whatever happens to a connection happens to a request, a peer may be
 * anything that speaks HTTP, and nothing here knows of latency, partitions or crashes. What a program can observe is
 * that of Deno 2.9.6: see `net/host/deno_http.ts`.
 *
 * Plain promises, no tasks: whatever runs here goes on within one turn of the event loop, unless it waits for the
 * network, which moves by alarms of the clock, or for the handler, which has a task of its own.
 *
 * Over 400 lines as a connection, its requests and its end share one state.
 */

import type {
  NetworkConn,
  NetworkHttpRequestInfo,
  NetworkHttpServeOptions,
  NetworkHttpServer,
  NetworkListener,
} from "../../../core/lowlevel.ts";
import type { TcpAddress } from "../../../core/mod.ts";
import { BodyReader, joined, LAST_CHUNK, writeChunk } from "./body.ts";
import { ByteReader, closeQuietly, writeAll } from "./byte_reader.ts";
import { bodyKind } from "./insides.ts";
import { phraseOf } from "./phrases.ts";
import {
  formatHead,
  type Framing,
  framingOf,
  hasWord,
  type Head,
  headerOf,
  keepsAlive,
  malformed,
  MalformedError,
  readHead,
} from "./message.ts";

/** Answers a request, now or later. */
export type HttpCallback = (request: Request, info: NetworkHttpRequestInfo) => Response | Promise<Response>;

/** What a server needs of its surroundings. */
export interface ServerParts {
  readonly listener: NetworkListener;
  readonly scheme: "http" | "https";
  /** The sockets that responses stand for. */
  readonly upgrades: WeakMap<
    Response,
    { attach(conn: NetworkConn, source: ByteReader): void; readonly accept: string }
  >;
  /** The connections of requests, for those who upgrade them. */
  readonly requests: WeakMap<Request, HttpServer>;
  /** Something to write down. */
  note(conn: NetworkConn, text: string): void;
  /** Which task answers what came in on a connection; `null` when that is over. */
  handledBy(conn: NetworkConn, task: { readonly id: number; readonly name: string } | null): void;
}

/** What may follow no head of an answer. */
const BODILESS = [204, 304];
const CONTINUE = formatHead("HTTP/1.1 100 Continue", []);

/** See the header. */
export class HttpServer implements NetworkHttpServer {
  readonly address: TcpAddress;
  readonly finished: Promise<void>;
  readonly #parts: ServerParts;
  readonly #callback: HttpCallback;
  readonly #onError: NetworkHttpServeOptions["onError"];
  readonly #conns = new Set<NetworkConn>();
  /** Connections on which no request is being answered. */
  readonly #idle = new Set<NetworkConn>();
  /** Answers that were handed over and are not on their way. */
  #unsent = 0;
  /** Requests that are not answered. */
  #busy = 0;
  #draining = false;
  #drained: () => void = () => {};
  readonly #finish: () => void;

  constructor(parts: ServerParts, callback: HttpCallback, onError: NetworkHttpServeOptions["onError"]) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.finished = promise;
    this.#finish = resolve;
    this.#parts = parts;
    this.#callback = callback;
    this.#onError = onError;
    this.address = parts.listener.addr;
    this.#accept().catch(() => {});
  }

  abort(): void {
    closeQuietly(this.#parts.listener);
    for (const conn of [...this.#conns]) closeQuietly(conn);
    this.#finish();
  }

  /** Takes no more requests, and closes everything once those are answered that have come. */
  async drain(): Promise<void> {
    this.#draining = true;
    closeQuietly(this.#parts.listener);
    for (const conn of this.#idle) closeQuietly(conn);
    if (this.#busy > 0) await new Promise<void>((resolve) => this.#drained = resolve);
    this.abort();
  }

  async flushed(): Promise<void> {
    // All that takes is microtasks.
    while (this.#unsent > 0) await null;
  }

  async #accept(): Promise<void> {
    const { listener } = this.#parts;
    while (true) {
      const conn = await listener.accept();
      this.#conns.add(conn);
      this.#serve(conn).catch(() => {});
    }
  }

  async #serve(conn: NetworkConn): Promise<void> {
    const source = new ByteReader(conn);
    let close = true;
    try {
      for (let next: "again" | "close" | "taken" = "again"; next === "again";) {
        this.#idle.add(conn);
        const head = await readHead(source);
        this.#idle.delete(conn);
        if (head === null) break;
        this.#busy++;
        try {
          next = await this.#exchange(conn, source, head);
        } finally {
          if (--this.#busy === 0) this.#drained();
        }
        close = next !== "taken";
      }
    } catch (error) {
      if (error instanceof MalformedError) await this.#refuse(conn).catch(() => {});
    }
    this.#idle.delete(conn);
    if (!close) return;
    this.#conns.delete(conn);
    closeQuietly(conn);
  }

  #refuse(conn: NetworkConn): Promise<void> {
    const headers = [["content-length", "0"], ["date", now()], ["connection", "close"]] as const;
    return writeAll(conn, formatHead("HTTP/1.1 400 Bad Request", headers));
  }

  async #exchange(conn: NetworkConn, source: ByteReader, head: Head): Promise<"again" | "close" | "taken"> {
    const [method, , version] = head.first;
    if (!/^HTTP\/1\.[01]$/.test(version)) throw malformed("invalid HTTP version parsed");
    const body = new BodyReader(source, framingOf(head) ?? 0);
    const exchange = new Exchange(conn, source, body, hasWord(head, "expect", "100-continue"));
    const request = exchange.request(head, urlOf(head, this.#parts.scheme, this.address.port));
    this.#parts.requests.set(request, this as HttpServer);
    const info: NetworkHttpRequestInfo = {
      remoteAddr: conn.remoteAddr,
      completed: exchange.completed,
      handledBy: (task) => this.#parts.handledBy(conn, task),
    };
    let response: Response;
    try {
      response = await this.#callback(request, info);
      check(response);
    } catch (error) {
      response = this.#onError(error);
    }
    this.#unsent++;
    const sent = (): void => void this.#unsent--;
    try {
      const upgrade = this.#parts.upgrades.get(response);
      this.#parts.note(conn, `${response.status} for ${method} ${head.first[1]}`);
      if (upgrade !== undefined) {
        exchange.settled();
        await writeAll(conn, upgradeHead(response, upgrade.accept)).finally(sent);
        upgrade.attach(closing(conn, () => this.#conns.delete(conn)), source);
        return "taken";
      }
      const keep = keepsAlive(head, version) && !this.#draining && !closesAfter(response) && body.isShort &&
        !exchange.expects;
      await new Answer(conn, exchange, response, { keep, version }).send(method, sent);
      if (!keep || !(await body.drain())) return "close";
      return "again";
    } finally {
      exchange.settled();
      this.#parts.handledBy(conn, null);
    }
  }
}

/** One request, while it is not answered. */
class Exchange {
  readonly completed: Promise<void>;
  /** Called when the client goes away. */
  onGone: () => void = () => {};
  /** Whether the client waits to be asked for the body. */
  expects: boolean;
  gone = false;
  readonly #conn: NetworkConn;
  readonly #source: ByteReader;
  readonly #body: BodyReader;
  readonly #abort = new AbortController();
  readonly #complete: () => void;
  #over = false;

  constructor(conn: NetworkConn, source: ByteReader, body: BodyReader, expects: boolean) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.completed = promise;
    this.#complete = resolve;
    this.#conn = conn;
    this.#source = source;
    this.#body = body;
    this.expects = expects && !body.done;
  }

  request({ first: [method], headers }: Head, url: string): Request {
    const { signal } = this.#abort;
    const init = { method, headers: headers as [string, string][], signal };
    const hasBody = !this.#body.done && method !== "GET" && method !== "HEAD";
    this.#watch();
    try {
      return new Request(url, hasBody ? { ...init, body: this.#stream(), duplex: "half" } as RequestInit : init);
    } catch (error) {
      // A method that is none, or a name that cannot be.
      throw malformed(String(error));
    }
  }

  /** The answer is out, or cannot be sent. */
  settled(): void {
    this.#over = true;
    this.#complete();
  }

  /** None of bytes, as of those Deno 2.9.6 does not end the cancelling of a clone that has been read. */
  #stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      pull: async (controller) => {
        try {
          if (this.expects) {
            this.expects = false;
            await writeAll(this.#conn, CONTINUE);
          }
          const chunk = await this.#body.read();
          if (chunk === null) controller.close();
          else controller.enqueue(chunk);
          if (!this.#body.done) return;
          if (chunk !== null) controller.close();
          this.#watch();
        } catch (error) {
          throw brokenBody(error);
        }
      },
    }, { highWaterMark: 0 });
  }

  /** Once the body has been read, whatever ends the connection says that the client is gone. */
  #watch(): void {
    if (!this.#body.done || this.#over || this.#source.size > 0) return;
    this.#source.more().then((more) => more || this.#leave(), () => this.#leave());
  }

  #leave(): void {
    if (this.#over) return;
    this.gone = true;
    this.#abort.abort(new DOMException("The request has been cancelled.", "AbortError"));
    this.onGone();
  }
}

/** One answer on its way. */
class Answer {
  readonly #conn: NetworkConn;
  readonly #exchange: Exchange;
  readonly #response: Response;
  readonly #keep: boolean;
  readonly #version: string;

  constructor(
    conn: NetworkConn,
    exchange: Exchange,
    response: Response,
    { keep, version }: { readonly keep: boolean; readonly version: string },
  ) {
    this.#conn = conn;
    this.#exchange = exchange;
    this.#response = response;
    this.#keep = keep;
    this.#version = version;
  }

  /** Sends it; `sent` is called when all that is no stream is on its way. */
  async send(method: string, sent: () => void): Promise<void> {
    let told = false;
    const tell = (): void => {
      if (!told) sent();
      told = true;
    };
    try {
      const response = this.#response;
      const kind = bodyKind(response);
      const isBodiless = BODILESS.includes(response.status);
      if (kind === null || !kind.isStream && !kind.ofHost) {
        const bytes = await response.bytes();
        const head = this.#head(isBodiless ? null : bytes.length);
        const all = isBodiless || method === "HEAD" ? head : joined(head, bytes);
        const writing = writeAll(this.#conn, all);
        tell();
        return await writing;
      }
      const given = response.headers.get("content-length");
      const length = kind.length ?? (given === null ? null : Number(given));
      const framing: Framing = length ?? (this.#version === "HTTP/1.1" ? "chunked" : "until the end");
      const writing = writeAll(this.#conn, this.#head(isBodiless ? null : framing));
      tell();
      await writing;
      if (isBodiless || method === "HEAD") await response.body!.cancel();
      else await this.#pump(response.body!, framing);
    } finally {
      tell();
    }
  }

  #head(framing: Framing | null): Uint8Array {
    const { status, statusText, headers } = this.#response;
    const own = [...headers].filter(([name]) => !/^(content-length|transfer-encoding|connection|date)$/.test(name));
    if (framing === "chunked") own.push(["transfer-encoding", "chunked"]);
    else if (typeof framing === "number") own.push(["content-length", String(framing)]);
    own.push(["date", headers.get("date") ?? now()]);
    if (this.#version === "HTTP/1.1" && !this.#keep) own.push(["connection", "close"]);
    return formatHead(`${this.#version} ${status} ${statusText || phraseOf(status) || "<none>"}`, own);
  }

  async #pump(body: ReadableStream<Uint8Array>, framing: Framing): Promise<void> {
    const reader = body.getReader();
    let left = typeof framing === "number" ? framing : Infinity;
    this.#exchange.onGone = () => {
      reader.cancel().catch(() => {});
      closeQuietly(this.#conn);
    };
    try {
      while (true) {
        const { done, value } = await reader.read();
        if (this.#exchange.gone) throw malformed("connection closed before message completed");
        if (done) break;
        if (value.length > left) throw malformed("body is longer than its content-length");
        left -= value.length;
        if (framing === "chunked") await writeChunk(this.#conn, value);
        else await writeAll(this.#conn, value);
      }
      if (framing === "chunked") await writeAll(this.#conn, LAST_CHUNK);
      else if (left > 0 && left < Infinity) throw malformed("body is shorter than its content-length");
    } catch (error) {
      // The client must not take what it has for the whole.
      closeQuietly(this.#conn);
      await reader.cancel(error).catch(() => {});
      throw error;
    }
  }
}

/** What the host says about an answer that cannot be sent. */
function check(response: unknown): void {
  if (!(response instanceof Response)) {
    throw new TypeError("Return value from serve handler must be a response or a promise resolving to a response");
  }
  if (response.type === "error") throw new TypeError("Return value from serve handler must not be an error response");
  if (response.bodyUsed) {
    throw new TypeError("The body of the Response returned from the serve handler has already been consumed");
  }
}

/** What a read of a body fails with, as Deno says it: the name is its class, where there is one. */
function brokenBody(error: unknown): Error {
  const { Deno: deno } = globalThis as {
    Deno?: { errors: { Http: new (message: string, options: ErrorOptions) => Error } };
  };
  const Class = deno?.errors.Http ?? Error;
  const text = error instanceof MalformedError ? error.message : "error reading a body from connection";
  return new Class(text, { cause: error });
}

function urlOf(head: Head, scheme: string, port: number): string {
  const target = head.first[1];
  if (/^https?:\/\//i.test(target)) return target;
  const host = headerOf(head, "host") || `localhost:${port}`;
  const url = `${scheme}://${host}${target.startsWith("/") ? target : `/${target === "*" ? "" : target}`}`;
  if (!URL.canParse(url)) throw malformed("invalid uri character");
  return url;
}

function upgradeHead(response: Response, accept: string): Uint8Array {
  return formatHead("HTTP/1.1 101 Switching Protocols", [
    ["upgrade", "websocket"],
    ["connection", "Upgrade"],
    ["sec-websocket-accept", accept],
    ...[...response.headers].filter(([name]) => !/^(upgrade|connection|sec-websocket-accept)$/.test(name)),
    ["date", now()],
  ]);
}

/** A connection that says when it is closed. */
function closing(conn: NetworkConn, closed: () => void): NetworkConn {
  return {
    localAddr: conn.localAddr,
    remoteAddr: conn.remoteAddr,
    read: (buffer) => conn.read(buffer),
    write: (data) => conn.write(data),
    closeWrite: () => conn.closeWrite(),
    close() {
      closed();
      conn.close();
    },
  };
}

function closesAfter(response: Response): boolean {
  return (response.headers.get("connection") ?? "").toLowerCase().includes("close");
}

function now(): string {
  return new Date().toUTCString();
}
