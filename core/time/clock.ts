/** Where a run gets its time from, and what a clock may know of the run: see `Clock.start()` and `currentRun()`. */

import type { Network } from "../seams/network.ts";
import type { ProcessHost } from "../seams/processes.ts";
import type { SignalSource } from "../seams/signals.ts";
import type { StandardInput } from "../seams/stdin.ts";
import type { WorkerHost } from "../seams/workers.ts";
import type { TaskTree, TaskTreeOptions } from "../tasks/task_tree.ts";
import type { Alarm } from "./alarm_queue.ts";

/**
 * A source of time for `run()`. Implement it to run a program on your own time.
 *
 * A clock serves one run at a time, unless it says otherwise.
 *
 * @category Low level
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
  /**
   * Arranges for `fire(arg)` to be called once, at `deadline` or as soon after it as possible, never inside this call.
   * Alarms of one deadline fire in the order they were set.
   */
  at<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm;
  /**
   * Like `at()`, for the deadlines of scopes. Of all calls that are due when the clock looks, these come first, so that
   * no code takes a step after its deadline. Without this method, `at()` is used.
   */
  atDeadline?<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm;
  /** Called when a run on this clock begins. `run` tells whether the run is idle. */
  start?(run: RunView): void;
  /**
   * Called whenever every task of the run waits. It is called often, so it must be cheap. Foreign promises are not
   * taken into account: ask `run.statistics()` after a turn of the event loop.
   */
  idle?(): void;
  /** Called when the run has ended. */
  stop?(): void;
}

/**
 * Numbers that say how busy a run is.
 *
 * @category Low level
 */
export interface RunStatistics {
  /** Tasks that have not ended. */
  readonly tasksLiving: number;
  /** Tasks that are not in a wait of this library: they run, or await a foreign promise. */
  readonly tasksRunning: number;
  /** The names of the operations of the host in flight, oldest first. */
  readonly hostOperations: readonly string[];
  /**
   * Wake-ups that the fairness budget has put off to a later turn of the event loop. In real time these are those of
   * all runs, on a `deterministic` clock those of this run.
   */
  readonly wakeUps: number;
}

/**
 * A run seen from outside.
 *
 * @category Low level
 */
export interface RunView {
  /** The time of the run. */
  readonly clock: Clock;
  /** The network of the run, if `run()` was given one. */
  readonly network: Network | undefined;
  /** The processes of the run, if `run()` was given some. */
  readonly processes: ProcessHost | undefined;
  /** The signals of the run, if `run()` was given some. */
  readonly signals: SignalSource | undefined;
  /** The standard input of the run, if `run()` was given one. */
  readonly stdin: StandardInput | undefined;
  /** The workers of the run; `undefined` for those of the host. */
  readonly workers: WorkerHost | undefined;
  /** A random number from 0 (inclusive) to 1 (exclusive); tests replace the source. */
  random(): number;
  /** Returns a snapshot of the run's counters. */
  statistics(): RunStatistics;
  /**
   * Refreshes the cached time from which the next waits count. Call it after moving the clock for another reason than a
   * sleep or a deadline.
   */
  refreshTime(): void;
  /** Takes a snapshot of the task tree: see `taskTree()`. */
  taskTree(): TaskTree;
  /**
   * Takes a snapshot of the task tree, with where each wait is awaited.
   *
   * **Cancellation:** none; it takes a microtask.
   *
   * @param options That places are wanted.
   */
  taskTree(options: TaskTreeOptions & { readonly places: true }): Promise<TaskTree>;
}
