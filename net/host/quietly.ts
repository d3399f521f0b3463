/** For waits made of other waits, that is, of async functions. */

import { composedWait } from "../../core/internal.ts";

/** The same promise, except that nobody has to await it when it is cancelled: as for every wait of the core. */
export function quietly<T>(promise: Promise<T>): Promise<T> {
  return composedWait(() => promise);
}
