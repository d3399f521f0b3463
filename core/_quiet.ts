/** Promises of waits that are made of several steps, or of none. */

import { isCancelled } from "./errors.ts";
import type { StatusNode } from "./_status.ts";
import { pass } from "./_waiter.ts";

const ignore = (): void => {};

/**
 * Calls an async function. As for every wait of this library, a promise that nobody awaits never ends the process by
 * its `Cancelled`; other errors must be seen.
 */
export function quiet<T>(fn: () => Promise<T>): Promise<T> {
  const promise = new Promise<T>((resolve, reject) => {
    fn().then(resolve, (error) => {
      if (isCancelled(error)) promise.catch(ignore);
      reject(error);
    });
  });
  return promise;
}

/**
 * The end of an operation that cannot wait any more, as what it waits for is closed or broken: a schedule point, so that a
 * loop which passes over the error cannot starve the event loop.
 */
export function rejectAfterPass(node: StatusNode, error: unknown): Promise<never> {
  return pass(node, undefined).then(() => Promise.reject(error));
}
