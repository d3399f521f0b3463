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
  failAfter,
  isOnlyCancelled,
  openNursery,
  type ReleaseGuard,
  Semaphore,
  type SocketAddress,
  type TaskStatus,
  untilShutdown,
} from "../../core/mod.ts";
import { failureOf, NOTHING, read, requireFunction, requireTimeout, turnDue } from "../../core/internal.ts";
import { AcceptTrouble, isFinal, pauseAfter } from "../host/accept_trouble.ts";
import { formatSocketAddress } from "../base/address.ts";
import { requireLimit } from "../base/check.ts";
import { throwFirst } from "../host/close.ts";
import { checkHandlerErrorRule, followRule } from "../base/handler_errors.ts";
import { closeAll } from "../host/host_call.ts";
import type { ServeOptions } from "./serve.ts";
import type { Listener } from "../streams/stream.ts";

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
  const { maxConnections = Infinity, handlerTimeout = Infinity, onHandlerError, onAcceptError } = options;
  const { greet, statistics = { open: 0, accepted: 0 } } = options;
  const places = maxConnections === Infinity ? null : new Semaphore(maxConnections, { name: "places for connections" });
  const trouble = new AcceptTrouble(onAcceptError);
  const open = new Set(listeners);
  /** What closing the listeners has thrown. */
  const faults: unknown[] = [];

  async function serve(stream: S, place: ReleaseGuard | null): Promise<void> {
    let left: readonly unknown[] = [];
    try {
      if (greet === undefined || await isGreeted(stream)) {
        await (handlerTimeout === Infinity ? handler(stream) : failAfter(handlerTimeout, () => handler(stream)));
      }
    } catch (error) {
      left = await failed(error, stream);
    }
    const faults = leave(stream);
    try {
      if (faults.length === 0 || !left.every(isOnlyCancelled)) throwFirst([...left, ...faults]);
      else throwFirst(await failed(faults[0], stream));
    } finally {
      place?.release();
    }
  }

  /** A client that has not said what it wants when a shutdown begins does not hold that up, as a silent one would. */
  async function isGreeted(stream: S): Promise<boolean> {
    const outcome = await untilShutdown(() => greet!(stream));
    return !outcome.cancelledCaught && outcome.value;
  }

  /**
   * Does what is to be done after an error; returns what has to leave the task all the same. In an array, as a promise
   * cannot bring any error whole: one with a `then` of its own would be awaited.
   */
  async function failed(error: unknown, stream: S): Promise<readonly unknown[]> {
    const failure = failureOf(error);
    if (failure === NOTHING) return [error];
    try {
      await followRule(onHandlerError, failure, () => peerOf(stream), stream);
      return [];
    } catch (error) {
      return [error];
    }
  }

  /** Returns what was thrown. */
  function leave(stream: S): readonly unknown[] {
    statistics.open--;
    return closeAll(stream);
  }

  async function placeFor(stream: S): Promise<ReleaseGuard> {
    try {
      return await places!.acquire();
    } catch (error) {
      throwFirst([error, ...leave(stream)]);
      throw error;
    }
  }

  function close(listener: Listener<S>): void {
    if (open.delete(listener)) faults.push(...closeAll(listener));
  }

  async function acceptLoop(listener: Listener<S>, begin: (stream: S, place: ReleaseGuard | null) => void) {
    let failures = 0;
    while (true) {
      const turn = turnDue();
      if (turn !== null) await turn;
      let stream: S;
      try {
        stream = await listener.accept();
        failures = 0;
      } catch (error) {
        const failure = failureOf(error);
        if (failure === NOTHING) throw error;
        if (isFinal(failure)) throw failure;
        await trouble.over(failure, pauseAfter(failure, failures++));
        continue;
      }
      statistics.open++;
      statistics.accepted++;
      begin(stream, places === null ? null : await placeFor(stream));
    }
  }

  try {
    await openNursery((nursery) => {
      const begin = (stream: S, place: ReleaseGuard | null): void =>
        void nursery.startSoon(() => serve(stream, place), CONNECTION);
      for (const listener of listeners) {
        nursery.startSoon(async () => {
          // One region for all accepts: entering and leaving it for each would cost as much as the task of a connection.
          await untilShutdown(() => acceptLoop(listener, begin));
          close(listener);
        }, { name: "accept loop" });
      }
      options.status?.started(listeners);
    }, { name: "server" });
  } catch (error) {
    for (const listener of listeners) close(listener);
    throwFirst([error, ...faults]);
  }
  for (const listener of listeners) close(listener);
  throwFirst(faults);
}

/** Who is served by a stream, as far as that can be said. */
function peerOf(stream: unknown): string {
  const address = read(stream, "remoteAddress");
  if (read(address, "transport") === undefined) return "a connection";
  return formatSocketAddress(address as SocketAddress);
}

/** Checks what all servers are given, before any effect. */
export function checkServe(handler: unknown, options: ServeOptions<never>): void {
  const action = "serve";
  requireFunction(action, "handler", handler);
  const { maxConnections, handlerTimeout, onHandlerError, onAcceptError, statistics } = options;
  if (maxConnections !== undefined) requireLimit(action, "maxConnections", maxConnections);
  if (handlerTimeout !== undefined) requireTimeout(action, "handlerTimeout", handlerTimeout);
  checkHandlerErrorRule(onHandlerError);
  if (onAcceptError !== undefined) requireFunction(action, "onAcceptError", onAcceptError);
  if (statistics !== undefined && !(Number.isInteger(statistics.open) && Number.isInteger(statistics.accepted))) {
    throw new TypeError(
      'Cannot serve as "statistics" must be an object to count in: begin with { open: 0, accepted: 0 }',
    );
  }
}
