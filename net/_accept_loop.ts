/**
 * The accept loop of all servers: one task per listener, one per connection.
 *
 * The loops wait inside `untilShutdown()`, so a shutdown stops accepting while the handlers have their grace. What has
 * to happen before a connection is the handler's, such as a handshake, happens in the connection's task too: there it
 * holds up nobody else.
 *
 * A place is taken after the connection is accepted, not before: a loop that waits for connections with a place in its
 * hands would keep it from the other listeners.
 */

import {
  currentTime,
  failAfter,
  isCancelled,
  openNursery,
  type ReleaseGuard,
  Semaphore,
  sleep,
  type TaskStatus,
  untilShutdown,
} from "../core/mod.ts";
import { requireAtLeast, requireFunction, requireLimit } from "./_check.ts";
import { splitErrors } from "./_split_errors.ts";
import type { ServeOptions } from "./serve.ts";
import type { Listener } from "./stream.ts";

/** How long to wait before accepting again when the host has no more resources, in milliseconds (as Trio). */
const CAPACITY_PAUSE = 100;
/** How long all must have gone well for a want of resources to be a new one, in milliseconds. */
const BURST_END = 1_000;
/** Too many open files, in the process or the system; no memory, no buffers. */
const CAPACITY_ERRORS = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"]);

const CONNECTION = { name: "connection" } as const;

/** What makes a connection ready for its handler; `false` if it is not to be served. */
export type Greet<S> = (stream: S) => Promise<boolean>;

/** A status for `serveAll()` that tells the addresses instead of the listeners. */
export function telling<A>(
  status: TaskStatus<readonly A[]> | undefined,
  listeners: readonly { readonly address: A }[],
): { started(): void } {
  return { started: () => status?.started(listeners.map(({ address }) => address)) };
}

/** Serves the listeners until a shutdown; they are closed when it ends. The arguments have been checked. */
export async function serveAll<S extends { close(): void }>(
  handler: (stream: S) => unknown,
  listeners: readonly Listener<S>[],
  options: ServeOptions<S> & {
    readonly status?: { started(listeners: readonly Listener<S>[]): void };
    readonly greet?: Greet<S>;
  },
): Promise<void> {
  const { maxConnections = Infinity, handlerTimeout = Infinity, onHandlerError, onAcceptError = report } = options;
  const { greet, statistics = { open: 0, accepted: 0 } } = options;
  const places = maxConnections === Infinity ? null : new Semaphore(maxConnections, { name: "places for connections" });
  /** When a connection could last not be accepted; all listeners draw from the same resources. */
  let lastShort = -Infinity;

  async function serve(stream: S, place: ReleaseGuard | null): Promise<void> {
    using _place = place;
    try {
      if (greet !== undefined && !(await greet(stream))) return;
      await (handlerTimeout === Infinity ? handler(stream) : failAfter(handlerTimeout, () => handler(stream)));
    } catch (error) {
      if (onHandlerError === undefined) throw error;
      const [cancelled, rest] = splitErrors([error], isCancelled);
      for (const fault of rest) await onHandlerError(fault, stream);
      for (const one of cancelled) throw one;
    } finally {
      leave(stream);
    }
  }

  function leave(stream: S): void {
    stream.close();
    statistics.open--;
  }

  async function placeFor(stream: S): Promise<ReleaseGuard> {
    try {
      return await places!.acquire();
    } catch (error) {
      leave(stream);
      throw error;
    }
  }

  try {
    await openNursery((nursery) => {
      async function acceptLoop(listener: Listener<S>): Promise<void> {
        // One region for all accepts: entering and leaving it for each would cost as much as the task of a connection.
        await untilShutdown(async () => {
          while (true) {
            let stream: S;
            try {
              stream = await listener.accept();
            } catch (error) {
              if (!CAPACITY_ERRORS.has((error as { code?: string })?.code ?? "")) throw error;
              const now = currentTime();
              const known = now - lastShort <= BURST_END;
              lastShort = now;
              if (!known) onAcceptError(error);
              await sleep(CAPACITY_PAUSE);
              continue;
            }
            statistics.open++;
            statistics.accepted++;
            const place = places === null ? null : await placeFor(stream);
            nursery.startSoon(() => serve(stream, place), CONNECTION);
          }
        });
        listener.close();
      }

      for (const listener of listeners) nursery.startSoon(() => acceptLoop(listener), { name: "accept loop" });
      options.status?.started(listeners);
    }, { name: "server" });
  } finally {
    for (const listener of listeners) listener.close();
  }
}

/** Checks what all servers are given, before any effect. */
export function checkServe(handler: unknown, options: ServeOptions<never>): void {
  const action = "serve";
  requireFunction(action, "handler", handler);
  const { maxConnections, handlerTimeout, onHandlerError, onAcceptError, statistics } = options;
  if (maxConnections !== undefined) requireLimit(action, "maxConnections", maxConnections);
  if (handlerTimeout !== undefined) requireAtLeast(action, "handlerTimeout", handlerTimeout, 0);
  if (onHandlerError !== undefined) requireFunction(action, "onHandlerError", onHandlerError);
  if (onAcceptError !== undefined) requireFunction(action, "onAcceptError", onAcceptError);
  if (statistics !== undefined && !(Number.isInteger(statistics.open) && Number.isInteger(statistics.accepted))) {
    throw new TypeError(
      'Cannot serve as "statistics" must be an object to count in: begin with { open: 0, accepted: 0 }',
    );
  }
}

function report(error: unknown): void {
  // deno-lint-ignore no-console -- a server that cannot accept must not be silent about it
  console.error(`Cannot accept connections for the moment, trying again every ${CAPACITY_PAUSE}ms: ${error}`);
}
