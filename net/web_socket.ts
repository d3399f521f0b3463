/** WebSockets on both sides: opening one, and answering a request with one. What they do is in `_web_socket_channel.ts`. */

import { beginHostOperation, BrokenResourceError, suspend } from "../core/mod.ts";
import { requireAtLeast, requireFunction, show } from "./_check.ts";
import { hostUpgrade } from "./_deno_http.ts";
import { Channel } from "./_web_socket_channel.ts";
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
  requireAtLeast(action, "idleTimeout", idleTimeout, 1);
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
const DEFAULT_IDLE_TIMEOUT = 30_000;

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
