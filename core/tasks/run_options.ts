/** What a run is given. */

import type { Instrument } from "../seams/instrument.ts";
import type { Network } from "../seams/network.ts";
import type { Clock } from "../time/clock.ts";
import type { Task } from "./task.ts";

/** Decides when a granted wait resumes: calls `resume` once, now or later. See `RunOptions.schedule`. */
export type Schedule = (resume: () => void, task: Task) => void;

/** Options of `run()`. */
export interface RunOptions {
  /** The source of time; by default the host's. */
  readonly clock?: Clock;
  /** The network that `net` uses; by default the host's. */
  readonly network?: Network;
  /**
   * Decides when a granted wait resumes: must call `resume` exactly once, now or later. Who is granted what has been
   * decided by then (first come, first served); only the order in which tasks go on is up to this function. The place
   * for a scheduling policy of your own; by default, at once.
   */
  readonly schedule?: Schedule;
  /** Watchers of the run. */
  readonly instruments?: readonly Instrument[];
  /** Random numbers from 0 (inclusive) to 1 (exclusive) for jitter and the like; by default `Math.random`. */
  readonly random?: () => number;
  /** Cancels the run when it is aborted; its reason becomes that of the `Cancelled`. */
  readonly signal?: AbortSignal;
  /**
   * Whether Ctrl-C (SIGINT) and SIGTERM cancel the run, a second one ends the process at once, and SIGQUIT
   * (Ctrl-\\) prints the task tree. A run that a signal ended sets the exit code to 130 or 143.
   *
   * @default {true}
   */
  readonly handleSignals?: boolean;
  /**
   * How long work in progress may go on after Ctrl-C or SIGTERM, in milliseconds, before it is cancelled: a shutdown of
   * the whole run, which ends idle waits (`untilShutdown()`, accept loops) at once. A second signal then cancels, a third
   * ends the process. A run that ends within the grace ends as if nothing had happened, with exit code 0.
   *
   * @default {0}
   */
  readonly grace?: number;
  /**
   * For how many tasks it is recorded where they were started, and for how many scopes and nurseries where they were
   * opened: for the first ones. Each place costs about 2 microseconds.
   *
   * @default {256}
   */
  readonly spawnSites?: number;
}
