/** Iteration by receiving. */

import { composedWait } from "./composed_wait.ts";

/** Iterates what is received, until that is `null`. Leaving the loop closes nothing. */
export function iterate<T>(receive: () => Promise<T | null>): AsyncIterator<T> {
  return {
    next: () =>
      composedWait(async () => {
        const value = await receive();
        return value === null ? { done: true, value: undefined } : { done: false, value };
      }),
  };
}
