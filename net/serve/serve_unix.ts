/** Servers on Unix sockets. */

import type { TaskStatus } from "../../core/mod.ts";
import { composedWait } from "../../core/internal.ts";
import { checkServe, serveAll, telling } from "./_accept_loop.ts";
import type { UnixAddress } from "../../core/mod.ts";
import { openUnixListener, type OpenUnixListenerOptions } from "../listen/open_unix_listener.ts";
import type { ServeOptions } from "./serve.ts";
import type { SocketStream } from "../streams/socket_stream.ts";

/** How `serveUnix()` serves. */
export interface ServeUnixOptions extends OpenUnixListenerOptions, ServeOptions<SocketStream<UnixAddress>> {
  /** The path of the socket. */
  readonly path: string;
  /** Told the address once the server is listening: see `nursery.start()`. */
  readonly status?: TaskStatus<readonly UnixAddress[]>;
}

/**
 * Serves connections on a Unix socket: calls the handler in a task of its own for each.
 *
 * The rules are those of `serveTcp()`; those about the socket file are `openUnixListener()`'s. The file is removed when
 * the server ends.
 *
 * **Cancellation:** the handlers are cancelled and awaited, everything is closed.
 *
 * @example An echo server for this user
 * ```ts
 * import { openNursery, openUnixStream, serveUnix, type UnixAddress } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const path = `${await Deno.makeTempDir()}/echo.sock`;
 * await openNursery(async (nursery) => {
 *   await nursery.start<readonly UnixAddress[]>((status) =>
 *     serveUnix(async (stream) => {
 *       for await (const chunk of stream) await stream.sendAll(chunk);
 *     }, { path, mode: 0o600, status })
 *   );
 *   using client = await openUnixStream(path);
 *   await client.sendAll(new TextEncoder().encode("hello"));
 *   assertEquals(new TextDecoder().decode((await client.receiveSome())!), "hello");
 *   nursery.cancel();
 * });
 * ```
 *
 * @param handler Called with each connection.
 * @param options Where to listen, and what the limits are.
 * @throws {BrokenResourceError} If the path is in use, or no file can be made there.
 * @throws {ErrorGroup} If a handler failed and `onHandlerError` is `"fail"`, or failed itself; if the listener was closed.
 */
export function serveUnix(
  handler: (stream: SocketStream<UnixAddress>) => unknown,
  options: ServeUnixOptions,
): Promise<void> {
  return composedWait(() => listenAndServe(handler, options));
}

async function listenAndServe(
  handler: (stream: SocketStream<UnixAddress>) => unknown,
  options: ServeUnixOptions,
): Promise<void> {
  checkServe(handler, options);
  const listeners = [await openUnixListener(options.path, options)];
  await serveAll(handler, listeners, { ...options, status: telling(options.status, listeners) });
}
