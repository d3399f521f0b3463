/** Running a test body in simulated time. */

import { composedWait, faultOf, outside, read, requireFunction } from "../../core/internal.ts";
import { knobs } from "../driver/knobs.ts";
import { loaded, type SimulateTest } from "../driver/loaded.ts";
import "../base/host_web.ts";
import { checkSimulateOptions, type SimulateSettings } from "../driver/simulate_options.ts";
import { Sites } from "../driver/sites.ts";
import { checkExploreOptions } from "../explorer/settings.ts";
import type { SimulatedOptions, SimulateOptions, Simulation } from "./simulation.ts";

/**
 * Makes a test function that runs its body in simulated time.
 *
 * The clock starts at 0 and jumps, exactly, to the next deadline whenever every task waits: an hour of sleeping
 * takes milliseconds. While an operation of the host is in flight time stands still. If nothing can ever wake up,
 * the test fails with a `DeadlockError` that shows the task tree, after cleanup has run. A body that passes fails all
 * the same if it leaves something behind: a timer, an operation of the host, an open stream.
 *
 * Servers and clients over TCP, Unix sockets, TLS, HTTP and WebSockets run as they are, on a network in memory: see
 * `Simulation.net`.
 *
 * Inside, `setTimeout` and its kin, `Date`, `performance.now`, `AbortSignal.timeout` and `Temporal.Now` follow the
 * simulated time, and `Math.random` and `crypto` its seed. Code outside, and other simulations at the same time, do not
 * notice.
 *
 * With option `runs`, or `--sim=runs:500` on the command line, the body is explored: see `explore()`.
 *
 * Several failures come as an `ErrorGroup`, the root cause first.
 *
 * **Cancellation:** see `simulate()`.
 *
 * @example One line in a test
 * ```ts
 * import { moveOnAfter, simulated, sleep } from "@trefoil/io";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const test = simulated(async (sim) => {
 *   const outcome = await moveOnAfter(60_000, () => sleep(3_600_000));
 *   assert(outcome.cancelledCaught);
 *   assertEquals(sim.now, 60_000);
 * });
 * await test(); // Deno.test("gives up after a minute", test)
 * ```
 *
 * @param body The test.
 * @param options Seed, limits, network and more; `runs` for more than one schedule.
 * @returns A function for `Deno.test`, with the name of `body`.
 * @throws {TypeError} If `body` is no function, or an option is unknown or of the wrong kind.
 * @throws {RangeError} If the value of an option is out of its range.
 * @category Simulation
 */
export function simulated(body: (sim: Simulation) => unknown, options: SimulatedOptions = {}): () => Promise<void> {
  requireFunction("simulate", "body", body);
  const explored = wantsExploring(options) ? checkExploreOptions(options) : null;
  const settings = explored === null ? checkSimulateOptions(singleRun(options)) : explored.simulation;
  const origin = new Sites(1).take();
  const test = (): Promise<void> =>
    composedWait(async () => {
      if (explored !== null) {
        const { exploreAt } = await outside(() => import("../explorer/campaign.ts"));
        await exploreAt(origin, body, explored);
        return;
      }
      const simulateTest = loaded.simulateTest ?? await load();
      await simulateTest(origin, body, settings);
    });
  return Object.defineProperty(test, "name", { value: body.name });
}

/**
 * Runs a function in simulated time: `simulated()` for any test runner.
 *
 * **Cancellation:** cancelling the scope around the call cancels the simulation, which then throws `Cancelled`; in a
 * cancelled scope the body is not called. So does a limit, or a deadlock. In each case all tasks are cancelled, and
 * their cleanup runs in virtual time, before the promise settles.
 *
 * @example In a property test
 * ```ts
 * import { simulate, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const time = await simulate(async (sim) => {
 *   await sleep(250);
 *   return sim.now;
 * });
 * assertEquals(time, 250);
 * ```
 *
 * @param body What to run; receives the simulation.
 * @param options Seed, limits, network and more.
 * @returns What `body` returned.
 * @throws {DeadlockError} If nothing can ever wake up.
 * @throws {TypeError} If `body` is no function, or an option is unknown or of the wrong kind.
 * @throws {RangeError} If the value of an option is out of its range.
 * @category Simulation
 */
export function simulate<T>(
  body: (sim: Simulation) => T | Promise<T>,
  options: SimulateOptions = {},
): Promise<T> {
  let settings!: SimulateSettings;
  const fault = faultOf(() => {
    requireFunction("simulate", "body", body);
    settings = checkSimulateOptions(options);
  });
  if (fault !== null) return Promise.reject(fault);
  const origin = new Sites(1).take();
  return composedWait(async () => {
    const simulateTest = loaded.simulateTest ?? await load();
    return await simulateTest(origin, body, settings);
  });
}

/**
 * The driver of simulations; loaded now if it is not there yet. A plain path, so that bundlers and the module graph
 * know of it.
 */
async function load(): Promise<SimulateTest> {
  const { simulateTest } = await outside(() => import("../driver/verdict.ts"));
  return simulateTest;
}

/** Whether the option or the command line says that there is more than one schedule to run. */
function wantsExploring(options: SimulatedOptions): boolean {
  const said = knobs();
  // A test that has a schedule of its own cannot have another.
  if (read(options, "schedule") !== undefined) return read(options, "runs") !== undefined;
  if (said.runs !== undefined || said.replay !== undefined) return true;
  return (read(options, "runs") ?? 1) !== 1;
}

/** What is left for a single run. */
function singleRun(options: SimulatedOptions): SimulateOptions {
  const { seed } = knobs();
  if (seed === undefined && read(options, "runs") === undefined) return options;
  const { runs: _, ...rest } = options;
  return seed === undefined ? rest : { ...rest, seed };
}
