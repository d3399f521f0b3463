/** Hearing of runs. */

import { requireFunction } from "../base/check.ts";
import { watchRuns } from "../kernel/runtime.ts";
import type { RunView } from "../time/clock.ts";

/**
 * Calls a function for each run that begins from now on, before anything in it runs, and for the default run, which is
 * that of code outside any (low level).
 *
 * It is for modules that are loaded before a program (`--preload`), to watch it without a change.
 *
 * @example Watching all runs
 * ```ts
 * import { run, sleep } from "@trefoil/io";
 * import { onRun } from "@trefoil/io/lowlevel";
 * import { assert } from "@std/assert";
 *
 * const tasks: string[] = [];
 * using _ = onRun((started) => started.addInstrument({ taskSpawned: (task) => void tasks.push(task.name) }));
 * await run(() => sleep(1));
 * assert(tasks.includes("main"));
 * ```
 *
 * @param callback Called with the run. If it throws, that is reported, and it is called no more.
 * @returns What stops it.
 * @category Low level
 */
export function onRun(callback: (run: RunView) => unknown): Disposable {
  requireFunction("watch runs", "callback", callback);
  const stop = watchRuns(callback);
  return { [Symbol.dispose]: stop };
}
