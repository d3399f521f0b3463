/** What `explore()` takes, and what it returns. */

import type { SimulateOptions } from "../time/simulation.ts";

/**
 * Options of `explore()`: those of a simulation, and how its schedules are explored.
 *
 * @category Simulation
 */
export interface ExploreOptions extends Omit<SimulateOptions, "schedule"> {
  /**
   * How many runs are made at most. `--sim=runs:500` on the command line says otherwise.
   *
   * @default {200}
   */
  readonly runs?: number;
  /** A single run, as a failure names it. `--sim=replay:…` on the command line says the same. */
  readonly replay?: string;
  /**
   * Whether each run but the first cancels a task, at random: any one except the main one, also one of the library's
   * own, such as a job of `map()`; or one of those with certain names.
   *
   * @default {false}
   */
  readonly cancel?: boolean | readonly string[];
  /**
   * By how much timers, sleeps and deadlines may be late, as a part of their length: 0.01 for up to 1 %. It finds what
   * depends on two of them to come in a certain order, and shows in `sim.now`.
   *
   * @default {0}
   */
  readonly time?: number;
}

/**
 * What `explore()` has done.
 *
 * @category Simulation
 */
export interface ExploreReport {
  /** How many runs were made. */
  readonly runs: number;
  /** How many steps they had, in all. */
  readonly steps: number;
}
