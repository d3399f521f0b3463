/** Trouble that code makes for itself, in simulations only. */

import { requireText } from "../../core/internal.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { VirtualClock } from "../driver/virtual_clock.ts";

/**
 * Says, in a simulation and at random, that now is the time to behave badly but legally: to answer late, to give up
 * early, to return less than there is. Outside simulations it is always `false`.
 *
 * Each label is on in a quarter of all seeds; there, it is `true` as often as `probability` says. The same seed gives the
 * same answers.
 *
 * @example A cache that forgets now and then
 * ```ts
 * import { buggify } from "@trefoil/io/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const lookUp = (cache: Map<string, string>, key: string) => buggify("cache: miss") ? undefined : cache.get(key);
 * assertEquals(lookUp(new Map([["a", "1"]]), "a"), "1"); // as this is no simulation
 * ```
 *
 * @param label Which trouble.
 * @param probability How likely it is where it is on, from 0 to 1. By default 0.25.
 * @returns Whether to make trouble.
 * @category Simulation
 */
export function buggify(label: string, probability = 0.25): boolean {
  const { clock } = currentRun();
  if (!(clock instanceof VirtualClock)) return false;
  requireText("buggify", "label", label);
  return clock.watches?.buggify(label, probability) ?? false;
}
