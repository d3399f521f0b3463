/** Servers on Unix sockets. */

import type { UnixAddress } from "../../core/mod.ts";
import { composedWait } from "../../core/internal.ts";
import { ownOptions } from "../base/check.ts";
import { checkListenUnix, type OpenUnixListenerOptions } from "../base/listen_options.ts";
import { checkServe, type ServeOptions } from "../base/serve_options.ts";
import { makeServer, type Server } from "../base/server.ts";
import { openUnixListener } from "../listen/open_unix_listener.ts";
import type { SocketStream } from "../streams/socket_stream.ts";
import { reportAddresses, serveAll } from "./_accept_loop.ts";

/**
 * Options of `unixServer()` and `serveUnix()`.
 *
 * @category Servers
 */
export interface ServeUnixOptions extends OpenUnixListenerOptions, ServeOptions<SocketStream<UnixAddress>> {
  /** The path of the socket. */
  readonly path: string;
}

/**
 * Makes a server that calls a handler for each connection on a Unix socket, in a task for that connection.
 *
 * The rules are those of `tcpServer()`; those about the socket file are those of `openUnixListener()`. The file is
 * removed when the server ends.
 *
 * **Cancellation:** once started, the handlers are cancelled and awaited, and everything is closed.
 *
 * @example An echo server for this user
 * ```ts
 * import { openNursery, openUnixStream, unixServer } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `${await Deno.makeTempDir()}/echo.sock`;
 * const server = unixServer(async (stream) => {
 *   for await (const chunk of stream) await stream.sendAll(chunk);
 * }, { path, mode: 0o600 });
 * await openNursery(async (nursery) => {
 *   await nursery.start(server);
 *   using client = await openUnixStream(path);
 *   await client.sendAll(new TextEncoder().encode("hello"));
 *   assertEquals(new TextDecoder().decode((await client.receiveSome())!), "hello");
 *   nursery.cancel();
 * });
 * ```
 *
 * @param handler Called with each connection.
 * @param options Where to listen, and what the limits are.
 * @returns The server, to be started once. Starting it fails with `BrokenResourceError` if the path is in use, or no
 *   file can be made there.
 * @throws {TypeError} If `handler` is not a function, or an option is of the wrong kind.
 * @throws {RangeError} If `path`, `mode` or another option is out of its range.
 * @category Servers
 */
export function unixServer(
  handler: (stream: SocketStream<UnixAddress>) => unknown,
  options: ServeUnixOptions,
): Server<UnixAddress> {
  const own = ownOptions("serve", options);
  checkServe(handler, own, "maxConnections");
  checkListenUnix(own.path, own);
  return makeServer(async (counts, status) => {
    const listener = await openUnixListener(own.path, own);
    await serveAll(handler, [listener], { ...own, counts, started: reportAddresses(status, [listener]) });
  });
}

/**
 * Serves connections on a Unix socket until a shutdown: short for `unixServer(handler, options)()`.
 *
 * **Cancellation:** the handlers are cancelled and awaited, and everything is closed.
 *
 * @example A program that only serves
 * ```ts
 * import { moveOnAfter, serveUnix } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const path = `${await Deno.makeTempDir()}/busy.sock`;
 * const outcome = await moveOnAfter(10, () =>
 *   serveUnix((stream) => stream.sendAll(new TextEncoder().encode("busy\r\n")), { path })
 * );
 * assert(outcome.cancelledCaught);
 * ```
 *
 * @param handler Called with each connection.
 * @param options Where to listen, and what the limits are.
 * @throws {BrokenResourceError} If the path is in use, or no file can be made there.
 * @throws {ErrorGroup} If a handler failed and `onHandlerError` is `"fail"` or throws; or if the listener was closed.
 * @category Servers
 */
export function serveUnix(
  handler: (stream: SocketStream<UnixAddress>) => unknown,
  options: ServeUnixOptions,
): Promise<void> {
  return composedWait(() => unixServer(handler, options)());
}
