/** Servers for TCP. What becomes of errors of handlers is in `base/handler_errors.ts`. */

import type { TcpAddress } from "../../core/mod.ts";
import { composedWait } from "../../core/internal.ts";
import { ownOptions } from "../base/check.ts";
import { checkListen, type OpenTcpListenersOptions } from "../base/listen_options.ts";
import { checkServe, type ServeOptions } from "../base/serve_options.ts";
import { makeServer, type Server } from "../base/server.ts";
import { openTcpListeners } from "../listen/open_tcp_listeners.ts";
import type { SocketStream } from "../streams/socket_stream.ts";
import { reportAddresses, serveAll } from "./_accept_loop.ts";

/**
 * Options of `tcpServer()` and `serveTcp()`.
 *
 * @category Servers
 */
export interface ServeTcpOptions extends OpenTcpListenersOptions, ServeOptions<SocketStream> {
  /** The port; 0 takes any free one. */
  readonly port: number;
}

/**
 * Makes a server that calls a handler for each TCP connection, in a task for that connection.
 *
 * `nursery.start()` starts it. Once the server listens, `start()` returns one address for each address of the host
 * name.
 *
 * The stream is closed when its handler ends. The server outlives its handlers: an error of a handler is printed, and
 * the server goes on (see `onHandlerError`). It also goes on after any error of accepting a connection, unless the
 * listener is closed or a permission is missing. It ends only when a shutdown was requested (`scope.shutdown()`). Then
 * it accepts no more connections, at once or after `lameDuck`, and the handlers go on until they are done or the grace
 * is over.
 *
 * **Cancellation:** once started, the handlers are cancelled and awaited, and everything is closed.
 *
 * @example An echo server and its client
 * ```ts
 * import { openNursery, openTcpStream, type SocketStream, tcpServer } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * async function echo(stream: SocketStream): Promise<void> {
 *   for await (const chunk of stream) await stream.sendAll(chunk);
 * }
 *
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start(tcpServer(echo, { hostname: "127.0.0.1", port: 0 }));
 *   using client = await openTcpStream("127.0.0.1", address.port);
 *   await client.sendAll(new TextEncoder().encode("hello"));
 *   assertEquals(new TextDecoder().decode((await client.receiveSome())!), "hello");
 *   nursery.cancel();
 * });
 * ```
 *
 * @example A server that says "not ready" before it stops
 * ```ts
 * import { openNursery, openTcpStream, type SocketStream, tcpServer } from "@trefoil/io";
 * import { assert, assertEquals } from "@std/assert";
 *
 * let ready = true; // what a health check would tell
 * const server = tcpServer((stream: SocketStream) => stream.sendAll(new Uint8Array([7])), {
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   lameDuck: 50,
 *   onLameDuck: () => void (ready = false),
 * });
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start(server);
 *   nursery.cancelScope.shutdown({ grace: 10_000 });
 *   assert(!ready);
 *   using late = await openTcpStream("127.0.0.1", address.port);
 *   assertEquals(await late.receiveSome(), new Uint8Array([7]));
 * });
 * ```
 *
 * @param handler Called with each connection.
 * @param options Where to listen, and what the limits are.
 * @returns The server, to be started once. Starting it fails with `BrokenResourceError` if the port is in use.
 * @throws {TypeError} If `handler` is not a function, or an option is of the wrong kind.
 * @throws {RangeError} If `port`, `hostname` or another option is out of its range.
 * @category Servers
 */
export function tcpServer(handler: (stream: SocketStream) => unknown, options: ServeTcpOptions): Server<TcpAddress> {
  const own = ownOptions("serve", options);
  checkServe(handler, own, "maxConnections");
  checkListen(own.port, own);
  return makeServer(async (counts, status) => {
    const listeners = await openTcpListeners(own.port, own);
    await serveAll(handler, listeners, { ...own, counts, started: reportAddresses(status, listeners) });
  });
}

/**
 * Serves TCP connections until a shutdown: short for `tcpServer(handler, options)()`.
 *
 * **Cancellation:** the handlers are cancelled and awaited, and everything is closed.
 *
 * @example A program that only serves
 * ```ts
 * import { moveOnAfter, serveTcp } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const outcome = await moveOnAfter(10, () =>
 *   serveTcp((stream) => stream.sendAll(new TextEncoder().encode("busy\r\n")), { hostname: "127.0.0.1", port: 0 })
 * );
 * assert(outcome.cancelledCaught);
 * ```
 *
 * @param handler Called with each connection.
 * @param options Where to listen, and what the limits are.
 * @throws {BrokenResourceError} If the port is in use.
 * @throws {ErrorGroup} If a handler failed and `onHandlerError` is `"fail"` or throws; or if the listener was closed.
 * @category Servers
 */
export function serveTcp(handler: (stream: SocketStream) => unknown, options: ServeTcpOptions): Promise<void> {
  return composedWait(() => tcpServer(handler, options)());
}
