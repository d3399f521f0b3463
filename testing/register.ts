/**
 * Makes the globals follow simulated time from now on, for code that takes hold of them when it is loaded.
 *
 * A module that says `const { setTimeout } = globalThis` at its top escapes a simulation that begins later. Import this
 * one first: `import "@trefoil/io/testing/register"`. Outside simulations everything stays as it was.
 *
 * @module
 */

import { ambientDriver } from "./driver/ambient.ts";
import { patchGlobals } from "./driver/globals.ts";

patchGlobals(ambientDriver);
