/**
 * A WebSocket over a connection in memory, with the interface of the Web: events in, `send()` out.
 *
 *     CONNECTING ──101──▶ OPEN ──close frame of either side──▶ CLOSING ──that of the other──▶ CLOSED (clean)
 *          └──────────────┴──the connection ends, or a frame is none────────────────────────▶ CLOSED (error, close)
 *
 * What events say is what Deno 2.9.6 says: a close that is not clean has the code 0.
 */

import type { Alarm, Clock, NetworkConn } from "../../../core/lowlevel.ts";
import { ByteReader, closeQuietly, writeAll } from "./byte_reader.ts";
import {
  BINARY,
  CLOSE,
  fitsControl,
  formatFrame,
  FrameReader,
  invalid,
  type Message,
  PING,
  PONG,
  TEXT,
} from "./frames.ts";
import { defineHandlers } from "./handlers.ts";
import { formatHead, hasWord, headerOf, readHead } from "./message.ts";
import { sha1 } from "./sha1.ts";

/** What a WebSocket needs of its surroundings. */
export interface WebSocketParts {
  readonly clock: Clock;
  /** A random number from 0 up to 1, for keys and masks. */
  random(): number;
  /** Opens a connection, with TLS where the URL says so. */
  dial(url: URL, caCerts: readonly string[], signal: AbortSignal): Promise<NetworkConn>;
  /** Nobody has to close a connection any more. */
  keep(conn: NetworkConn): void;
  note(conn: NetworkConn, text: string): void;
}

/** What a client asks for. */
export interface WebSocketRequest {
  readonly url: URL;
  readonly protocols: readonly string[];
  readonly headers: Headers;
  readonly caCerts: readonly string[];
}

const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3] as const;
const LONGEST_REASON = 123;
const NO_CODE = 1005;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

interface Outgoing {
  readonly kind: number;
  readonly bytes: Uint8Array | Promise<Uint8Array>;
  readonly size: number;
}

/** See the header. */
export class VirtualWebSocket extends EventTarget {
  readonly CONNECTING = CONNECTING;
  readonly OPEN = OPEN;
  readonly CLOSING = CLOSING;
  readonly CLOSED = CLOSED;
  readonly #parts: WebSocketParts;
  readonly #role: "client" | "server";
  readonly #idleTimeout: number;
  readonly #giveUp = new AbortController();
  readonly #queue: Outgoing[] = [];
  readonly #onSent = new Set<() => void>();
  #url = "";
  #protocol = "";
  #binaryType: BinaryType = "blob";
  #state: 0 | 1 | 2 | 3 = CONNECTING;
  #buffered = 0;
  #conn: NetworkConn | null = null;
  #writing = false;
  #closeSent = false;
  #alarm: Alarm | null = null;
  #heardOf = 0;

  /** A client's, which is opened, or a server's, which is attached to its connection later. */
  constructor(
    parts: WebSocketParts,
    how: WebSocketRequest | { readonly protocol: string; readonly idleTimeout: number },
  ) {
    super();
    this.#parts = parts;
    if ("url" in how) {
      this.#role = "client";
      this.#idleTimeout = Infinity;
      this.#url = how.url.href;
      this.#open(how).catch((error) => this.#fail(error));
    } else {
      this.#role = "server";
      this.#protocol = how.protocol;
      this.#idleTimeout = how.idleTimeout;
    }
  }

  get url(): string {
    return this.#url;
  }

  get protocol(): string {
    return this.#protocol;
  }

  get extensions(): string {
    return "";
  }

  get readyState(): number {
    return this.#state;
  }

  get bufferedAmount(): number {
    return this.#buffered;
  }

  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType) {
    if (type === "blob" || type === "arraybuffer") this.#binaryType = type;
  }

  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
    if (this.#state === CONNECTING) throw new DOMException("'readyState' not OPEN", "InvalidStateError");
    if (this.#state !== OPEN) return;
    if (data instanceof Blob) return this.#enqueue({ kind: BINARY, bytes: bytesOf(data), size: data.size });
    if (ArrayBuffer.isView(data)) {
      return this.#enqueueBytes(BINARY, new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice());
    }
    if (data instanceof ArrayBuffer) return this.#enqueueBytes(BINARY, new Uint8Array(data.slice(0)));
    this.#enqueueBytes(TEXT, new TextEncoder().encode(String(data)));
  }

  close(code?: number, reason: string = ""): void {
    const isAllowed = code === undefined || code === 1000 || (code >= 3000 && code <= 4999) ||
      (this.#role === "server" && code > 1000 && code < 1015 && ![1004, 1005, 1006].includes(code));
    if (!isAllowed) {
      throw new DOMException(
        `The close code must be either 1000 or in the range of 3000 to 4999: received ${code}`,
        "InvalidAccessError",
      );
    }
    const text = new TextEncoder().encode(reason);
    if (text.length > LONGEST_REASON) throw new DOMException("The close reason is too long", "SyntaxError");
    if (this.#state === CONNECTING) {
      this.#state = CLOSING;
      // One that has no connection yet has nothing to wait for.
      if (this.#role === "client") this.#giveUp.abort(invalid("closed before it was open"));
    } else if (this.#state === OPEN) {
      this.#state = CLOSING;
      if (this.#conn !== null) this.#parts.keep(this.#conn);
      this.#sendClose(code, text);
    }
  }

  /** Calls back once, when some of what was to be sent is on its way; returns how to prevent that. */
  onceSent(callback: () => void): () => void {
    this.#onSent.add(callback);
    return () => void this.#onSent.delete(callback);
  }

  /** Begins on a connection whose handshake is done. */
  attach(conn: NetworkConn, source: ByteReader): void {
    this.#conn = conn;
    const closing = this.#state === CLOSING;
    this.#state = OPEN;
    this.dispatchEvent(new Event("open"));
    if (closing && this.#state === OPEN) this.close();
    this.#hear();
    this.#receive(new FrameReader(source)).catch((error) => this.#fail(error));
  }

  async #open({ url, protocols, headers, caCerts }: WebSocketRequest): Promise<void> {
    // An event before there is somebody to hear it would be lost.
    await null;
    const { signal } = this.#giveUp;
    try {
      const conn = await this.#connect(url, caCerts, signal);
      const key = btoa(String.fromCharCode(...Array.from({ length: 16 }, () => this.#parts.random() * 256)));
      await writeAll(
        conn,
        formatHead(`GET ${url.pathname}${url.search} HTTP/1.1`, [
          ["Host", url.host],
          ...[...headers].filter(([name]) =>
            !/^(host|upgrade|connection|sec-websocket-(key|version|protocol))$/.test(name)
          ),
          ["Upgrade", "websocket"],
          ["Connection", "Upgrade"],
          ["Sec-WebSocket-Key", key],
          ["Sec-WebSocket-Version", "13"],
          ...(protocols.length === 0 ? [] : [["Sec-WebSocket-Protocol", protocols.join(", ")] as const]),
        ]),
      );
      this.#parts.note(conn, `GET ${url.pathname}${url.search} (WebSocket)`);
      const source = new ByteReader(conn);
      const head = await readHead(source);
      if (head === null) throw invalid("connection closed before message completed");
      const [, status] = head.first;
      if (status !== "101") throw invalid(`Invalid status code: ${status}`);
      if (!hasWord(head, "upgrade", "websocket")) throw invalid("Invalid Upgrade header");
      if (!hasWord(head, "connection", "upgrade")) throw invalid("Invalid Connection header");
      if (headerOf(head, "sec-websocket-accept") !== acceptOf(key)) {
        throw invalid("Invalid Sec-WebSocket-Accept header");
      }
      this.#protocol = headerOf(head, "sec-websocket-protocol") ?? "";
      signal.throwIfAborted();
      this.attach(conn, source);
    } catch (error) {
      const text = `failed to connect to WebSocket: ${(signal.aborted ? signal.reason : error).message}`;
      const failure = new DOMException(text, "NetworkError");
      this.#end({ message: `NetworkError: ${text}`, error: failure });
    }
  }

  async #connect(url: URL, caCerts: readonly string[], signal: AbortSignal): Promise<NetworkConn> {
    const target = new URL(url);
    target.protocol = url.protocol === "wss:" ? "https:" : "http:";
    const conn = await this.#parts.dial(target, caCerts, signal);
    if (signal.aborted) closeQuietly(conn);
    this.#conn = conn;
    signal.addEventListener("abort", () => this.#state === CLOSING && closeQuietly(conn));
    return conn;
  }

  async #receive(frames: FrameReader): Promise<void> {
    while (this.#state === OPEN || this.#state === CLOSING) {
      const message = await frames.next();
      if (message === null) throw invalid("Unexpected EOF");
      this.#hear();
      if (message.kind === CLOSE) return await this.#closed(message);
      this.#took(message);
    }
  }

  #took({ kind, bytes }: Message): void {
    if (kind === PING) return this.#enqueue({ kind: PONG, bytes, size: 0 });
    if (kind === PONG || this.#state !== OPEN) return;
    let data: unknown = this.#binaryType === "blob" ? new Blob([bytes]) : bytes.buffer;
    if (kind === TEXT) {
      try {
        data = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch {
        throw invalid("Invalid UTF-8");
      }
    }
    this.dispatchEvent(new MessageEvent("message", { data, origin: this.#url }));
  }

  async #closed({ bytes }: Message): Promise<void> {
    let code = NO_CODE;
    let reason = "";
    if (bytes.length === 1) throw invalid("Invalid close frame");
    if (bytes.length > 1) {
      code = bytes[0]! * 256 + bytes[1]!;
      if (code < 1000 || [1004, 1005, 1006, 1015].includes(code) || (code > 1014 && code < 3000) || code > 4999) {
        throw invalid("Invalid close code");
      }
      try {
        reason = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(2));
      } catch {
        throw invalid("Invalid UTF-8");
      }
    }
    this.#state = CLOSING;
    this.#sendClose(code === NO_CODE ? undefined : code, bytes.subarray(2));
    while (this.#queue.length > 0 || this.#writing) await new Promise<void>((resolve) => this.onceSent(resolve));
    this.#end(null, { code, reason, wasClean: true });
  }

  #sendClose(code: number | undefined, reason: Uint8Array): void {
    if (this.#closeSent) return;
    this.#closeSent = true;
    const bytes = code === undefined ? new Uint8Array() : new Uint8Array([code >> 8, code & 255, ...reason]);
    this.#enqueue({ kind: CLOSE, bytes: fitsControl(bytes.length) ? bytes : bytes.slice(0, 125), size: 0 });
  }

  #enqueueBytes(kind: number, bytes: Uint8Array): void {
    this.#enqueue({ kind, bytes, size: bytes.length });
  }

  #enqueue(outgoing: Outgoing): void {
    this.#buffered += outgoing.size;
    this.#queue.push(outgoing);
    if (!this.#writing) this.#write().catch((error) => this.#fail(error));
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
        const { kind, bytes, size } = next;
        const mask = this.#role === "client" ? Math.floor(this.#parts.random() * 2 ** 32) : null;
        await writeAll(this.#conn!, formatFrame(kind, bytes instanceof Uint8Array ? bytes : await bytes, mask));
        this.#queue.shift();
        this.#buffered -= size;
        this.#sent();
      }
    } finally {
      this.#writing = false;
      this.#sent();
    }
  }

  #sent(): void {
    const callbacks = [...this.#onSent];
    this.#onSent.clear();
    for (const callback of callbacks) callback();
  }

  /** The peer has been heard of: after half of its time it is asked for a sign of life, after all of it cut off. */
  #hear(): void {
    if (this.#idleTimeout === Infinity) return;
    this.#heardOf = this.#parts.clock.now();
    this.#alarm ??= this.#later(this.#idleTimeout / 2);
  }

  #later(ms: number): Alarm {
    const { clock } = this.#parts;
    return clock.at(clock.now() + ms, (socket) => socket.#look(), this as VirtualWebSocket);
  }

  #look(): void {
    this.#alarm = null;
    if (this.#state !== OPEN) return;
    const silent = this.#parts.clock.now() - this.#heardOf;
    if (silent >= this.#idleTimeout) return this.#fail(invalid("No response from ping frame."));
    const half = this.#idleTimeout / 2;
    if (silent >= half) {
      // One whose peer does not take what it is sent is not asked.
      if (!this.#writing) this.#enqueue({ kind: PING, bytes: new Uint8Array(), size: 0 });
      this.#alarm = this.#later(this.#idleTimeout - silent);
    } else this.#alarm = this.#later(half - silent);
  }

  #fail(error: Error): void {
    if (this.#state === CLOSED) return;
    this.#end({ message: error.message, error });
  }

  #end(fault: { readonly message: string; readonly error: Error } | null, close: CloseEventInit = { code: 0 }): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#alarm?.cancel();
    this.#alarm = null;
    if (this.#conn !== null) closeQuietly(this.#conn);
    if (fault !== null) this.dispatchEvent(new ErrorEvent("error", { ...fault, cancelable: false }));
    this.dispatchEvent(new CloseEvent("close", close));
    this.#sent();
  }
}

defineHandlers(VirtualWebSocket.prototype, ["open", "message", "error", "close"]);

/** Checks what a client asks for. Throws as the host's `WebSocket` does. */
export function checkRequest(
  url: string | URL,
  { protocols = [], headers, caCerts = [] }: {
    readonly protocols?: readonly string[];
    readonly headers?: HeadersInit;
    readonly caCerts?: readonly string[];
  },
): WebSocketRequest {
  if (!URL.canParse(url)) throw new DOMException(`Invalid URL: '${url}'`, "SyntaxError");
  const target = new URL(url);
  if (target.protocol === "http:") target.protocol = "ws:";
  if (target.protocol === "https:") target.protocol = "wss:";
  if (target.protocol !== "ws:" && target.protocol !== "wss:") {
    throw new DOMException(
      `Only ws & wss schemes are allowed in a WebSocket URL: received ${target.protocol}`,
      "SyntaxError",
    );
  }
  if (target.hash !== "" || target.href.endsWith("#")) {
    throw new DOMException("Fragments are not allowed in a WebSocket URL", "SyntaxError");
  }
  if (new Set(protocols.map((protocol) => protocol.toLowerCase())).size < protocols.length) {
    throw new DOMException("Cannot supply multiple times the same protocol", "SyntaxError");
  }
  if (!protocols.every((protocol) => TOKEN.test(protocol))) {
    throw new DOMException("Invalid protocol value", "SyntaxError");
  }
  return { url: target, protocols, headers: new Headers(headers), caCerts };
}

/** What a server answers to a key (RFC 6455, section 4.2.2). */
export function acceptOf(key: string): string {
  return btoa(String.fromCharCode(...sha1(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)));
}

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}
