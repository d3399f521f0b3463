/** Promises of waits that are made of several steps. */

import { isCancelled } from "./errors.ts";

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
