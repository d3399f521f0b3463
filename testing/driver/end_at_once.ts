/** The end of what is killed in a simulation, as the system ends a process: without cleanup, and with its timers. */

import { abandon, kill } from "../../core/internal.ts";
import type { Task } from "../../core/mod.ts";
import type { DriverView } from "./driver_view.ts";

/** Ends tasks of a simulation. What only awaits foreign promises is left as it is, a turn later. */
export function endAtOnce(driver: DriverView | null, tasks: readonly Task[], reason: string): void {
  kill(tasks, reason);
  driver?.closeTimersOf(tasks);
  // The simulation's own, for which time waits.
  // deno-lint-ignore trefoil/host-time -- see above
  setImmediate(() => abandon(tasks.filter(({ state }) => state === "running")));
}
