/** Servers for TCP, and for listeners of any kind. What becomes of errors of handlers is in `base/handler_errors.ts`. */

import type { TaskStatus, TcpAddress } from "../../core/mod.ts";
import { composedWait, show } from "../../core/internal.ts";
import { checkServe, serveAll, telling } from "./_accept_loop.ts";
import { openTcpListeners, type OpenTcpListenersOptions } from "../listen/open_tcp_listeners.ts";
import type { SocketStream } from "../streams/socket_stream.ts";
import type { Listener } from "../streams/stream.ts";

/** What a server counts. Several servers may count in one. */
export interface ServerStatistics {
  /** Connections open now, from their being accepted until they are closed. */
  open: number;
  /** Connections accepted in all. */
  accepted: number;
}

/** What servers of all kinds can be told. */
export interface ServeOptions<S> {
  /**
   * The most connections served at a time; others wait, one per listener accepted already.
   *
   * @default {Infinity}
   */
  readonly maxConnections?: number;
  /**
   * How long a handler may take, in milliseconds; it fails with `TooSlowError` then.
   *
   * @default {Infinity}
   */
  readonly handlerTimeout?: number;
  /**
   * What to do with an error of a handler; the server goes on, and the stream is closed afterwards. Not called for
   * cancellations. What the function throws itself fails the server. `"fail"` fails the server with the error of the
   * handler, as a nursery fails with that of a child.
   *
   * By default the error is printed, with the task and the peer. In a simulation the default is `"fail"`.
   */
  readonly onHandlerError?: "fail" | ((error: unknown, stream: S) => void | Promise<void>);
  /**
   * Called when a connection could not be accepted; the server tries again, after a pause of up to 100 milliseconds if
   * the system has no more resources (too many open files) or the error repeats. Called once per burst: again only after
   * a second without such a failure, however many connections were accepted between two. What it throws fails the
   * server. By default the error is printed.
   */
  readonly onAcceptError?: (error: unknown) => void;
  /** An object of the caller's in which the server counts: begin with `{ open: 0, accepted: 0 }`, and look at any time. */
  readonly statistics?: ServerStatistics;
}

/** How `serveTcp()` serves. */
export interface ServeTcpOptions extends OpenTcpListenersOptions, ServeOptions<SocketStream> {
  /** The port; 0 takes any free one. */
  readonly port: number;
  /** Told the addresses once the server is listening: see `nursery.start()`. */
  readonly status?: TaskStatus<readonly TcpAddress[]>;
}

/**
 * Serves TCP connections: calls the handler in a task of its own for each.
 *
 * The stream is closed when its handler ends. The server outlives its handlers: an error of one is printed, and the server
 * goes on (see `onHandlerError`). It goes on as well after any error of accepting a connection, unless the listener is
 * closed or a permission is missing. Returns only when a shutdown was requested (`scope.shutdown()`): then it
 * accepts no more, and the handlers go on until they are done or the grace is over.
 *
 * **Cancellation:** the handlers are cancelled and awaited, everything is closed.
 *
 * @example An echo server and its client
 * ```ts
 * import { type TcpAddress, openNursery, openTcpStream, serveTcp } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start<readonly TcpAddress[]>((status) =>
 *     serveTcp(async (stream) => {
 *       for await (const chunk of stream) await stream.sendAll(chunk);
 *     }, { hostname: "127.0.0.1", port: 0, status })
 *   );
 *   using client = await openTcpStream("127.0.0.1", address!.port);
 *   await client.sendAll(new TextEncoder().encode("hello"));
 *   assertEquals(new TextDecoder().decode((await client.receiveSome())!), "hello");
 *   nursery.cancel();
 * });
 * ```
 *
 * @param handler Called with each connection.
 * @param options Where to listen, and what the limits are.
 * @throws {BrokenResourceError} If the port is in use.
 * @throws {ErrorGroup} If a handler failed and `onHandlerError` is `"fail"`, or failed itself; if the listener was closed.
 */
export function serveTcp(handler: (stream: SocketStream) => unknown, options: ServeTcpOptions): Promise<void> {
  return composedWait(() => listenAndServe(handler, options));
}

async function listenAndServe(handler: (stream: SocketStream) => unknown, options: ServeTcpOptions): Promise<void> {
  checkServe(handler, options);
  const listeners = await openTcpListeners(options.port, options);
  await serveAll(handler, listeners, { ...options, status: telling(options.status, listeners) });
}

/**
 * Serves the connections of listeners that are open already; `serveTcp()` for any kind of stream.
 *
 * Takes the listeners over: they are closed when it ends, however it ends. Errors of handlers and of accepting are treated
 * as `serveTcp()` does.
 *
 * **Cancellation:** the handlers are cancelled and awaited, everything is closed.
 *
 * @example A server on a listener of one's own
 * ```ts
 * import { openNursery, openTcpListeners, openTcpStream, serveListeners } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const listeners = await openTcpListeners(0, { hostname: "127.0.0.1" });
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(() => serveListeners((stream) => stream.sendAll(new Uint8Array([7])), listeners));
 *   using client = await openTcpStream("127.0.0.1", listeners[0]!.address.port);
 *   assertEquals(await client.receiveSome(), new Uint8Array([7]));
 *   nursery.cancel();
 * });
 * ```
 *
 * @param handler Called with each stream.
 * @param listeners Where connections come from.
 * @param options The limits; `status` is told the listeners.
 * @throws {TypeError} If `listeners` is no array of listeners.
 * @throws {ErrorGroup} If a handler failed and `onHandlerError` is `"fail"`, or failed itself; if a listener was closed.
 */
export function serveListeners<S extends { close(): void }>(
  handler: (stream: S) => unknown,
  listeners: readonly Listener<S>[],
  options: ServeOptions<S> & { readonly status?: TaskStatus<readonly Listener<S>[]> } = {},
): Promise<void> {
  return composedWait(() => serve(handler, listeners, options));
}

async function serve<S extends { close(): void }>(
  handler: (stream: S) => unknown,
  listeners: readonly Listener<S>[],
  options: ServeOptions<S> & { readonly status?: TaskStatus<readonly Listener<S>[]> },
): Promise<void> {
  checkServe(handler, options);
  checkListeners(listeners);
  await serveAll(handler, listeners, options);
}

function checkListeners(listeners: unknown): void {
  const isListener = (each: Partial<Listener<unknown>> | null | undefined): boolean =>
    typeof each?.accept === "function" && typeof each.close === "function";
  if (Array.isArray(listeners) && listeners.every(isListener)) return;
  throw new TypeError(
    `Cannot serve as "listeners" must be an array of what has accept() and close(): received ${
      Array.isArray(listeners) ? "something else in it" : show(listeners)
    }`,
  );
}
