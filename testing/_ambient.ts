/** Which simulation the calling code belongs to. */

import { currentRun } from "../core/mod.ts";
import type { Driver } from "./_driver.ts";
import { VirtualClock } from "./_virtual_clock.ts";

/** The driver of the simulation that the calling code belongs to, until that is over; `null` outside. */
export function ambientDriver(): Driver | null {
  const { clock } = currentRun();
  return clock instanceof VirtualClock ? clock.driver : null;
}
