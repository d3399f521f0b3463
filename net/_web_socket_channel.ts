/**
 * WebSockets as channels of messages.
 *
 * The host's `WebSocket` pushes messages by events and takes any number to send; here both are waits. What has arrived
 * and was not received is kept, up to a limit: the web's interface has no way to slow a peer down, so one that sends more
 * is cut off. A send waits while the host holds too much that is not sent yet, of which it says only how much it is: so
 * that is looked at again in growing steps, on the host's clock, as a simulation does not hold up the outside world.
 *
 *     open ──close()────────▶ closing ──close event, or the timeout──▶ closed by us      (ClosedResourceError)
 *       ├──peer's close frame──▶ drained of what arrived before ──▶ ended               (EndOfChannel)
 *       └──no close frame──────▶ drained of what arrived before ──▶ broken              (BrokenResourceError)
 */

import {
  beginHostOperation,
  BrokenResourceError,
  ClosedResourceError,
  EndOfChannel,
  Event,
  type HostOperation,
  shielded,
  suspend,
  type Waker,
} from "../core/mod.ts";
import { requireAtLeast, show } from "./_check.ts";
import type {
  WebSocketChannel,
  WebSocketCloseOptions,
  WebSocketEnd,
  WebSocketLimits,
  WebSocketMessage,
} from "./web_socket.ts";

const DEFAULT_HIGH_WATER_MARK = 65_536;
const DEFAULT_MAX_BUFFERED = 16 * 1024 * 1024;
const DEFAULT_CLOSE_TIMEOUT = 1_000;
/** What a message costs besides its bytes, so that empty ones are not free. */
const MESSAGE_OVERHEAD = 64;
/** What a control frame can hold besides the code (RFC 6455, section 5.5). */
const LONGEST_REASON = 123;
/** The longest pause between two looks at what the host has not sent, in milliseconds. */
const LONGEST_LOOK = 16;

// Taken at import: a simulation does not hold up what the outside world does.
const { setTimeout: hostTimeout, clearTimeout: clearHostTimeout } = globalThis;
const encoder = new TextEncoder();

interface Sender {
  readonly waker: Waker<void>;
  readonly message: string | Uint8Array<ArrayBuffer>;
}

/** See the header. */
export class Channel implements WebSocketChannel {
  readonly #socket: WebSocket;
  readonly #role: "client" | "server";
  readonly #highWaterMark: number;
  readonly #maxBuffered: number;
  /** What has arrived and was not received. */
  readonly #arrived: WebSocketMessage[] = [];
  #arrivedSize = 0;
  /** Those who wait, in order. If there is a receiver nothing has arrived. */
  readonly #receivers: Waker<WebSocketMessage>[] = [];
  readonly #senders: Sender[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pause = 1;
  /** In flight while somebody waits for the peer. */
  #operation: HostOperation | null = null;
  /** `close()` was called. */
  #closed = false;
  /** Set with the first fault of the connection, or of the peer. */
  #fault: string | null = null;
  /** The socket is no more. */
  readonly #over = new Event();
  #end: WebSocketEnd | null = null;
  #onOpen: (() => void) | null = null;
  #onFailure: ((error: string) => void) | null = null;

  constructor(socket: WebSocket, limits: WebSocketLimits, role: "client" | "server") {
    const { highWaterMark = DEFAULT_HIGH_WATER_MARK, maxBuffered = DEFAULT_MAX_BUFFERED } = limits;
    this.#socket = socket;
    this.#role = role;
    this.#highWaterMark = highWaterMark;
    this.#maxBuffered = maxBuffered;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#onOpen?.();
    socket.onmessage = ({ data }) => this.#took(typeof data === "string" ? data : new Uint8Array(data));
    socket.onerror = (event) => this.#fault ??= (event as ErrorEvent).message || "the connection was lost";
    socket.onclose = (event) => this.#ended(event);
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  get end(): WebSocketEnd | null {
    return this.#end;
  }

  /** Calls back once it is open, or cannot be any more. */
  opened(onOpen: () => void, onFailure: (error: string) => void): void {
    this.#onOpen = onOpen;
    this.#onFailure = onFailure;
  }

  send(message: string | Uint8Array): Promise<void> {
    if (typeof message !== "string" && !(message instanceof Uint8Array)) {
      return Promise.reject(
        new TypeError(`Cannot send as "message" must be a string or a Uint8Array: received ${show(message)}`),
      );
    }
    let sender: Sender | undefined;
    return suspend<void>({ kind: "send to WebSocket" }, (waker) => {
      const fault = this.#sendFault();
      if (fault !== null) return void waker.fail(fault);
      sender = { waker, message: message as Sender["message"] };
      this.#senders.push(sender);
      this.#send();
    }, () => {
      this.#senders.splice(this.#senders.indexOf(sender!), 1);
      this.#account();
      return true;
    });
  }

  receive(): Promise<WebSocketMessage> {
    let own: Waker<WebSocketMessage> | undefined;
    return suspend<WebSocketMessage>({ kind: "receive from WebSocket" }, (waker) => {
      const message = this.#closed ? undefined : this.#arrived.shift();
      if (message !== undefined) {
        this.#arrivedSize -= sizeOf(message);
        return void waker.wake(message);
      }
      const fault = this.#receiveFault();
      if (fault !== null) return void waker.fail(fault);
      own = waker;
      this.#receivers.push(waker);
      this.#account();
    }, () => {
      this.#receivers.splice(this.#receivers.indexOf(own!), 1);
      this.#account();
      return true;
    });
  }

  async close(options: WebSocketCloseOptions = {}): Promise<void> {
    const { code = 1000, reason = "", timeout = DEFAULT_CLOSE_TIMEOUT } = options;
    requireCode(code, this.#role);
    if (encoder.encode(reason).length > LONGEST_REASON) {
      throw new RangeError(
        `Cannot close as "reason" must have at most ${LONGEST_REASON} bytes: received ${show(reason)}`,
      );
    }
    requireAtLeast("close", "timeout", timeout, 0);
    if (!this.#closed) {
      this.#closed = true;
      this.#arrived.length = 0;
      this.#socket.close(code, reason);
      this.#failAll();
    }
    if (this.#over.isSet || timeout === 0) return;
    const operation = beginHostOperation("close WebSocket");
    await shielded(() => this.#over.wait(), { timeout });
    operation.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<WebSocketMessage> {
    return {
      next: async () => {
        try {
          return { done: false, value: await this.receive() };
        } catch (error) {
          if (error instanceof EndOfChannel) return { done: true, value: undefined };
          throw error;
        }
      },
    };
  }

  #took(message: WebSocketMessage): void {
    // The peer may go on until it has our close frame.
    if (this.#closed || this.#fault !== null) return;
    const receiver = this.#receivers.shift();
    if (receiver !== undefined) {
      receiver.wake(message);
      return this.#account();
    }
    this.#arrivedSize += sizeOf(message);
    if (this.#arrivedSize <= this.#maxBuffered) return void this.#arrived.push(message);
    this.#fault = `the peer has sent more than the ${this.#maxBuffered} bytes that are kept for a receiver`;
    this.#socket.close(this.#role === "client" ? 4009 : 1009, "more messages than are received");
    this.#failAll();
  }

  #ended({ code, reason, wasClean }: CloseEvent): void {
    // Our own closing, confirmed, comes with the code 0 on a server.
    if (wasClean && this.#fault === null && !this.#closed) this.#end = { code, reason };
    else if (!this.#closed) this.#fault ??= "the connection was lost";
    this.#over.set();
    clearHostTimeout(this.#timer);
    this.#failAll();
    this.#onFailure?.(this.#fault ?? "the connection was closed");
  }

  /** Sends what may be sent, and looks again if something is left. */
  #send(): void {
    clearHostTimeout(this.#timer);
    while (this.#senders.length > 0 && this.#socket.bufferedAmount <= this.#highWaterMark) {
      const { waker, message } = this.#senders.shift()!;
      this.#socket.send(message);
      waker.wake();
      this.#pause = 1;
    }
    if (this.#senders.length > 0) {
      this.#timer = hostTimeout(() => this.#send(), this.#pause);
      this.#pause = Math.min(this.#pause * 2, LONGEST_LOOK);
    }
    this.#account();
  }

  /** Says to the run whether it waits for the outside world. */
  #account(): void {
    if (this.#receivers.length + this.#senders.length > 0) this.#operation ??= beginHostOperation("WebSocket");
    else {
      this.#operation?.end();
      this.#operation = null;
      clearHostTimeout(this.#timer);
    }
  }

  /** Ends all waits: called when nothing can come of them any more. */
  #failAll(): void {
    for (const { waker } of this.#senders.splice(0)) waker.fail(this.#sendFault());
    for (const waker of this.#receivers.splice(0)) waker.fail(this.#receiveFault());
    this.#account();
  }

  #sendFault(): Error | null {
    if (this.#closed) return new ClosedResourceError("Cannot send as this end of the WebSocket was closed");
    if (this.#fault !== null) return new BrokenResourceError(`Cannot send as the WebSocket broke: ${this.#fault}`);
    if (this.#end === null && this.#socket.readyState === WebSocket.OPEN) return null;
    return new BrokenResourceError("Cannot send as the peer has closed the WebSocket");
  }

  #receiveFault(): Error | null {
    if (this.#closed) return new ClosedResourceError("Cannot receive as this end of the WebSocket was closed");
    if (this.#fault !== null) return new BrokenResourceError(`Cannot receive as the WebSocket broke: ${this.#fault}`);
    if (this.#end === null) return null;
    const { code, reason } = this.#end;
    return new EndOfChannel(`Cannot receive as the peer has closed the WebSocket: ${code} ${reason}`.trimEnd());
  }
}

function sizeOf(message: WebSocketMessage): number {
  return MESSAGE_OVERHEAD + (typeof message === "string" ? message.length * 2 : message.length);
}

function requireCode(code: number, role: "client" | "server"): void {
  const everybody = code === 1000 || (code >= 3000 && code <= 4999);
  const server = (code >= 1001 && code <= 1003) || (code >= 1007 && code <= 1014);
  if (Number.isInteger(code) && (everybody || (role === "server" && server))) return;
  throw new RangeError(
    `Cannot close as "code" must be 1000 or from 3000 to 4999${
      role === "server" ? ", or one of 1001 to 1003 and 1007 to 1014" : ""
    }: received ${code}`,
  );
}
