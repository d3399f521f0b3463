/**
 * The machinery of simulations, once it is loaded.
 *
 * A program that imports the package gets `simulate()` with it, and need not pay for the driver and the network in
 * memory until it simulates. Whoever has loaded them already, as every test that imports `@trefoil/io/testing`, waits
 * for nothing.
 */

import type { Simulation } from "../time/simulation.ts";
import type { SimulateSettings } from "./simulate_options.ts";
import type { Site } from "./sites.ts";

/** Simulates a test that is written at a place: see `simulate()`. */
export type SimulateTest = <T>(
  origin: Site | null,
  body: (sim: Simulation) => T | Promise<T>,
  settings: SimulateSettings,
) => Promise<T>;

/** Written by the module that it is in, `verdict.ts`. */
export const loaded: { simulateTest: SimulateTest | null } = { simulateTest: null };
