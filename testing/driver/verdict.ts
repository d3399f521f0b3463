/** What `simulate()` makes of the end of a simulation: it throws, for what has failed or what was left behind. */

import { NOTHING, textOf } from "../../core/internal.ts";
import { isOnlyCancelled } from "../../core/mod.ts";
import type { Simulation } from "../time/simulation.ts";
import { loaded } from "./loaded.ts";
import { judgeLeaks, warnOfLeaks } from "./leaks.ts";
import type { SimulateSettings } from "./simulate_options.ts";
import { simulateAt } from "./simulation.ts";
import { explain } from "./words.ts";
import type { Site } from "./sites.ts";

/** Simulates a test that is written at a place; returns what its body returned. */
export async function simulateTest<T>(
  origin: Site | null,
  body: (sim: Simulation) => T | Promise<T>,
  settings: SimulateSettings,
): Promise<T> {
  const { value, error, leaks, describe, picture } = await simulateAt(origin, body, settings);
  try {
    if (error === NOTHING) {
      judgeLeaks(leaks, settings.leaks);
      return value as T;
    }
    // What it was about comes first; and an error that is somebody else's stays as it is.
    warnOfLeaks(leaks, settings.leaks);
    throw error;
  } catch (failure) {
    // A simulation that was cancelled from outside has not failed.
    if (isOnlyCancelled(failure)) throw failure;
    explain(failure, describe());
    const title = textOf(failure).split("\n")[0]!;
    await settings.picture?.(await picture(`${title} (seed ${settings.seed})`));
    throw failure;
  }
}

loaded.simulateTest = simulateTest;
