/** Where assertions run that need a simulation: in the caller's, or in one of their own. */

import { composedWait, failureOf, NOTHING } from "../../core/internal.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { ambientDriver } from "../driver/ambient.ts";
// Loads what it needs together with this module.
import "../driver/verdict.ts";
import { simulate } from "../time/simulate.ts";

/** Calls a function in the simulation at hand, or in a new one; in a run of another kind neither can be: `refusal`. */
export function inSomeSimulation<T>(fn: () => T | Promise<T>, refusal: string): Promise<T> {
  return composedWait(() => inHere(fn, refusal));
}

async function inHere<T>(fn: () => T | Promise<T>, refusal: string): Promise<T> {
  if (ambientDriver() !== null) return await fn();
  let begun = false;
  try {
    return await simulate(() => {
      begun = true;
      return fn();
    }, { leaks: "ignore", io: { quiet: 20 }, network: currentRun().network ?? "host" });
  } catch (error) {
    if (begun || failureOf(error) === NOTHING) throw error;
    throw new TypeError(refusal, { cause: error });
  }
}
