/** Waits composed of several awaits, and refusals without one. */

import { ignore, isQuiet } from "../base/quiet.ts";
import type { StatusNode } from "./node.ts";
import { yieldTurn } from "./waiter.ts";

/**
 * Calls an async function that waits by waits of this library, and returns its promise (low level).
 *
 * What an exported `async` function returns is a promise of its own. If nobody awaits it and it is cancelled, the process
 * ends with an unhandled rejection. Here, as for every wait of this library, a rejection that only says so (cancelled,
 * or closed by its own side) needs nobody who sees it; all others do.
 *
 * **Cancellation:** that of the waits in the function; nothing is added, no
 * schedule point either: the function makes one, also where it has nothing to wait for.
 *
 * @example A function of two waits
 * ```ts
 * import { Event, sleep } from "@trefoil/io";
 * import { composedWait } from "@trefoil/io/lowlevel";
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
 * await settle(event);
 * ```
 *
 * @param fn The function; called at once.
 * @returns What the function returns.
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
 * The end of an operation that cannot wait any more, as what it waits for is closed or broken: a schedule point, so that a
 * loop which passes over the error cannot starve the event loop.
 */
export function refusedAfterTurn(node: StatusNode, error: unknown): Promise<never> {
  const promise = yieldTurn(node, undefined).then(() => Promise.reject(error));
  if (isQuiet(error)) promise.catch(ignore);
  return promise;
}
