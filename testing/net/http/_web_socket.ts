/**
 * A WebSocket over a connection in memory: the interface of the web, its frames those of RFC 6455.
 *
 *     CONNECTING ──handshake──▶ OPEN ──close()──▶ CLOSING ──close frame of the peer──▶ CLOSED
 *          │                     ├──close frame of the peer, answered──────────────────▶ CLOSED
 *          └──refused────────────┴──connection lost, or nonsense (error event)─────────▶ CLOSED, code 1006
 */

import type { Alarm, Clock, HttpSocket, NetworkConn } from "../../../core/lowlevel.ts";
import { closeOf, decodeText, encodeFrame, MOST, OPCODE, readFrame } from "./_frames.ts";
import { concat } from "./_body.ts";
import { type ByteReader, ProtocolError, writeAll } from "./reader.ts";
import { closeQuietly } from "./_server.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Listener<E extends Event> = ((event: E) => unknown) | null;

const encoder = new TextEncoder();
const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3] as const;

/** What it is made of. */
export interface SocketParts {
  readonly url: string;
  readonly role: "client" | "server";
  readonly clock: Clock;
  /** Fills bytes at random, for masks. */
  readonly random: () => number;
  /** Whether nobody is there any more to be told. */
  readonly isDead: () => boolean;
  /** After how long without a frame a ping is sent, in milliseconds. */
  readonly idleTimeout: number;
}

/** See the header. */
export class VirtualWebSocket extends EventTarget {
  readonly url: string;
  readonly extensions = "";
  protocol = "";
  binaryType: BinaryType = "blob";
  readyState: number = CONNECTING;
  bufferedAmount = 0;
  readonly #parts: SocketParts;
  #conn: NetworkConn | null = null;
  /** Frames that wait to be written, and how many bytes of `bufferedAmount` each is. */
  readonly #queue: { readonly frame: Bytes; readonly size: number }[] = [];
  #writing = false;
  #closeSent = false;
  readonly #sent = new Set<() => void>();
  readonly #handlers = new Map<string, { readonly handler: unknown; readonly listener: (event: Event) => void }>();
  #idle: Alarm | null = null;
  #pinged = false;

  constructor(parts: SocketParts) {
    super();
    this.#parts = parts;
    this.url = parts.url;
  }

  get onopen(): Listener<Event> {
    return this.#handler("open");
  }
  set onopen(handler: Listener<Event>) {
    this.#handle("open", handler);
  }
  get onmessage(): Listener<MessageEvent> {
    return this.#handler("message");
  }
  set onmessage(handler: Listener<MessageEvent>) {
    this.#handle("message", handler);
  }
  get onerror(): Listener<Event> {
    return this.#handler("error");
  }
  set onerror(handler: Listener<Event>) {
    this.#handle("error", handler);
  }
  get onclose(): Listener<CloseEvent> {
    return this.#handler("close");
  }
  set onclose(handler: Listener<CloseEvent>) {
    this.#handle("close", handler);
  }

  send(data: string | ArrayBufferLike | Blob | ArrayBufferView): void {
    if (this.readyState === CONNECTING) throw new DOMException("readyState not OPEN", "InvalidStateError");
    if (typeof data === "string") return this.#message(OPCODE.text, encoder.encode(data));
    if (ArrayBuffer.isView(data)) {
      return this.#message(OPCODE.binary, new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice());
    }
    if (data instanceof Blob) {
      data.arrayBuffer().then((bytes) => this.#message(OPCODE.binary, new Uint8Array(bytes)));
      return;
    }
    this.#message(OPCODE.binary, new Uint8Array(data as ArrayBuffer).slice());
  }

  close(code?: number, reason: string = ""): void {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999) && this.#parts.role === "client") {
      throw new DOMException(
        "The close code must be either 1000 or in the range of 3000 to 4999",
        "InvalidAccessError",
      );
    }
    if (encoder.encode(reason).length > 123) {
      throw new DOMException("The close reason may not be longer than 123 bytes", "SyntaxError");
    }
    if (this.readyState === CLOSED || this.readyState === CLOSING) return;
    const wasOpen = this.readyState === OPEN;
    this.readyState = CLOSING;
    if (wasOpen) this.#sendClose(code, reason);
    else this.lost("WebSocket closed before it was open");
  }

  /** Calls back once when something was sent: see `HttpSocket`. */
  onceSent(callback: () => void): () => void {
    this.#sent.add(callback);
    return () => void this.#sent.delete(callback);
  }

  /** The handshake is done. */
  opened(conn: NetworkConn, reader: ByteReader, protocol: string): void {
    if (this.readyState !== CONNECTING) return closeQuietly(conn);
    this.#conn = conn;
    this.protocol = protocol;
    this.readyState = OPEN;
    this.#lookForLife();
    this.#tell(new Event("open"));
    this.#read(reader).catch((error) => this.#failed(error));
  }

  /** There is no connection, or no more. */
  lost(text: string, code = 1006): void {
    if (this.readyState === CLOSED) return;
    const failed = this.readyState !== CLOSED;
    this.readyState = CLOSED;
    this.#end();
    if (failed) this.#tell(new ErrorEvent("error", { message: text }));
    this.#tell(new CloseEvent("close", { code, wasClean: false, reason: "" }));
  }

  async #read(reader: ByteReader): Promise<void> {
    let parts: Bytes[] = [];
    let kind: number | null = null;
    while (this.readyState === OPEN || this.readyState === CLOSING) {
      const { fin, opcode, payload } = await readFrame(reader, this.#parts.role);
      this.#pinged = false;
      this.#lookForLife();
      if (opcode === OPCODE.ping) this.#frame(OPCODE.pong, payload);
      else if (opcode === OPCODE.close) return await this.#closedBy(payload, reader);
      else if (opcode !== OPCODE.pong) {
        if ((opcode === OPCODE.continuation) === (kind === null)) throw new ProtocolError("Invalid fragment");
        kind ??= opcode;
        parts.push(payload);
        if (parts.reduce((sum, { length }) => sum + length, 0) > MOST) throw new ProtocolError("Message too large");
        if (!fin) continue;
        const whole = concat(...parts);
        const isText = kind === OPCODE.text;
        [parts, kind] = [[], null];
        this.#deliver(isText ? decodeText(whole) : whole);
      }
    }
  }

  async #closedBy(payload: Bytes, reader: ByteReader): Promise<void> {
    const { code, reason } = closeOf(payload);
    if (this.readyState === OPEN) {
      this.readyState = CLOSING;
      this.#sendClose(code === 1005 ? undefined : code, reason);
    }
    await this.#drained();
    // The server closes the connection (section 7.1.1).
    if (this.#parts.role === "client") { while (await reader.fill().catch(() => false)); }
    if ((this.readyState as number) === CLOSED) return;
    this.readyState = CLOSED;
    this.#end();
    this.#tell(new CloseEvent("close", { code, reason, wasClean: true }));
  }

  #failed(error: unknown): void {
    if (this.readyState === CLOSED) return;
    if (!(error instanceof ProtocolError)) return this.lost((error as Error).message);
    if (error.message === "unexpected end of file") return this.lost("Unexpected EOF");
    this.#sendClose(error.status === 1007 ? 1007 : 1002, "");
    this.#drained().then(() => this.lost(error.message));
  }

  #deliver(data: string | Bytes): void {
    if (this.readyState !== OPEN) return;
    const value = typeof data === "string" ? data : this.binaryType === "blob" ? new Blob([data]) : data.buffer;
    this.#tell(new MessageEvent("message", { data: value, origin: new URL(this.url).origin }));
  }

  #message(opcode: number, payload: Bytes): void {
    if (this.readyState === OPEN) this.#frame(opcode, payload, payload.length);
    // The standard counts what is not sent any more, too.
    else this.bufferedAmount += payload.length;
  }

  #sendClose(code: number | undefined, reason: string): void {
    if (this.#closeSent) return;
    const text = encoder.encode(reason);
    const payload = new Uint8Array(code === undefined ? 0 : 2 + text.length);
    if (code !== undefined) {
      new DataView(payload.buffer).setUint16(0, code);
      payload.set(text, 2);
    }
    this.#frame(OPCODE.close, payload);
    this.#closeSent = true;
  }

  #frame(opcode: number, payload: Uint8Array, size = 0): void {
    if (this.#closeSent) return;
    this.bufferedAmount += size;
    const mask = this.#parts.role === "client"
      ? Uint8Array.from({ length: 4 }, () => this.#parts.random() * 256)
      : null;
    this.#queue.push({ frame: encodeFrame(opcode, payload, mask), size });
    if (!this.#writing) this.#write().catch((error) => this.#failed(error));
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
        await writeAll(this.#conn!, next.frame);
        this.#queue.shift();
        this.bufferedAmount -= next.size;
        this.#tellSent();
      }
    } finally {
      this.#writing = false;
      this.#tellSent();
    }
  }

  /** Waits until all is written, or cannot be. */
  async #drained(): Promise<void> {
    while (this.#writing) await new Promise<void>((resolve) => this.onceSent(resolve));
  }

  #tellSent(): void {
    for (const callback of [...this.#sent]) {
      this.#sent.delete(callback);
      callback();
    }
  }

  /** Pings a peer that is silent; one that does not answer is gone. */
  #lookForLife(): void {
    this.#idle?.cancel();
    const { idleTimeout, clock } = this.#parts;
    if (idleTimeout === Infinity || idleTimeout === 0) return;
    this.#idle = clock.at(clock.now() + idleTimeout / 2, () => {
      if (this.readyState !== OPEN) return;
      if (this.#pinged) return this.lost("No response from ping frame.");
      this.#pinged = true;
      this.#frame(OPCODE.ping, new Uint8Array());
      this.#lookForLife();
    }, undefined);
  }

  #end(): void {
    this.#idle?.cancel();
    this.#queue.length = 0;
    if (this.#conn !== null) closeQuietly(this.#conn);
    this.#tellSent();
  }

  #tell(event: Event): void {
    if (!this.#parts.isDead()) this.dispatchEvent(event);
  }

  // deno-lint-ignore no-explicit-any -- the types are those of the accessors
  #handler(name: string): any {
    return this.#handlers.get(name)?.handler ?? null;
  }

  #handle(name: string, handler: unknown): void {
    const before = this.#handlers.get(name);
    if (before !== undefined) this.removeEventListener(name, before.listener);
    this.#handlers.delete(name);
    if (typeof handler !== "function") return;
    const listener = (event: Event): void => void handler.call(this, event);
    this.#handlers.set(name, { handler, listener });
    this.addEventListener(name, listener);
  }
}

for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
  for (const target of [VirtualWebSocket, VirtualWebSocket.prototype]) {
    Object.defineProperty(target, name, { value, enumerable: true });
  }
}
// Whoever asks whether it is a `WebSocket` shall find that it is.
const { WebSocket: HostWebSocket } = globalThis as { WebSocket?: { prototype: object } };
if (HostWebSocket !== undefined) Object.setPrototypeOf(VirtualWebSocket.prototype, HostWebSocket.prototype);

/** As the web types it. */
export function asSocket(socket: VirtualWebSocket): HttpSocket {
  return socket as unknown as HttpSocket;
}
