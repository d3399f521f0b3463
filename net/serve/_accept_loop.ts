/**
 * The accept loop of all servers: one task per listener, one per connection.
 *
 * The loops wait inside `untilShutdown()`, so a shutdown stops accepting while the handlers have their grace. What has
 * to happen before a connection is the handler's, such as a handshake, happens in the connection's task too: there it
 * holds up nobody else.
 *
 * A slot is taken after the connection is accepted, not before: a loop that waits for connections with a slot in its
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
import { failureOf, internalTask, NOTHING, read, turnDue } from "../../core/internal.ts";
import { formatSocketAddress } from "../base/address.ts";
import { followRule } from "../base/handler_errors.ts";
import { type ServeOptions, withLameDuck } from "../base/serve_options.ts";
import type { Counts } from "../base/server.ts";
import { AcceptTrouble, isFinal, pauseAfter } from "../host/accept_trouble.ts";
import { throwFirst } from "../host/close.ts";
import { closeAll } from "../host/host_call.ts";
import type { Listener } from "../streams/stream.ts";

const CONNECTION = { name: "connection" } as const;

/** Makes a connection ready for its handler; `false` if it is not to be served. */
export type Prepare<S> = (stream: S) => Promise<boolean>;

/** What the accept loop is given, checked: options of a server, and what its kind adds. */
export interface AcceptLoopOptions<S> extends ServeOptions<S> {
  readonly counts: Counts;
  /** Called once, when connections are being accepted. */
  readonly started: () => void;
  readonly prepare?: Prepare<S>;
}

/** Reports the addresses of listeners to a status, as the accept loop begins. */
export function reportAddresses<A>(
  status: TaskStatus<readonly [A, ...A[]]> | undefined,
  [first, ...others]: readonly [{ readonly address: A }, ...{ readonly address: A }[]],
): () => void {
  return () => status?.started([first.address, ...others.map(({ address }) => address)]);
}

/** Serves the listeners until a shutdown; they are closed when it ends. The arguments have been checked. */
export async function serveAll<S extends { close(): void }>(
  handler: (stream: S) => unknown,
  listeners: readonly Listener<S>[],
  options: AcceptLoopOptions<S>,
): Promise<void> {
  const { maxConnections = Infinity, handlerTimeout = Infinity, onHandlerError, onAcceptError } = options;
  const { counts, started, prepare } = options;
  const slots = maxConnections === Infinity ? null : new Semaphore(maxConnections, { name: "slots for connections" });
  const trouble = new AcceptTrouble(onAcceptError);
  const open = new Set(listeners);
  /** What closing the listeners has thrown. */
  const faults: unknown[] = [];

  async function serve(stream: S, slot: ReleaseGuard | null): Promise<void> {
    let left: readonly unknown[] = [];
    try {
      if (prepare === undefined || await isReady(prepare, stream)) {
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
      slot?.release();
    }
  }

  /** A client that has not said what it wants when a shutdown begins does not hold that up, as a silent one would. */
  async function isReady(prepare: Prepare<S>, stream: S): Promise<boolean> {
    const outcome = await untilShutdown(() => prepare(stream));
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
    counts.open--;
    return closeAll(stream);
  }

  async function slotFor(stream: S, slots: Semaphore): Promise<ReleaseGuard> {
    try {
      return await slots.acquire();
    } catch (error) {
      throwFirst([error, ...leave(stream)]);
      throw error;
    }
  }

  function close(listener: Listener<S>): void {
    if (open.delete(listener)) faults.push(...closeAll(listener));
  }

  async function acceptLoop(listener: Listener<S>, begin: (stream: S, slot: ReleaseGuard | null) => void) {
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
      counts.open++;
      counts.accepted++;
      begin(stream, slots === null ? null : await slotFor(stream, slots));
    }
  }

  const serving = (): Promise<void> =>
    openNursery((nursery) => {
      const begin = (stream: S, slot: ReleaseGuard | null): void =>
        void nursery.startSoon(() => serve(stream, slot), CONNECTION);
      for (const listener of listeners) {
        nursery.startSoon(async () => {
          // One region for all accepts: entering and leaving it for each would cost as much as the task of a
          // connection.
          await untilShutdown(() => acceptLoop(listener, begin));
          close(listener);
        }, internalTask({ name: "accept loop" }));
      }
      started();
    }, { name: "server" });
  try {
    await withLameDuck(options, serving);
  } catch (error) {
    for (const listener of listeners) close(listener);
    throwFirst([error, ...faults]);
  }
  for (const listener of listeners) close(listener);
  throwFirst(faults);
}

/** The peer that a stream serves, as far as that can be said. */
function peerOf(stream: unknown): string {
  const address = read(stream, "remoteAddress");
  if (read(address, "transport") === undefined) return "a connection";
  return formatSocketAddress(address as SocketAddress);
}
