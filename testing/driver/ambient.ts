/** Which simulation the calling code belongs to. */

import { reportHook } from "../../core/internal.ts";
import { currentRun } from "../../core/lowlevel.ts";
import type { DriverView } from "./driver_view.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** The driver of the simulation that the calling code belongs to, until that is over; `null` outside. */
export function ambientDriver(): DriverView | null {
  const { clock } = currentRun();
  return clock instanceof VirtualClock ? clock.driver : null;
}

/** Something was thrown where nobody can catch it: fails the simulation, or is printed outside one. */
export function strayed(error: unknown, message: string): void {
  const driver = ambientDriver();
  if (driver === null) reportHook(message, error);
  else driver.stray(error);
}
