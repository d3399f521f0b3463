/** Hearing that a run has come to rest. */

import { requireFunction } from "../base/check.ts";
import { currentRuntime } from "../kernel/runtime.ts";
import { reportHook } from "../base/report_hook.ts";

/**
 * Calls back whenever every task of the current run has come to wait (low level).
 *
 * It is called inside the call that began the last of these waits, so before the microtasks of that turn have run, and
 * it must neither wait nor wake. One that throws is called no more, and reported on the console: the wait it is called in
 * belongs to somebody else. Tasks that await a promise the library does not own are not waiting. Ask
 * `currentRun().statistics()` a turn later whether it is still so.
 *
 * **Cost:** a call for each time the run comes to rest, while somebody listens.
 *
 * @example Counting how often a program comes to rest
 * ```ts
 * import { sleep } from "@trefoil/io";
 * import { onIdle } from "@trefoil/io/lowlevel";
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
 * @throws {TypeError} If `callback` is not a function.
 */
export function onIdle(callback: () => void): () => void {
  requireFunction("listen for idleness", "callback", callback);
  const stop = currentRuntime().onIdle(() => {
    try {
      callback();
    } catch (error) {
      stop();
      reportHook("Cannot go on with a callback of onIdle() as it threw: it is called no more", error);
    }
  });
  return stop;
}
