/** The driver of a simulation, as the code of that simulation finds it: see `ambientDriver()`. */

import type { Task } from "../../core/mod.ts";
import type { Bubble } from "./bubble.ts";
import type { IdleWaiters } from "./idle_waiters.ts";
import type { Leak, Origin } from "./leak.ts";
import type { Ledger } from "./ledger.ts";
import type { Site } from "./sites.ts";

/** See the header. */
export interface DriverView extends Bubble {
  /** The waits in `settled()`. */
  readonly settling: IdleWaiters;
  /** Who waits for what. */
  readonly ledger: Ledger;
  /** What is open, of the kinds that have to be closed. */
  readonly open: Set<Leak>;
  /** A place for reports, if it is still worth the time. */
  takeSite(): Site | null;
  /** Those who wait for a task, in whose nurseries it runs: the nearest first. */
  callersOf(task: Task): readonly Origin[];
  /** How many waits, granted at once or not, this task has made. */
  pointsOf(task: Task): number;
  /** Ends the timers that tasks, and those they have started, have set. */
  closeTimersOf(tasks: readonly Task[]): void;
}
