/** Waits composed of several awaits, and refusals without one. */

import { ignore, isQuiet } from "../base/quiet.ts";
import type { StatusNode } from "./node.ts";
import { yieldTurn } from "./waiter.ts";

/**
 * Calls an async function made of waits of this library, and returns its promise (low level).
 *
 * If nobody awaits the promise of a plain `async` function and it is cancelled, the process ends with an unhandled
 * rejection. The promise of this function behaves as every wait of this library does: a rejection that only says
 * "cancelled" or "closed by its own side" need not be handled. Every other rejection must be.
 *
 * **Cancellation:** as for the waits in the function. Nothing is added, not even a schedule point: the function must
 * make one, even where it has nothing to wait for.
 *
 * @example A function of two waits
 * ```ts
 * import { Event, moveOnAfter, sleep } from "@trefoil/io";
 * import { composedWait } from "@trefoil/io/lowlevel";
 * import { assert } from "@std/assert";
 *
 * function settle(event: Event): Promise<void> {
 *   return composedWait(async () => {
 *     await event.wait();
 *     await sleep(5);
 *   });
 * }
 *
 * const event = new Event();
 * event.set();
 * const set = await moveOnAfter(1_000, () => settle(event));
 * const never = await moveOnAfter(1, () => settle(new Event()));
 * assert(!set.cancelledCaught && never.cancelledCaught);
 * ```
 *
 * @param fn The function; called at once.
 * @returns The promise of the function.
 * @category Low level
 */
export function composedWait<T>(fn: () => Promise<T>): Promise<T> {
  const promise = new Promise<T>((resolve, reject) => {
    fn().then(resolve, (error) => {
      if (isQuiet(error)) promise.catch(ignore);
      reject(error);
    });
  });
  return promise;
}

/**
 * The end of an operation that cannot wait any more, as what it waits for is closed or broken: a schedule point, so
 * that a loop which passes over the error cannot starve the event loop.
 */
export function refusedAfterTurn(node: StatusNode, error: unknown): Promise<never> {
  const promise = yieldTurn(node, undefined).then(() => Promise.reject(error));
  if (isQuiet(error)) promise.catch(ignore);
  return promise;
}
