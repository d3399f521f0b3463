/** How the driver of a simulation lets somebody else decide who goes on next. */

import type { Task } from "../../core/mod.ts";
import type { VirtualClock } from "./virtual_clock.ts";

/** One run in an order of its own: see `testing/explorer/`. */
export interface Steering {
  /** Whether places in the code are recorded. */
  readonly places: boolean;
  /** The clock of the run, at 0. Its `jump()` may ask, too, whose turn it is. */
  clockFrom(epoch: number): VirtualClock;
  /** A wait of a task was granted, or the task can begin: it waits for its turn. */
  add(resume: () => void, task: Task): void;
  /** Lets one go on of those that wait for it, or fires what is due if it may; returns whether anybody waited. */
  release(mayFire: boolean): boolean;
  /** The simulation is over: all go on. */
  releaseAll(): void;
}
