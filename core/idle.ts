/** Hearing that a run has come to rest. */

import { currentNode } from "./_context.ts";
/**
 * Calls back whenever every task of the current run has come to wait (low level).
 *
 * It is called inside the call that began the last of these waits, so before the microtasks of that turn have run, and
 * it must neither wait nor wake. Tasks that await a promise the library does not own are not waiting. Ask
 * `currentRun().statistics()` a turn later whether it is still so.
 *
 * **Cost:** a call for each time the run comes to rest, while somebody listens.
 *
 * @example Counting how often a program comes to rest
 * ```ts
 * import { onIdle, sleep } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * let rests = 0;
 * const stop = onIdle(() => rests++);
 * await sleep(1);
 * stop();
 * assert(rests > 0);
 * ```
 *
 * @param callback Called with nothing.
 * @returns Stops the calls. Harmless when repeated.
 */
export function onIdle(callback: () => void): () => void {
  return currentNode().task.runtime.onIdle(callback);
}
