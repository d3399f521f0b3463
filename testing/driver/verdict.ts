/** What `simulate()` does: a simulation, and a verdict on its end. */

import type { Simulation } from "../time/simulation.ts";
import { judge } from "./judge.ts";
import { loaded } from "./loaded.ts";
import type { SimulateSettings } from "./simulate_options.ts";
import { simulateAt } from "./simulation.ts";
import type { Site } from "./sites.ts";

/** Simulates a test that is written at a place; returns what its body returned. */
export async function simulateTest<T>(
  origin: Site | null,
  body: (sim: Simulation) => T | Promise<T>,
  settings: SimulateSettings,
): Promise<T> {
  return await judge(await simulateAt(origin, body, settings), settings);
}

loaded.simulateTest = simulateTest;
