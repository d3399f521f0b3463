/**
 * Servers: one accept loop per listener, one task per connection.
 *
 * A failing handler fails the server, as an error of a child fails its nursery; a server that shall go on says what
 * to do with the error (`onHandlerError`). The accept loops wait inside `untilShutdown()`, so a shutdown stops
 * accepting while the handlers have their grace.
 */

import {
  failAfter,
  isCancelled,
  isErrorGroup,
  type NetworkAddress,
  openMemoryChannel,
  openNursery,
  sleep,
  type TaskStatus,
  untilShutdown,
} from "../core/mod.ts";
import { requireAtLeast, requireFunction } from "./_check.ts";
import { openTcpListeners, type OpenTcpListenersOptions } from "./open_tcp_listeners.ts";
import type { SocketStream } from "./socket_stream.ts";
import type { Listener } from "./stream.ts";

/** What servers of all kinds can be told. */
export interface ServeOptions<S> {
  /**
   * The most connections served at a time; others wait to be accepted.
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
   * What to do with an error of a handler; the server goes on. Without it the error ends the server. Not called for
   * cancellations. The stream is closed after it.
   */
  readonly onHandlerError?: (error: unknown, stream: S) => void | Promise<void>;
  /**
   * Told once per burst when a connection could not be accepted for want of resources (too many open files); the
   * server tries again every 100 milliseconds. By default it is printed.
   */
  readonly onAcceptError?: (error: unknown) => void;
}

/** How `serveTcp()` serves. */
export interface ServeTcpOptions extends OpenTcpListenersOptions, ServeOptions<SocketStream> {
  /** The port; 0 takes any free one. */
  readonly port: number;
  /** Told the addresses once the server is listening: see `nursery.start()`. */
  readonly status?: TaskStatus<readonly NetworkAddress[]>;
}

/** How long to wait before accepting again when the host has no more resources, in milliseconds (as Trio). */
const CAPACITY_PAUSE = 100;
/** Too many open files, in the process or the system; no memory, no buffers. */
const CAPACITY_ERRORS = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"]);

/**
 * Serves TCP connections: calls the handler in a task of its own for each.
 *
 * The stream is closed when its handler ends. Returns only when a shutdown was requested (`scope.shutdown()`): then it
 * accepts no more, and the handlers go on until they are done or the grace is over.
 *
 * **Cancellation:** the handlers are cancelled and awaited, everything is closed.
 *
 * @example An echo server and its client
 * ```ts
 * import { type NetworkAddress, openNursery, openTcpStream, serveTcp } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const [address] = await nursery.start<readonly NetworkAddress[]>((status) =>
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
 * @throws {ErrorGroup} If a handler failed, and there is no `onHandlerError`.
 */
export async function serveTcp(handler: (stream: SocketStream) => unknown, options: ServeTcpOptions): Promise<void> {
  checkServe(handler, options);
  const { status, ...limits } = options;
  const listeners = await openTcpListeners(options.port, options);
  if (status === undefined) return await serveListeners(handler, listeners, limits);
  const started = () => status.started(listeners.map(({ address }) => address));
  await serveListeners(handler, listeners, { ...limits, status: { started } });
}

/**
 * Serves the connections of listeners that are open already; `serveTcp()` for any kind of stream.
 *
 * Takes the listeners over: they are closed when it ends, however it ends.
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
 * @throws {ErrorGroup} If a handler failed, and there is no `onHandlerError`.
 */
export async function serveListeners<S extends { close(): void }>(
  handler: (stream: S) => unknown,
  listeners: readonly Listener<S>[],
  options: ServeOptions<S> & { readonly status?: TaskStatus<readonly Listener<S>[]> } = {},
): Promise<void> {
  checkServe(handler, options);
  const { maxConnections = Infinity, handlerTimeout = Infinity, onHandlerError, onAcceptError = report } = options;
  // A place for each connection that is served: a send takes one, a receive gives it back.
  const [takePlace, giveBack] = openMemoryChannel<void>(maxConnections, { name: "places for connections" });

  async function serve(stream: S): Promise<void> {
    try {
      await (handlerTimeout === Infinity ? handler(stream) : failAfter(handlerTimeout, () => handler(stream)));
    } catch (error) {
      if (onHandlerError === undefined) throw error;
      const [cancelled, rest] = isErrorGroup(error)
        ? error.split(isCancelled)
        : isCancelled(error)
        ? [error, null]
        : [null, error];
      if (rest !== null) await onHandlerError(rest, stream);
      if (cancelled !== null) throw cancelled;
    } finally {
      stream.close();
      giveBack.tryReceive();
    }
  }

  try {
    await openNursery((nursery) => {
      async function acceptLoop(listener: Listener<S>): Promise<void> {
        let short = false;
        while (true) {
          const next = await untilShutdown(async () => {
            await takePlace.send();
            try {
              return await listener.accept();
            } catch (error) {
              giveBack.tryReceive();
              throw error;
            }
          }).catch((error) => {
            if (!CAPACITY_ERRORS.has(error?.code)) throw error;
            return error as Error;
          });
          if (next instanceof Error) {
            if (!short) onAcceptError(next);
            short = true;
            await untilShutdown(() => sleep(CAPACITY_PAUSE));
            continue;
          }
          short = false;
          if (next.cancelledCaught) return listener.close();
          const stream = next.value;
          nursery.startSoon(() => serve(stream), { name: "connection" });
        }
      }

      for (const listener of listeners) nursery.startSoon(() => acceptLoop(listener), { name: "accept loop" });
      options.status?.started(listeners);
    }, { name: "server" });
  } finally {
    for (const listener of listeners) listener.close();
  }
}

function checkServe(handler: unknown, options: ServeOptions<never>): void {
  const action = "serve";
  requireFunction(action, "handler", handler);
  const { maxConnections, handlerTimeout, onHandlerError, onAcceptError } = options;
  if (maxConnections !== undefined) {
    requireAtLeast(action, "maxConnections", maxConnections, 1);
    if (maxConnections !== Infinity && !Number.isInteger(maxConnections)) {
      throw new RangeError(
        `Cannot serve as "maxConnections" must be a whole number or Infinity: received ${maxConnections}`,
      );
    }
  }
  if (handlerTimeout !== undefined) requireAtLeast(action, "handlerTimeout", handlerTimeout, 0);
  if (onHandlerError !== undefined) requireFunction(action, "onHandlerError", onHandlerError);
  if (onAcceptError !== undefined) requireFunction(action, "onAcceptError", onAcceptError);
}

function report(error: unknown): void {
  // deno-lint-ignore no-console -- a server that cannot accept must not be silent about it
  console.error(`Cannot accept connections for the moment, trying again every ${CAPACITY_PAUSE}ms: ${error}`);
}
