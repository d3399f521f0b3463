/** Running a test body under many schedules. */

import { composedWait, faultOf, outside, requireFunction } from "../../core/internal.ts";
import { Sites } from "../driver/sites.ts";
import type { Simulation } from "../time/simulation.ts";
import { checkExploreOptions, type ExploreSettings } from "../explorer/settings.ts";
import type { ExploreOptions, ExploreReport } from "./explore_options.ts";

/**
 * Runs a body under many schedules, in simulated time, until one of them makes it fail.
 *
 * Whenever several tasks can go on, any of them may be the next, and of the timers that are due at one instant any may
 * fire first. A plain simulation always takes the first; this tries the others: first each single delay, then at
 * random. What is granted to whom stays first come, first served.
 *
 * A schedule that fails is run again, made as small as possible, and told in the error, together with a text that runs
 * it again in any process. If another run under the same schedule goes another way, the error says so.
 *
 * The body must do the same each time but for the schedule: it makes its state itself.
 *
 * **Cancellation:** the run at hand is cancelled, waited for, and the promise rejects with `Cancelled`.
 *
 * **Cost:** a run costs less than a plain simulation, as places are recorded only for the report.
 *
 * @example A lost update that the usual order hides
 * ```ts
 * import { checkpoint, openNursery } from "@trefoil/io";
 * import { explore, ExploreError } from "@trefoil/io/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * async function twoVisits(): Promise<void> {
 *   let count = 0;
 *   const visit = async (delay: number) => {
 *     for (let i = 0; i < delay; i++) await checkpoint();
 *     const before = count;
 *     await checkpoint();
 *     count = before + 1;
 *   };
 *   await openNursery((nursery) => {
 *     nursery.startSoon(() => visit(0), { name: "A" });
 *     nursery.startSoon(() => visit(2), { name: "B" });
 *   });
 *   assertEquals(count, 2);
 * }
 * await twoVisits();
 * await assertRejects(() => explore(twoVisits), ExploreError);
 * ```
 *
 * @param body The test.
 * @param options How many runs, which one, and the options of the simulations.
 * @returns How many runs and steps were made.
 * @throws {ExploreError} If a run failed, except the first, whose error is thrown as it is.
 * @category Simulation
 */
export function explore(body: (sim: Simulation) => unknown, options: ExploreOptions = {}): Promise<ExploreReport> {
  let settings!: ExploreSettings;
  const fault = faultOf(() => {
    requireFunction("explore", "body", body);
    settings = checkExploreOptions(options);
  });
  if (fault !== null) return Promise.reject(fault);
  const origin = new Sites(1).take();
  return composedWait(async () => {
    const { exploreAt } = await outside(() => import("../explorer/campaign.ts"));
    return await exploreAt(origin, body, settings);
  });
}
