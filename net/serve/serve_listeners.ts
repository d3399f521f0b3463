/** Servers on listeners that are open already. */

import { composedWait, show } from "../../core/internal.ts";
import { ownOptions } from "../base/check.ts";
import { checkServe, type ServeOptions } from "../base/serve_options.ts";
import { makeServer, type Server } from "../base/server.ts";
import type { Listener } from "../streams/stream.ts";
import { serveAll } from "./_accept_loop.ts";

/**
 * The streams that a listener gives out.
 *
 * @category Servers
 */
export type StreamOf<L> = L extends Listener<infer S> ? S : never;

/**
 * Makes a server on listeners that are open already: `tcpServer()` for any kind of stream.
 *
 * Once started, it owns the listeners: they are closed when it ends, however it ends. Errors of handlers and of
 * accepting are treated as by `tcpServer()`. `nursery.start()` returns the listeners.
 *
 * **Cancellation:** once started, the handlers are cancelled and awaited, and everything is closed.
 *
 * @example One server for two addresses
 * ```ts
 * import { listenerServer, openNursery, openTcpListeners, openTcpStream } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const [one] = await openTcpListeners(0, { hostname: "127.0.0.1" });
 * const [two] = await openTcpListeners(0, { hostname: "127.0.0.1" });
 * const server = listenerServer((stream) => stream.sendAll(new Uint8Array([7])), [one, two]);
 * await openNursery(async (nursery) => {
 *   for (const { address } of await nursery.start(server)) {
 *     using client = await openTcpStream("127.0.0.1", address.port);
 *     assertEquals(await client.receiveSome(), new Uint8Array([7]));
 *   }
 *   assertEquals(server.statistics().accepted, 2);
 *   nursery.cancel();
 * });
 * ```
 *
 * @param handler Called with each stream.
 * @param listeners Where the connections come from; at least one.
 * @param options The limits, and what to do with errors.
 * @returns The server, to be started once.
 * @throws {TypeError} If `handler` is not a function, or `listeners` is not an array of listeners.
 * @throws {RangeError} If `listeners` is empty, or an option is out of its range.
 * @category Servers
 */
export function listenerServer<L extends Listener<{ close(): void }>>(
  handler: (stream: StreamOf<L>) => unknown,
  listeners: readonly L[],
  options: ServeOptions<StreamOf<L>> = {},
): Server<L> {
  const own = ownOptions("serve", options);
  checkServe(handler, own, "maxConnections");
  checkListeners(listeners);
  const all = [...listeners] as unknown as readonly [L, ...L[]];
  return makeServer((counts, status) =>
    serveAll(handler, all as unknown as readonly Listener<StreamOf<L>>[], {
      ...own,
      counts,
      started: () => status?.started(all),
    })
  );
}

/**
 * Serves listeners that are open already: short for `listenerServer(handler, listeners, options)()`.
 *
 * **Cancellation:** the handlers are cancelled and awaited, and everything is closed.
 *
 * @example A server on a listener that is open already
 * ```ts
 * import { openNursery, openTcpListeners, openTcpStream, serveListeners } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const listeners = await openTcpListeners(0, { hostname: "127.0.0.1" });
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(() => serveListeners((stream) => stream.sendAll(new Uint8Array([7])), listeners));
 *   using client = await openTcpStream("127.0.0.1", listeners[0].address.port);
 *   assertEquals(await client.receiveSome(), new Uint8Array([7]));
 *   nursery.cancel();
 * });
 * ```
 *
 * @param handler Called with each stream.
 * @param listeners Where the connections come from; at least one.
 * @param options The limits, and what to do with errors.
 * @throws {TypeError} If `listeners` is not an array of listeners.
 * @throws {ErrorGroup} If a handler failed and `onHandlerError` is `"fail"` or throws; or if a listener was closed.
 * @category Servers
 */
export function serveListeners<L extends Listener<{ close(): void }>>(
  handler: (stream: StreamOf<L>) => unknown,
  listeners: readonly L[],
  options: ServeOptions<StreamOf<L>> = {},
): Promise<void> {
  return composedWait(() => listenerServer(handler, listeners, options)());
}

function checkListeners(listeners: unknown): void {
  const isListener = (each: Partial<Listener<unknown>> | null | undefined): boolean =>
    typeof each?.accept === "function" && typeof each.close === "function";
  if (!Array.isArray(listeners) || !listeners.every(isListener)) {
    throw new TypeError(
      `Cannot serve as "listeners" must be an array of what has accept() and close(): received ${
        Array.isArray(listeners) ? "something else in it" : show(listeners)
      }`,
    );
  }
  if (listeners.length === 0) throw new RangeError('Cannot serve as "listeners" must have at least one: received none');
}
