/** Hearing that a run has come to rest. */

import { requireFunction } from "../base/check.ts";
import { currentRuntime } from "../kernel/runtime.ts";
import { reportHook } from "../base/report_hook.ts";

/**
 * Calls a function whenever the last running task of the current run begins to wait (low level).
 *
 * The callback runs synchronously, inside the call that begins that wait, before the microtasks of that turn: do not
 * wait, wake or cancel in it. If it throws, the error is reported on the console and the callback is removed. A task
 * that awaits a promise the library does not own is not waiting in this sense. Ask `currentRun().statistics()` a turn
 * later whether the run is still idle.
 *
 * **Cost:** one call each time the run comes to rest.
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
 * @param callback The function; it gets no argument.
 * @returns A function that stops the calls. Harmless when repeated.
 * @throws {TypeError} If `callback` is not a function.
 * @category Low level
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
