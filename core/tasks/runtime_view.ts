/** What a clock or a test driver may know of a run: see `Clock.start()` and `currentRun()`. */

import type { Clock } from "../time/clock.ts";
import type { Network } from "../seams/network.ts";
import type { ProcessHost } from "../seams/processes.ts";
import type { SignalSource } from "../seams/signals.ts";
import type { TaskTree } from "./task_tree.ts";

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
  /** The processes of the run, if it has some of its own. */
  readonly processes: ProcessHost | undefined;
  /** The signals of the run, if it has some of its own. */
  readonly signals: SignalSource | undefined;
  /** A random number from 0 up to 1; tests replace the source. */
  random(): number;
  /** Counts the run's tasks, waits and host operations. */
  statistics(): RunStatistics;
  /** Takes note of the time, as of which the next waits begin: for clocks that move for other reasons than sleeps and deadlines. */
  lookAtClock(): void;
  /** Takes a snapshot of the task tree. */
  taskTree(): TaskTree;
}
