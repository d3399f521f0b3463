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
import { requireAtLeast, requireFunction, show } from "./_check.ts";
import { hostUpgrade } from "./_deno_http.ts";
import { signFor } from "./_web_socket_upgrade.ts";

/** What is sent and received: text, or bytes. */
export type WebSocketMessage = string | Uint8Array<ArrayBuffer>;

/** The limits of a WebSocket. */
export interface WebSocketLimits {
  /**
   * A send waits while more than that many bytes are not sent yet.
   *
   * @default {65_536}
   */
  readonly highWaterMark?: number;
  /**
   * How much may have arrived that was not received, in bytes; a text counts two per character, and each message 64 more.
   * A peer that sends more is cut off with the code 1009 (4009 by a client), and receiving fails after what was kept.
   *
   * @default {16_777_216}
   */
  readonly maxBuffered?: number;
}

/** How `openWebSocket()` connects. */
export interface OpenWebSocketOptions extends WebSocketLimits {
  /** The subprotocols on offer, the preferred one first. */
  readonly protocols?: readonly string[];
  /** Headers of the request, such as `authorization`. */
  readonly headers?: HeadersInit;
}

/** How `upgradeWebSocket()` answers. */
export interface UpgradeWebSocketOptions extends WebSocketLimits {
  /** The subprotocol, one of those that the client offers. */
  readonly protocol?: string;
  /**
   * A client that has been silent for so long, in seconds, is asked for a sign of life, and cut off if none comes; 0 never
   * asks.
   *
   * @default {30}
   */
  readonly idleTimeout?: number;
}

/** How `close()` closes. */
export interface WebSocketCloseOptions {
  /**
   * The code for the peer: 1000, or 3000 to 4999; a server may also use 1001, 1002, 1003 and 1007 to 1014.
   *
   * @default {1000}
   */
  readonly code?: number;
  /** Why, in at most 123 bytes of UTF-8. */
  readonly reason?: string;
  /**
   * How long to wait for the peer to confirm it, in milliseconds.
   *
   * @default {1_000}
   */
  readonly timeout?: number;
}

/** How a peer ended a WebSocket. */
export interface WebSocketEnd {
  /** The code of its close frame; 1005 if that had none. */
  readonly code: number;
  /** The reason it gave, or `""`. */
  readonly reason: string;
}

/** A WebSocket: see `openWebSocket()` and `upgradeWebSocket()`. Iterating it receives until the peer closes. */
export interface WebSocketChannel extends AsyncIterable<WebSocketMessage>, AsyncDisposable {
  /** The subprotocol that was agreed on, or `""`. */
  readonly protocol: string;
  /** How the peer has ended it; `null` as long as it has not, or if the connection broke. */
  readonly end: WebSocketEnd | null;
  /**
   * Sends a message; waits while too much is not sent yet.
   *
   * When it returns the host has the message, which does not mean that the peer has it.
   *
   * **Cancellation:** throws `Cancelled`; the message was not sent, not even in part.
   *
   * @param message Text or bytes.
   * @throws {ClosedResourceError} If this end is closed.
   * @throws {BrokenResourceError} If the peer has closed, or the connection broke.
   */
  send(message: string | Uint8Array): Promise<void>;
  /**
   * Receives the next message.
   *
   * **Cancellation:** throws `Cancelled`; no message is lost, the next call gets it.
   *
   * @returns Text as a string, bytes as a `Uint8Array`.
   * @throws {EndOfChannel} If the peer has closed, and everything it sent was received; `end` says how.
   * @throws {BrokenResourceError} If the connection broke, or the peer sent more than `maxBuffered`.
   * @throws {ClosedResourceError} If this end is closed.
   */
  receive(): Promise<WebSocketMessage>;
  /**
   * Closes, and waits for the peer to confirm it; what has arrived and was not received is thrown away. Idempotent.
   *
   * Messages that were sent before are delivered first. A peer that does not answer within the timeout is left alone;
   * the host keeps the connection until it does.
   *
   * **Cancellation:** none: as a cleanup it waits, even in a cancelled scope, for at most the timeout.
   *
   * @param options Code, reason and timeout.
   * @throws {RangeError} If the code or the reason cannot be sent.
   */
  close(options?: WebSocketCloseOptions): Promise<void>;
}

/**
 * Opens a WebSocket.
 *
 * `await using` closes it.
 *
 * **Cancellation:** throws `Cancelled`; the connection is given up.
 *
 * @example A client of a server that echoes
 * ```ts
 * import { type NetworkAddress, openNursery, openWebSocket, serveHttp, upgradeWebSocket } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start<readonly NetworkAddress[]>((status) =>
 *     serveHttp((request) =>
 *       upgradeWebSocket(request, async (socket) => {
 *         for await (const message of socket) await socket.send(message);
 *       }), { hostname: "127.0.0.1", port: 0, status })
 *   );
 *   await using socket = await openWebSocket(`ws://127.0.0.1:${address!.port}/`);
 *   await socket.send("hello");
 *   assertEquals(await socket.receive(), "hello");
 *   await socket.close();
 *   nursery.cancel();
 * });
 * ```
 *
 * @param url Where to, with the scheme `ws:` or `wss:`.
 * @param options Subprotocols, headers and limits.
 * @returns The open WebSocket, which belongs to the caller.
 * @throws {BrokenResourceError} If the server cannot be reached, or does not speak WebSocket.
 * @throws {RangeError} If the URL or a subprotocol cannot be one.
 */
export async function openWebSocket(url: string | URL, options: OpenWebSocketOptions = {}): Promise<WebSocketChannel> {
  const { protocols = [], headers } = options;
  checkLimits("open a WebSocket", options);
  let channel: Channel | undefined;
  await suspend<void>({ kind: "open", label: String(url) }, (waker) => {
    channel = new Channel(connect(url, protocols, headers), options, "client");
    const operation = beginHostOperation(`open ${url}`);
    channel.opened(() => {
      operation.end();
      waker.wake();
    }, (error) => {
      operation.end();
      waker.fail(
        new BrokenResourceError(`Cannot open a WebSocket to ${url} as the server did not accept it: ${error}`),
      );
    });
  }, () => {
    void channel!.close({ timeout: 0 });
    return true;
  });
  return channel!;
}

/**
 * Answers a request with a WebSocket: makes the response that a handler of `serveHttp()` returns.
 *
 * The conversation runs in the task of the request, once the socket is open; the socket is closed when it ends. Its errors
 * are those of the handler. When a shutdown begins it goes on, until the grace is over.
 *
 * @example A server that counts
 * ```ts
 * import { type NetworkAddress, openNursery, openWebSocket, serveHttp, upgradeWebSocket } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start<readonly NetworkAddress[]>((status) =>
 *     serveHttp((request) =>
 *       upgradeWebSocket(request, async (socket) => {
 *         for (let n = 1; n <= 3; n++) await socket.send(`${n}`);
 *       }), { hostname: "127.0.0.1", port: 0, status })
 *   );
 *   await using socket = await openWebSocket(`ws://127.0.0.1:${address!.port}/`);
 *   assertEquals(await Array.fromAsync(socket), ["1", "2", "3"]);
 *   nursery.cancel();
 * });
 * ```
 *
 * @param request The request, as `serveHttp()` gave it to its handler.
 * @param converse Called with the open socket.
 * @param options Subprotocol and limits.
 * @returns The response, to be returned by the handler as it is.
 * @throws {RangeError} If the request does not ask for a WebSocket, or the client does not offer the subprotocol: answer
 * with the status 400 then.
 */
export function upgradeWebSocket(
  request: Request,
  converse: (socket: WebSocketChannel) => unknown,
  options: UpgradeWebSocketOptions = {},
): Response {
  const action = "upgrade to a WebSocket";
  requireFunction(action, "converse", converse);
  checkLimits(action, options);
  const { protocol, idleTimeout = DEFAULT_IDLE_TIMEOUT } = options;
  requireAtLeast(action, "idleTimeout", idleTimeout, 0);
  for (const [name, word] of [["upgrade", "websocket"], ["connection", "upgrade"]] as const) {
    if (!hasWord(request.headers.get(name), word)) {
      const found = show(request.headers.get(name) ?? undefined);
      throw new RangeError(`Cannot ${action} as the header "${name}" must contain "${word}": received ${found}`);
    }
  }
  if (!request.headers.has("sec-websocket-key")) {
    throw new RangeError(`Cannot ${action} as the request must have a header "sec-websocket-key": it has none`);
  }
  const offered = request.headers.get("sec-websocket-protocol");
  if (protocol !== undefined && !hasWord(offered, protocol)) {
    throw new RangeError(
      `Cannot ${action} as "protocol" must be one that the client offers: received ${show(protocol)}, not in ${
        show(offered ?? "")
      }`,
    );
  }
  return signFor({
    begin(request) {
      const { socket, response } = hostUpgrade(request, { protocol, idleTimeout });
      const channel = new Channel(socket, options, "server");
      return { answer: response, converse: () => talk(channel, converse) };
    },
  });
}

/** That of `Deno.upgradeWebSocket()`. */
const DEFAULT_IDLE_TIMEOUT = 30;
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

async function talk(channel: Channel, converse: (socket: WebSocketChannel) => unknown): Promise<void> {
  try {
    await suspend<void>({ kind: "open WebSocket" }, (waker) => {
      const operation = beginHostOperation("open WebSocket");
      channel.opened(() => {
        operation.end();
        waker.wake();
      }, (error) => {
        operation.end();
        waker.fail(new BrokenResourceError(`Cannot upgrade to a WebSocket as the connection broke: ${error}`));
      });
    }, () => true);
    await converse(channel);
  } finally {
    await channel.close();
  }
}

function connect(url: string | URL, protocols: readonly string[], headers: HeadersInit | undefined): WebSocket {
  try {
    return new WebSocket(url, { protocols: [...protocols], ...(headers === undefined ? {} : { headers }) });
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new RangeError(`Cannot open a WebSocket as the URL and the subprotocols must be valid: ${error.message}`, {
      cause: error,
    });
  }
}

function checkLimits(action: string, { highWaterMark, maxBuffered }: WebSocketLimits): void {
  if (highWaterMark !== undefined) requireAtLeast(action, "highWaterMark", highWaterMark, 0);
  if (maxBuffered !== undefined) requireAtLeast(action, "maxBuffered", maxBuffered, 0);
}

function hasWord(header: string | null, word: string): boolean {
  return header?.split(",").some((part) => part.trim().toLowerCase() === word.toLowerCase()) ?? false;
}

interface Sender {
  readonly waker: Waker<void>;
  readonly message: string | Uint8Array<ArrayBuffer>;
}

class Channel implements WebSocketChannel {
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
