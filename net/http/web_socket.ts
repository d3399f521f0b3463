/** WebSockets on both sides: opening one, and answering a request with one. What they do is in `_web_socket_channel.ts`. */

import { BrokenResourceError } from "../../core/mod.ts";
import { checkpointIfCancelled } from "../../core/lowlevel.ts";
import {
  composedWait,
  failureOf,
  NOTHING,
  requireCount,
  requireFunction,
  show,
  withoutLeaves,
} from "../../core/internal.ts";
import { requireAtLeast } from "../base/check.ts";
import { checkTlsClient } from "../host/begin_tls.ts";
import { hostUpgrade, hostWebSocket } from "../host/deno_http.ts";
import { Channel } from "./_web_socket_channel.ts";
import { signFor } from "./_web_socket_upgrade.ts";

/** What is sent and received: text, or bytes. */
export type WebSocketMessage = string | Uint8Array<ArrayBuffer>;

/** The limits of a WebSocket. */
export interface WebSocketOptions {
  /**
   * A send waits while more than that many bytes are not sent yet.
   *
   * @default {65_536}
   */
  readonly highWaterMark?: number;
  /**
   * How much may have arrived that was not received, in bytes; a text counts two per character, and each message 64 more.
   * A peer that sends more is cut off with the code 1009 (4009 by a client), and receiving fails after what was kept.
   * The host refuses frames of 64 MiB and more; what a peer sends as fragments of one message it keeps without a limit.
   *
   * @default {16_777_216}
   */
  readonly maxBuffered?: number;
}

/** How `openWebSocket()` connects. */
export interface OpenWebSocketOptions extends WebSocketOptions {
  /** The subprotocols on offer, the preferred one first. */
  readonly protocols?: readonly string[];
  /** Headers of the request, such as `authorization`. */
  readonly headers?: HeadersInit;
  /**
   * For `wss:`, certificates of authorities to trust besides those the host trusts: texts in PEM.
   *
   * @default {[]}
   */
  readonly caCerts?: readonly string[];
}

/** How `upgradeWebSocket()` answers. */
export interface UpgradeWebSocketOptions extends WebSocketOptions {
  /** The subprotocol, one of those that the client offers. */
  readonly protocol?: string;
  /**
   * A client that is silent for so long, in milliseconds, is cut off; after half of it, it is asked for a sign of life.
   * `Infinity` never asks. A client that does not take what is sent to it is not asked, so limit your sends in time.
   *
   * @default {30_000}
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

/**
 * A WebSocket: see `openWebSocket()` and `upgradeWebSocket()`. Iterating it receives until the peer closes; leaving the
 * loop leaves it open. Several tasks may send and receive at a time, each whole messages, in the order of their calls.
 */
export interface WebSocketChannel extends AsyncIterable<WebSocketMessage>, AsyncDisposable {
  /** The subprotocol that was agreed on, or `""`. */
  readonly protocol: string;
  /** How the peer has ended it; `null` as long as it has not, if the connection broke, or if this end closed first. */
  readonly end: WebSocketEnd | null;
  /**
   * Sends a message; waits while too much is not sent yet.
   *
   * When it returns the host has the message, which does not mean that the peer has it. A peer that takes nothing can
   * hold it up for ever: put `failAfter()` around it.
   *
   * **Cancellation:** throws `Cancelled`; the message was not sent, not even in part.
   *
   * @param message Text, or bytes, not to be changed before it returns.
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
   * @throws {EndOfChannel} If the peer has closed with a close frame, whatever its code, and everything it sent was
   * received; `end` says how.
   * @throws {BrokenResourceError} If the connection broke, or the peer sent more than `maxBuffered`.
   * @throws {ClosedResourceError} If this end is closed.
   */
  receive(): Promise<WebSocketMessage>;
  /**
   * Closes, and waits for the peer to confirm it; what has arrived and was not received is thrown away. Idempotent.
   *
   * Messages that were sent before go out first. A peer that does not answer within the timeout is left alone; the host
   * keeps the connection until it does, or vanishes.
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
 * `await using` closes it. There is no timeout: put `failAfter()` around it.
 *
 * **Cancellation:** throws `Cancelled`; the connection is given up.
 *
 * @example A client of a server that echoes
 * ```ts
 * import { type TcpAddress, openNursery, openWebSocket, serveHttp, upgradeWebSocket } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start<readonly TcpAddress[]>((status) =>
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
 * @throws {BrokenResourceError} If the server cannot be reached, refuses (the message has its status) or does not speak
 * WebSocket.
 * @throws {RangeError} If the URL or a subprotocol cannot be one.
 */
export function openWebSocket(url: string | URL, options: OpenWebSocketOptions = {}): Promise<WebSocketChannel> {
  return composedWait(() => open(url, options));
}

async function open(url: string | URL, options: OpenWebSocketOptions): Promise<WebSocketChannel> {
  const { protocols = [], caCerts } = options;
  checkLimits("open a WebSocket", options);
  if (caCerts !== undefined) checkTlsClient("open a WebSocket", { caCerts });
  await checkpointIfCancelled();
  const channel = new Channel(connect(url, options), options, "client");
  const action = `open a WebSocket to ${url}`;
  try {
    await channel.opened(action);
    const { protocol } = channel;
    // RFC 6455, section 4.1; Deno leaves it to others.
    if (protocol === "" || protocols.includes(protocol)) return channel;
    throw new BrokenResourceError(
      `Cannot ${action} as the server must choose one of the subprotocols on offer: received ${show(protocol)}`,
    );
  } catch (error) {
    await channel.close({ timeout: 0 });
    throw error;
  }
}

/**
 * Answers a request with a WebSocket: makes the response that a handler of `serveHttp()` returns.
 *
 * The conversation runs in the task of the request, once the socket is open; the socket is closed when it ends: with the code
 * 1000, 1001 if it was cancelled, 1011 if it failed. Its errors
 * are those of the handler, but for those that say that its own client has closed, vanished, or sent too much: with them
 * the conversation is simply over. A shutdown leaves it the grace, so wait for messages by
 * `untilShutdown(() => socket.receive())`.
 *
 * **Not guaranteed:** that the process gets the file of a client back which resets the connection in the very moment in which
 * its upgrade is answered: Deno 2.9.6 keeps that until the process ends. The request itself is over after ten seconds.
 *
 * A request that does not ask for a WebSocket, or does not offer the subprotocol, is the fault of its client: then the
 * response says so, with the status 426 or 400, and there is no conversation.
 *
 * @example A server that counts
 * ```ts
 * import { type TcpAddress, openNursery, openWebSocket, serveHttp, upgradeWebSocket } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start<readonly TcpAddress[]>((status) =>
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
 * @throws {RangeError} If an option cannot be one.
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
  requireAtLeast(action, "idleTimeout", idleTimeout, 1);
  const refusal = refuse(request, protocol);
  if (refusal !== null) return refusal;
  return signFor({
    begin(request) {
      const { socket, response } = hostUpgrade(request, { protocol, idleTimeout });
      const channel = new Channel(socket, options, "server", { protocol: protocol ?? "", idleTimeout });
      return { answer: response, converse: () => talk(channel, converse) };
    },
  });
}

// RFC 6455, section 7.4.1.
const DONE = 1000;
const GOING_AWAY = 1001;
const FAILED = 1011;
/** That of `Deno.upgradeWebSocket()`. */
const DEFAULT_IDLE_TIMEOUT = 30_000;
/**
 * How long the host may take to hand over the socket, in milliseconds: if the client has reset the connection, Deno 2.9.6
 * never does, and does not say so.
 */
const OPENING_TIMEOUT = 10_000;

/** The answer to a request that cannot be upgraded: what a client asks for is no fault of the server's handler. */
function refuse({ headers }: Request, protocol: string | undefined): Response | null {
  const say = (status: number, text: string): Response =>
    new Response(`Cannot upgrade to a WebSocket as ${text}`, {
      status,
      headers: { upgrade: "websocket", "sec-websocket-version": "13" },
    });
  // RFC 6455, section 4.2.1.
  const required = [["upgrade", "websocket"], ["connection", "upgrade"], ["sec-websocket-version", "13"]] as const;
  for (const [name, word] of required) {
    if (wordsOf(headers.get(name)).some((found) => found.toLowerCase() === word)) continue;
    return say(426, `the header "${name}" must contain "${word}": received ${show(headers.get(name) ?? undefined)}`);
  }
  if (!headers.has("sec-websocket-key")) return say(400, 'there must be a header "sec-websocket-key": there is none');
  const offered = headers.get("sec-websocket-protocol");
  if (protocol === undefined || wordsOf(offered).includes(protocol)) return null;
  return say(400, `the client must offer the subprotocol ${show(protocol)}: it offers ${show(offered ?? "")}`);
}

async function talk(channel: Channel, converse: (socket: WebSocketChannel) => unknown): Promise<void> {
  let code = DONE;
  try {
    if (await opens(channel)) await converse(channel);
  } catch (error) {
    const failure = failureOf(error);
    code = failure === NOTHING ? GOING_AWAY : FAILED;
    if (failure === NOTHING) throw error;
    // A client that leaves, in whatever way, is nobody's fault here.
    const rest = withoutLeaves(failure, (leaf) => channel.hasTold(leaf));
    if (rest !== NOTHING) throw rest;
  } finally {
    await channel.close({ code });
  }
}

/** Whether it opens: it does not if the client has gone away, which is no fault of the handler's. */
async function opens(channel: Channel): Promise<boolean> {
  try {
    await channel.opened("upgrade to a WebSocket", OPENING_TIMEOUT);
    return true;
  } catch (error) {
    if (error instanceof BrokenResourceError) return false;
    throw error;
  }
}

function connect(url: string | URL, options: OpenWebSocketOptions): WebSocket {
  try {
    return hostWebSocket(url, options);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new RangeError(`Cannot open a WebSocket as the URL and the subprotocols must be valid: ${error.message}`, {
      cause: error,
    });
  }
}

function checkLimits(action: string, { highWaterMark, maxBuffered }: WebSocketOptions): void {
  if (highWaterMark !== undefined) requireCount(action, "highWaterMark", highWaterMark);
  if (maxBuffered !== undefined) requireCount(action, "maxBuffered", maxBuffered);
}

/** The words of a list in a header. Only blanks and tabs go around them (RFC 9110, section 5.6.1), as for the host. */
function wordsOf(header: string | null): string[] {
  return header?.split(",").map((word) => word.replace(/^[ \t]+|[ \t]+$/g, "")) ?? [];
}
