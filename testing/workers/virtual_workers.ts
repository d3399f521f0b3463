/** The workers of a simulation, as its tests see them; the mechanism is in `driver/simulated_workers.ts`. */

/**
 * The workers of a simulation: see `Simulation.workers`.
 *
 * @category Simulation
 */
export interface VirtualWorkers {
  /**
   * Lets a worker crash when it is to run this function the next time: its call fails with `WorkerCrashedError`, as if
   * the worker had run out of memory. Each use counts for one call.
   *
   * @param functionName The name of the function.
   * @throws {TypeError} If it is not a string.
   */
  crashNext(functionName: string): void;
  /** What was started and called, and how that ended: a line each, with its time. */
  log(): readonly string[];
}
