/**
 * Servers as values: what can be started, and asked how it goes.
 *
 * A function that takes a status is what `nursery.start()` wants, and a type that names the addresses lets TypeScript
 * infer them. A server can be started once: what it counts, and listeners that it has taken over, are those of one
 * start.
 */

import type { TaskStatus } from "../../core/mod.ts";
import { composedWait } from "../../core/internal.ts";
import { requireMethod } from "./check.ts";

/**
 * The counters of a server: see `Server.statistics()`.
 *
 * @category Servers
 */
export interface ServerStatistics {
  /** The connections that are open now: accepted, and not closed yet. For `httpServer()`: the requests. */
  readonly open: number;
  /** The connections accepted so far. For `httpServer()`: the requests. */
  readonly accepted: number;
}

/**
 * A server that can be started once: see `tcpServer()`.
 *
 * Give it to `nursery.start()`, which returns the addresses once the server listens. Or call it: then it serves until
 * it is shut down or cancelled.
 *
 * @category Servers
 */
export interface Server<A> {
  /**
   * Starts the server, and serves until a shutdown.
   *
   * **Cancellation:** the handlers are cancelled and awaited, and everything is closed.
   *
   * @param status Gets the addresses once the server listens. `nursery.start()` passes it.
   * @throws {TypeError} If the server was started before.
   */
  (status?: TaskStatus<readonly [A, ...A[]]>): Promise<void>;
  /**
   * Returns a snapshot of the counters: before the start, while the server serves, or after its end.
   */
  statistics(): ServerStatistics;
}

/** What a server counts in. */
export interface Counts {
  open: number;
  accepted: number;
}

/** Makes the value of a server. `serve` is called at most once. */
export function makeServer<A>(
  serve: (counts: Counts, status: TaskStatus<readonly [A, ...A[]]> | undefined) => Promise<void>,
): Server<A> {
  const counts: Counts = { open: 0, accepted: 0 };
  let wasStarted = false;
  const server = (status?: TaskStatus<readonly [A, ...A[]]>): Promise<void> =>
    composedWait(() => {
      // A scope, for one: `moveOnAfter(1_000, server)` gives it.
      if (status !== undefined) requireMethod("start a server", "status", status, "started");
      if (wasStarted) throw new TypeError("Cannot start a server as it was started before: make one for each start");
      wasStarted = true;
      return serve(counts, status);
    });
  return Object.assign(server, { statistics: () => ({ ...counts }) });
}
