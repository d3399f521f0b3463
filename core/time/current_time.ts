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

/**
 * Returns how much time the calling code has left, up to the nearest shield: for telling others, as in the header of a
 * message. What the other side does with it is in `withTimeLeft()`.
 *
 * @example Telling a server how long its answer is waited for
 * ```ts
 * import { failAfter, simulate, sleep, timeLeft } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await simulate(() =>
 *   failAfter(1_000, async () => {
 *     await sleep(250);
 *     const left = timeLeft();
 *     const headers = left === Infinity ? {} : { "time-left": String(Math.floor(left)) };
 *     assertEquals(headers, { "time-left": "750" });
 *   })
 * );
 * ```
 *
 * @returns The time until the earliest deadline, in milliseconds: 0 if that has passed or the code is cancelled,
 * `Infinity` if there is none.
 * @category Time
 */
export function timeLeft(): number {
  const deadline = currentEffectiveDeadline();
  return deadline === Infinity ? Infinity : Math.max(0, deadline - currentTime());
}
