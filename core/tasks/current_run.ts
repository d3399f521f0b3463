/** The run seen from inside. */

import { currentNode } from "../kernel/context.ts";
import type { RunView } from "./runtime_view.ts";

/**
 * Returns the run of the calling code: its clock, network, random numbers and counters (low level).
 *
 * @example Random numbers that a test can fix
 * ```ts
 * import { currentRun } from "@trefoil/io/lowlevel";
 * import { assert } from "@std/assert";
 *
 * assert(currentRun().random() < 1);
 * ```
 *
 * @returns The run; outside any run, the default one.
 */
export function currentRun(): RunView {
  return currentNode().task.runtime;
}
