/** Where a run gets its time from, and what a clock may know of the run: see `Clock.start()` and `currentRun()`. */

import type { Network } from "../seams/network.ts";
import type { TaskTree } from "../tasks/task_tree.ts";
import type { Alarm } from "./alarm_queue.ts";

/**
 * A source of time for `run()`. Implement it to run a program on time of your own.
 *
 * A clock serves one run at a time, unless it says otherwise.
 */
export interface Clock {
  /**
   * Whether runs on this clock must be reproducible: fairness then counts wake-ups and ignores real time.
   *
   * @default {false}
   */
  readonly deterministic?: boolean;
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** The date, in milliseconds since 1970 (as `Date.now()`). */
  wall(): number;
  /** Arranges for `fire(arg)` to be called once, at `deadline` or as soon after it as possible, never inside this call. Alarms of one deadline fire in the order they were set. */
  at<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm;
  /**
   * The same for the deadlines of scopes: of all that is due at one look at the clock, these calls come first, so that no
   * code takes a step after its deadline. Without this method, `at()` is used.
   */
  atDeadline?<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm;
  /** Called when a run on this clock begins, with what it needs to find out when the run is idle. */
  start?(run: RunView): void;
  /** Called when every task of the run waits (low cost is required: it is called often). Foreign promises are not seen: ask `run.statistics()` after a turn of the event loop. */
  idle?(): void;
  /** Called when the run has ended. */
  stop?(): void;
}

/** Numbers that say how busy a run is. */
export interface RunStatistics {
  /** Tasks that have not ended. */
  readonly tasksLiving: number;
  /** Tasks that are in no wait of this library: they run, or await a foreign promise. */
  readonly tasksRunning: number;
  /** Names of the operations of the host in flight, oldest first. */
  readonly hostOperations: readonly string[];
  /** Wake-ups granted, but put off by the fairness budget to a later turn of the event loop; those of all runs in real time, or of this one on a `deterministic` clock. */
  readonly wakeUps: number;
}

/** A run seen from outside. */
export interface RunView {
  /** The time of the run. */
  readonly clock: Clock;
  /** The network of the run, if it has one of its own. */
  readonly network: Network | undefined;
  /** A random number from 0 (inclusive) to 1 (exclusive); tests replace the source. */
  random(): number;
  /** Counts the run's tasks, waits and host operations. */
  statistics(): RunStatistics;
  /** Refreshes the cached time, as of which the next waits begin: for clocks that move for other reasons than sleeps and deadlines. */
  refreshTime(): void;
  /** Takes a snapshot of the task tree. */
  taskTree(): TaskTree;
}
