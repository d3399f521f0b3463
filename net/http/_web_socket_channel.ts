/**
 * WebSockets as channels of messages.
 *
 * The host's `WebSocket` pushes messages by events and takes any number to send; here both are waits. What has arrived
 * and was not received is kept, up to a limit: the web's interface has no way to slow a peer down, so one that sends
 * more is cut off. A send waits while the host holds too much that is not sent yet, of which it says only how much it
 * is: so that is looked at again, some turns long in each, then in growing steps on the host's clock, as a simulation
 * does not hold up the outside world.
 *
 *     open ──close()────────▶ closing ──close event, or the timeout──▶ closed by us      (ClosedResourceError)
 *       ├──peer's close frame──▶ drained of what arrived before ──▶ ended               (EndOfChannel)
 *       └──no close frame──────▶ drained of what arrived before ──▶ broken              (BrokenResourceError)
 *
 * Over 400 lines as both directions, the opening and the close share the states above.
 */

import { BrokenResourceError, ClosedResourceError, EndOfChannel, Event, shielded } from "../../core/mod.ts";
import { currentRun, type HostOperation, type NetworkHttp, suspend, type Waker } from "../../core/lowlevel.ts";
import {
  type Asker,
  askerOf,
  currentNode,
  hostClearImmediate as dropTurn,
  hostImmediate as nextTurn,
  hostReason,
  keptByHost,
  keptByHostFor,
  refuse,
  refusedAfterTurn,
  requireOptions,
  requireTimeout,
  show,
  yieldTurn,
} from "../../core/internal.ts";
import { beginHttpOperation, httpTimeout } from "../host/ambient_http.ts";
import type {
  WebSocketChannel,
  WebSocketCloseOptions,
  WebSocketEnd,
  WebSocketMessage,
  WebSocketOptions,
} from "./web_socket_channel.ts";

const DEFAULT_HIGH_WATER_MARK = 65_536;
const DEFAULT_MAX_BUFFERED = 16 * 1024 * 1024;
const DEFAULT_CLOSE_TIMEOUT = 1_000;
/** What a message costs besides its bytes, so that empty ones are not free. */
const MESSAGE_OVERHEAD = 64;
/** What a control frame can hold besides the code (RFC 6455, section 5.5). */
const LONGEST_REASON = 123;
/** The fault where the host names none. */
const LOST = "the connection was lost";
/** What the host says of a connection that ends without a close frame. */
const NO_CLOSE = { wasClean: false, code: 1006, reason: "" };
/** So often the next look is in the next turn of the event loop: a host that is not held up sends that fast. */
const LOOKS_BY_TURN = 32;
/** The longest pause between two looks at what the host has not sent, in milliseconds. */
const LONGEST_LOOK = 16;

const encoder = new TextEncoder();

interface Sender {
  readonly waker: Waker<void>;
  readonly message: string | Uint8Array<ArrayBuffer>;
}

/** Waits in `receive()`, or as the loop of an iteration: that gets a result, and the end of the channel is no error. */
interface Receiver {
  readonly waker: Waker<unknown>;
  readonly looping: boolean;
  /** Given if a `select()` asks this channel: then it is in line only while a message may be taken for it. */
  readonly asker: Asker | null;
  /** Whether it has its message, or none any more. Written by `give()`, `fail()` and the cancellation of the wait. */
  over: boolean;
}

interface Fault {
  readonly text: string;
  /** The host's error, if it gave one. */
  readonly cause?: unknown;
}

/** See the header. */
export class Channel implements WebSocketChannel {
  readonly #http: NetworkHttp;
  readonly #socket: WebSocket;
  readonly #role: "client" | "server";
  readonly #highWaterMark: number;
  readonly #maxBuffered: number;
  readonly #protocol: string | undefined;
  readonly #idleTimeout: number;
  /** What has arrived and was not received; before it comes what is in `#oldest`, the other way round. */
  #arrived: WebSocketMessage[] = [];
  #oldest: WebSocketMessage[] = [];
  #arrivedSize = 0;
  /** Those who wait, in order. If there is a receiver nothing has arrived. */
  readonly #receivers: Receiver[] = [];
  readonly #senders: Sender[] = [];
  /** How often it was looked in vain; whether what was sent is out. */
  #looks = 0;
  /** Calls off the next look. Written by `#lookAgain()` and `#account()`. */
  #noLook: (() => void) | null = null;
  /** In flight while somebody waits for the peer. */
  #operation: HostOperation | null = null;
  /** Set by the first `close()`: with what it closes. */
  #closing: WebSocketEnd | null = null;
  /** Set with the first fault of the connection, or of the peer. */
  #fault: Fault | null = null;
  /** The socket is no more. */
  readonly #over = new Event();
  /** To be called when the host lets go of a socket that was closed. Written by `close()` and `opened()`. */
  #letGo: (() => void) | null = null;
  #end: WebSocketEnd | null = null;
  /** The errors that say what the peer, or the network, did. */
  readonly #told = new WeakSet<Error>();
  /** Ends the wait for the opening. */
  #opening: ((fault: Fault | null) => void) | null = null;

  /** `upgrade`: for a server's, the agreed protocol, which the host does not say, and the time it is told. */
  constructor(
    http: NetworkHttp,
    socket: WebSocket,
    limits: WebSocketOptions,
    role: "client" | "server",
    upgrade: { readonly protocol?: string; readonly idleTimeout: number } = { idleTimeout: Infinity },
  ) {
    const { highWaterMark = DEFAULT_HIGH_WATER_MARK, maxBuffered = DEFAULT_MAX_BUFFERED } = limits;
    this.#http = http;
    this.#socket = socket;
    this.#role = role;
    this.#protocol = upgrade.protocol;
    this.#idleTimeout = upgrade.idleTimeout;
    this.#highWaterMark = highWaterMark;
    this.#maxBuffered = maxBuffered;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#opened();
    const run = currentRun();
    socket.onmessage = ({ data }) => {
      // As with requests: nothing that the run knows of has ended.
      run.refreshTime();
      this.#took(typeof data === "string" ? data : new Uint8Array(data));
    };
    socket.onerror = (event) => this.#failed(event as ErrorEvent);
    socket.onclose = (event) => this.#ended(event);
  }

  get protocol(): string {
    return this.#protocol ?? this.#socket.protocol;
  }

  get end(): WebSocketEnd | null {
    return this.#end;
  }

  /**
   * Waits until it is open, on the host's clock for `timeout` at most; called once, in the turn in which the channel
   * was made. Whatever it throws, close then.
   */
  opened(action: string, timeout?: number): Promise<void> {
    let stop: (() => void) | undefined;
    return suspend<void>(hostReason(action), (waker) => {
      const operation = beginHttpOperation(this.#http, action);
      const notLate = timeout === undefined ? undefined : httpTimeout(this.#http, () => {
        this.#ended(NO_CLOSE);
        // The host does not know that it is over.
        this.#kept();
      }, timeout);
      stop = () => {
        this.#opening = null;
        operation.end();
        notLate?.();
      };
      this.#opening = (fault) => {
        stop!();
        if (fault === null) return waker.wake();
        waker.fail(
          new BrokenResourceError(`Cannot ${action} as the handshake was not completed: ${fault.text}`, fault),
        );
      };
    }, () => {
      stop!();
      return true;
    });
  }

  send(message: string | Uint8Array): Promise<void> {
    if (typeof message !== "string" && !(message instanceof Uint8Array)) {
      return Promise.reject(
        new TypeError(`Cannot send as "message" must be a string or a Uint8Array: received ${show(message)}`),
      );
    }
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    // What can go at once makes no wait: that would cost a broadcast as much as the sending itself.
    if (this.#senders.length === 0 && this.#sendFault() === null && this.#hasRoom) {
      try {
        this.#socket.send(message as Sender["message"]);
      } catch (error) {
        return refusedAfterTurn(node, error);
      }
      return yieldTurn(node, undefined);
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
    return this.#receive(false) as Promise<WebSocketMessage>;
  }

  async close(options: WebSocketCloseOptions = {}): Promise<void> {
    requireOptions("close", options);
    const { code = 1000, reason = "", timeout = DEFAULT_CLOSE_TIMEOUT } = options;
    requireCode(code, this.#role);
    if (encoder.encode(reason).length > LONGEST_REASON) {
      throw new RangeError(
        `Cannot close as "reason" must have at most ${LONGEST_REASON} bytes: received ${show(reason)}`,
      );
    }
    requireTimeout("close", "timeout", timeout);
    if (this.#closing === null) {
      this.#closing = { code, reason };
      this.#arrived = [];
      this.#oldest = [];
      this.#socket.close(code, reason);
      this.#failAll();
    }
    if (this.#over.isSet) return;
    this.#kept();
    if (timeout === 0) return;
    const operation = beginHttpOperation(this.#http, "close WebSocket");
    try {
      await shielded(() => this.#over.wait(), { timeout });
    } finally {
      operation.end();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<WebSocketMessage> {
    return { next: () => this.#receive(true) as Promise<IteratorResult<WebSocketMessage>> };
  }

  #receive(looping: boolean): Promise<unknown> {
    let receiver: Receiver | undefined;
    return suspend<unknown>({ kind: "receive from WebSocket" }, (waker) => {
      const asker = askerOf();
      const mine = receiver = { waker, looping, asker, over: false };
      if (asker === null) this.#enter(mine);
      else asker.enlist({ enter: () => this.#enter(mine), leave: () => this.#leave(mine) });
    }, () => {
      receiver!.over = true;
      this.#leave(receiver!);
      return true;
    });
  }

  /** Gives a receiver what is there, or lets it wait in line. */
  #enter(receiver: Receiver): void {
    if (receiver.over || (receiver.asker !== null && this.#receivers.includes(receiver))) return;
    if (this.#arrived.length > 0 || this.#oldest.length > 0) {
      if (receiver.asker?.mayTake() !== false) give(receiver, this.#next());
      return;
    }
    const fault = this.#receiveFault();
    if (fault !== null) return fail(receiver, fault);
    this.#receivers.push(receiver);
    this.#account();
  }

  #leave(receiver: Receiver): void {
    const at = this.#receivers.indexOf(receiver);
    if (at !== -1) this.#receivers.splice(at, 1);
    this.#account();
  }

  /**
   * Takes the oldest message that has arrived; there must be one. Taking it from the front of a long array would move
   * all others.
   */
  #next(): WebSocketMessage {
    if (this.#oldest.length === 0) {
      this.#oldest = this.#arrived.reverse();
      this.#arrived = [];
    }
    const message = this.#oldest.pop()!;
    this.#arrivedSize -= sizeOf(message);
    return message;
  }

  #opened(): void {
    // Deno opens a server's socket also when it was closed before.
    if (this.#closing !== null) this.#socket.close(this.#closing.code, this.#closing.reason);
    this.#opening?.(null);
  }

  #failed({ message, error }: ErrorEvent): void {
    this.#fault ??= { text: message || error?.message || LOST, ...(error ? { cause: error } : {}) };
    // An upgrade that failed: Deno sends no close event after it.
    if (this.#socket.readyState !== WebSocket.CLOSED) this.#ended(NO_CLOSE);
  }

  #took(message: WebSocketMessage): void {
    // The peer may go on until it has our close frame.
    if (this.#closing !== null || this.#fault !== null) return;
    const receiver = this.#receivers.shift();
    if (receiver !== undefined) {
      give(receiver, message);
      return this.#account();
    }
    this.#arrivedSize += sizeOf(message);
    if (this.#arrivedSize <= this.#maxBuffered) return void this.#arrived.push(message);
    this.#fault = { text: `the peer has sent more than the ${this.#maxBuffered} bytes that are kept for a receiver` };
    this.#socket.close(this.#role === "client" ? 4009 : 1009, "more messages than are received");
    this.#failAll();
  }

  #ended({ code, reason, wasClean }: Pick<CloseEvent, keyof typeof NO_CLOSE>): void {
    if (wasClean && this.#fault === null && this.#closing === null) this.#end = { code, reason };
    else this.#fault ??= { text: LOST };
    this.#letGo?.();
    // The host does not clear its timer then, which is set to half of the time.
    if (!wasClean && this.#idleTimeout !== Infinity && this.#http.inMemory !== true) {
      keptByHostFor(this.#idleTimeout / 2);
    }
    this.#over.set();
    this.#failAll();
    this.#opening?.(this.#fault ?? { text: LOST });
  }

  /** Whether the host holds little enough that is not sent yet. */
  get #hasRoom(): boolean {
    return this.#socket.bufferedAmount <= this.#highWaterMark;
  }

  /** Sends what may be sent, and looks again if something is left. */
  #send(): void {
    while (this.#senders.length > 0) {
      // When the peer closes, the host says so only after its answer is out; until then it drops what it is given.
      if (this.#socket.readyState !== WebSocket.OPEN) return this.#failSenders();
      if (!this.#hasRoom) break;
      const { waker, message } = this.#senders.shift()!;
      try {
        this.#socket.send(message);
        waker.wake();
      } catch (error) {
        waker.fail(error);
      }
      this.#looks = 0;
    }
    this.#account();
    if (this.#senders.length > 0) this.#lookAgain();
  }

  /** The host may not let go of the socket, though nobody wants it any more. */
  #kept(): void {
    if (this.#http.inMemory !== true) this.#letGo ??= keptByHost();
  }

  #lookAgain(): void {
    this.#noLook?.();
    const looks = this.#looks++;
    if (this.#http.onceSent !== undefined) this.#noLook = this.#http.onceSent(this.#socket, () => this.#send());
    else if (looks < LOOKS_BY_TURN) {
      const turn = nextTurn(() => this.#send());
      this.#noLook = () => dropTurn(turn);
    } else {
      const pause = Math.min(2 ** (looks - LOOKS_BY_TURN), LONGEST_LOOK);
      this.#noLook = httpTimeout(this.#http, () => this.#send(), pause);
    }
  }

  /** Says to the run whether it waits for the outside world. */
  #account(): void {
    if (this.#senders.length === 0) {
      this.#noLook?.();
      this.#noLook = null;
    }
    if (this.#receivers.length + this.#senders.length > 0) {
      this.#operation ??= beginHttpOperation(this.#http, "WebSocket");
    } else {
      this.#operation?.end();
      this.#operation = null;
    }
  }

  /** Ends all waits: called when nothing can come of them any more. */
  #failAll(): void {
    for (const receiver of this.#receivers.splice(0)) fail(receiver, this.#receiveFault()!);
    this.#failSenders();
  }

  #failSenders(): void {
    for (const { waker } of this.#senders.splice(0)) waker.fail(this.#sendFault());
    this.#account();
  }

  /** Whether an error is one of this channel about its peer. */
  hasTold(error: unknown): boolean {
    return this.#told.has(error as Error);
  }

  #sendFault(): Error | null {
    if (this.#closing !== null) return new ClosedResourceError("Cannot send as this end of the WebSocket was closed");
    if (this.#fault !== null) return this.#tell(brokenBy(this.#fault, "send"));
    if (this.#end === null && this.#socket.readyState === WebSocket.OPEN) return null;
    return this.#tell(new BrokenResourceError("Cannot send as the peer has closed the WebSocket"));
  }

  #receiveFault(): Error | null {
    if (this.#closing !== null) {
      return new ClosedResourceError("Cannot receive as this end of the WebSocket was closed");
    }
    if (this.#fault !== null) return this.#tell(brokenBy(this.#fault, "receive"));
    if (this.#end === null) return null;
    const { code, reason } = this.#end;
    return this.#tell(
      new EndOfChannel(`Cannot receive as the peer has closed the WebSocket: ${code} ${reason}`.trimEnd()),
    );
  }

  #tell(error: Error): Error {
    this.#told.add(error);
    return error;
  }
}

function give(receiver: Receiver, message: WebSocketMessage): void {
  receiver.over = true;
  // Chosen from now on, where a `select()` asks.
  receiver.asker?.mayTake();
  receiver.waker.wake(receiver.looping ? { done: false, value: message } : message);
}

function fail(receiver: Receiver, fault: Error): void {
  receiver.over = true;
  if (receiver.looping && fault instanceof EndOfChannel) receiver.waker.wake({ done: true, value: undefined });
  else receiver.waker.fail(fault);
}

function brokenBy(fault: Fault, action: string): BrokenResourceError {
  return new BrokenResourceError(`Cannot ${action} as the WebSocket broke: ${fault.text}`, fault);
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
