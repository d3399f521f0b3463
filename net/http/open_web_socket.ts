/** Opening a WebSocket, as a client. */

import { BrokenResourceError } from "../../core/mod.ts";
import { checkpointIfCancelled, type NetworkHttp } from "../../core/lowlevel.ts";
import { composedWait, requireOptions, show } from "../../core/internal.ts";
import { ambientHttp } from "../host/ambient_http.ts";
import { checkTlsClient } from "../host/tls_options.ts";
import { Channel } from "./_web_socket_channel.ts";
import { checkLimits } from "./_web_socket_limits.ts";
import type { WebSocketChannel, WebSocketOptions } from "./web_socket_channel.ts";

/**
 * Options of `openWebSocket()`.
 *
 * @category WebSockets
 */
export interface OpenWebSocketOptions extends WebSocketOptions {
  /** The subprotocols to offer, the preferred one first. */
  readonly protocols?: readonly string[];
  /** Headers of the request, such as `authorization`. */
  readonly headers?: HeadersInit;
  /**
   * Certificates of authorities to trust for `wss:` besides those the host trusts: texts in PEM.
   *
   * @default {[]}
   */
  readonly caCerts?: readonly string[];
}

/**
 * Opens a WebSocket to a server.
 *
 * `await using` closes it. There is no timeout: put `failAfter()` around it.
 *
 * **Cancellation:** throws `Cancelled`; the connection is given up.
 *
 * @example A client of a server that echoes
 * ```ts
 * import { httpServer, openNursery, openWebSocket, upgradeWebSocket } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const server = httpServer((request) =>
 *   upgradeWebSocket(request, async (socket) => {
 *     for await (const message of socket) await socket.send(message);
 *   }), { hostname: "127.0.0.1", port: 0 });
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start(server);
 *   await using socket = await openWebSocket(`ws://127.0.0.1:${address.port}/`);
 *   await socket.send("hello");
 *   assertEquals(await socket.receive(), "hello");
 *   await socket.close();
 *   nursery.cancel();
 * });
 * ```
 *
 * @param url The address of the server, with the scheme `ws:` or `wss:`.
 * @param options Subprotocols, headers and limits.
 * @returns The open WebSocket, which belongs to the caller.
 * @throws {BrokenResourceError} If the server cannot be reached, refuses (the message has its status) or does not speak
 *   WebSocket.
 * @throws {RangeError} If the URL or a subprotocol is not valid.
 * @category WebSockets
 */
export function openWebSocket(url: string | URL, options: OpenWebSocketOptions = {}): Promise<WebSocketChannel> {
  return composedWait(() => open(url, options));
}

async function open(url: string | URL, options: OpenWebSocketOptions): Promise<WebSocketChannel> {
  requireOptions("open a WebSocket", options);
  const { protocols = [], caCerts } = options;
  checkLimits("open a WebSocket", options);
  if (caCerts !== undefined) checkTlsClient("open a WebSocket", { caCerts });
  await checkpointIfCancelled();
  const action = `open a WebSocket to ${url}`;
  const http = ambientHttp("open a WebSocket", url);
  const channel = new Channel(http, connect(http, url, options), options, "client");
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

function connect(http: NetworkHttp, url: string | URL, options: OpenWebSocketOptions): WebSocket {
  try {
    return http.webSocket(url, options);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new RangeError(`Cannot open a WebSocket as the URL and the subprotocols must be valid: ${error.message}`, {
      cause: error,
    });
  }
}
