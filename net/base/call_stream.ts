/** Calling streams of somebody else's. */

import { composedWait, turnDue } from "../../core/internal.ts";

/**
 * Calls a stream of somebody's on behalf of one that is made of it: what it throws at once is a rejection, too, and one that
 * is always ready shuts nobody out.
 */
export function callStream<T>(call: () => Promise<T>): Promise<T> {
  const turn = turnDue();
  if (turn !== null) return composedWait(() => turn.then(call));
  try {
    return call();
  } catch (error) {
    return Promise.reject(error);
  }
}
