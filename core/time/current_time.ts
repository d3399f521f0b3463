/** Telling the time, and how much of it is left. */

import { currentNode } from "../kernel/context.ts";
import type { StatusNode } from "../kernel/node.ts";

/**
 * Returns the time of the run's clock.
 *
 * Only differences mean anything; for the date, ask the host.
 *
 * @example Measuring
 * ```ts
 * import { currentTime, sleep } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const start = currentTime();
 * await sleep(2);
 * assert(currentTime() - start >= 2);
 * ```
 *
 * @returns Milliseconds since a fixed moment of the clock.
 * @category Time
 */
export function currentTime(): number {
  return currentNode().task.runtime.clock.now();
}

/**
 * Returns the earliest deadline that applies to the calling code, up to the nearest shield.
 *
 * @example Passing the rest of the time on to a server
 * ```ts
 * import { currentEffectiveDeadline, currentTime, moveOnAfter } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * await moveOnAfter(1_000, () => {
 *   const left = currentEffectiveDeadline() - currentTime();
 *   assert(left > 0 && left <= 1_000);
 * });
 * ```
 *
 * @returns The deadline in milliseconds on the run's clock, `-Infinity` if cancelled already, `Infinity` if there is
 * none.
 * @category Time
 */
export function currentEffectiveDeadline(): number {
  const start = currentNode();
  if (start.cancelled !== null) return -Infinity;
  let earliest = Infinity;
  for (let node: StatusNode | null = start; node !== null; node = node.shield ? null : node.parent) {
    if (node.scope !== null && node.scope.deadline < earliest) earliest = node.scope.deadline;
  }
  return earliest;
}
