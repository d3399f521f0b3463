/** For waits made of other waits, that is, of async functions. */

import { isCancelled } from "../core/mod.ts";

const ignore = (): void => {};

/** The same promise, except that nobody has to await it when it is cancelled: as for every wait of the core. */
export function quietly<T>(promise: Promise<T>): Promise<T> {
  const quiet = new Promise<T>((resolve, reject) => {
    promise.then(resolve, (error) => {
      if (isCancelled(error)) quiet.catch(ignore);
      reject(error);
    });
  });
  return quiet;
}
