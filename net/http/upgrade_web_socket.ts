/** Answering a request with a WebSocket. */

import { BrokenResourceError } from "../../core/mod.ts";
import { failureOf, NOTHING, requireFunction, requireOptions, show, withoutLeaves } from "../../core/internal.ts";
import { requireAtLeast } from "../base/check.ts";
import { Channel } from "./_web_socket_channel.ts";
import { checkLimits } from "./_web_socket_limits.ts";
import { registerUpgrade } from "./_web_socket_upgrade.ts";
import type { WebSocketChannel, WebSocketOptions } from "./web_socket_channel.ts";

/**
 * Options of `upgradeWebSocket()`.
 *
 * @category WebSockets
 */
export interface UpgradeWebSocketOptions extends WebSocketOptions {
  /** The subprotocol to use, one of those that the client offers. */
  readonly protocol?: string;
  /**
   * How long a client may be silent, in milliseconds, before it is cut off. After half of that it is asked for a sign
   * of life. `Infinity` never asks. A client that does not take what is sent to it is not asked, so limit your sends in
   * time.
   *
   * @default {30_000}
   */
  readonly idleTimeout?: number;
}

/**
 * Makes the response that turns a request of `httpServer()` into a WebSocket.
 *
 * The handler of the server returns that response. `handler` runs in the task of the request, once the socket is open.
 * When it ends, the socket is closed: with the code 1000, with 1001 if it was cancelled, with 1011 if it failed. Its
 * errors are those of the server's handler, except errors caused by its own client (closed, vanished, sent too much):
 * those just end it. At a shutdown it goes on for the grace, so wait for messages by
 * `untilShutdown(() => socket.receive())`.
 *
 * **Not guaranteed:** that the process gets the open file of every client back. If a client resets the connection in
 * the very moment in which its upgrade is answered, Deno 2.9.6 keeps the file until the process ends. The request
 * itself is over after ten seconds.
 *
 * If a request does not ask for a WebSocket, or does not offer the subprotocol, that is the fault of its client. Then
 * the response says so, with the status 426 or 400, and `handler` is not called.
 *
 * @example A server that counts
 * ```ts
 * import { httpServer, openNursery, openWebSocket, upgradeWebSocket } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const server = httpServer((request) =>
 *   upgradeWebSocket(request, async (socket) => {
 *     for (let n = 1; n <= 3; n++) await socket.send(`${n}`);
 *   }), { hostname: "127.0.0.1", port: 0 });
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start(server);
 *   await using socket = await openWebSocket(`ws://127.0.0.1:${address.port}/`);
 *   assertEquals(await Array.fromAsync(socket), ["1", "2", "3"]);
 *   nursery.cancel();
 * });
 * ```
 *
 * @param request The request, as the server gave it to its handler.
 * @param handler Called with the open socket.
 * @param options The subprotocol and the limits.
 * @returns The response, which the handler of the server must return as it is.
 * @throws {RangeError} If an option is out of its range.
 * @category WebSockets
 */
export function upgradeWebSocket(
  request: Request,
  handler: (socket: WebSocketChannel) => unknown,
  options: UpgradeWebSocketOptions = {},
): Response {
  const action = "upgrade to a WebSocket";
  requireFunction(action, "handler", handler);
  requireOptions(action, options);
  checkLimits(action, options);
  const { protocol, idleTimeout = DEFAULT_IDLE_TIMEOUT } = options;
  requireAtLeast(action, "idleTimeout", idleTimeout, 1);
  const refusal = refusalOf(request, protocol);
  if (refusal !== null) return refusal;
  return registerUpgrade({
    begin(request, http) {
      const { socket, response } = http.upgrade(request, { protocol, idleTimeout });
      const channel = new Channel(http, socket, options, "server", { protocol: protocol ?? "", idleTimeout });
      return { answer: response, run: () => runUpgrade(channel, handler) };
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
 * How long the host may take to hand over the socket, in milliseconds: if the client has reset the connection, Deno
 * 2.9.6 never does, and does not say so.
 */
const OPENING_TIMEOUT = 10_000;

/** The answer to a request that cannot be upgraded: what a client asks for is no fault of the server's handler. */
function refusalOf({ headers }: Request, protocol: string | undefined): Response | null {
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

async function runUpgrade(channel: Channel, handler: (socket: WebSocketChannel) => unknown): Promise<void> {
  let code = DONE;
  try {
    if (await opens(channel)) await handler(channel);
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

/** The words of a list in a header. Only blanks and tabs go around them (RFC 9110, section 5.6.1), as for the host. */
function wordsOf(header: string | null): string[] {
  return header?.split(",").map((word) => word.replace(/^[ \t]+|[ \t]+$/g, "")) ?? [];
}
