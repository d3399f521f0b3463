/** Waits composed of several awaits, and refusals without one. */

import { ignore, isQuiet } from "../base/quiet.ts";
import type { StatusNode } from "./status.ts";
import { pass } from "./waiter.ts";

/**
 * Calls an async function. As for every wait of this library, a promise that nobody awaits never ends the process
 * because it was cancelled, or because its own side closed what it waits for; other errors must be seen.
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
  const promise = pass(node, undefined).then(() => Promise.reject(error));
  if (isQuiet(error)) promise.catch(ignore);
  return promise;
}
