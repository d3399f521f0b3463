/** Watching runs: all of them, and one that is going on. */

import { requireFunction, show } from "../base/check.ts";
import { currentRuntime, Runtime, watchRuns } from "../kernel/runtime.ts";
import type { RunView } from "../time/clock.ts";
import type { Instrument } from "./instrument.ts";

/**
 * Attaches an instrument to a run, also when that is going on (low level).
 *
 * Nothing is made up for what was there before: ask `taskTree()`. A run that was not watched before pays for it from
 * now on, and no more when the instrument was taken off.
 *
 * @example Counting the tasks of a part of a program
 * ```ts
 * import { openNursery } from "@trefoil/io";
 * import { addInstrument } from "@trefoil/io/lowlevel";
 * import { assertEquals } from "@std/assert";
 *
 * let tasks = 0;
 * {
 *   using _ = addInstrument({ taskSpawned: () => void tasks++ });
 *   await openNursery((nursery) => void nursery.startSoon(() => {}));
 * }
 * await openNursery((nursery) => void nursery.startSoon(() => {}));
 * assertEquals(tasks, 1);
 * ```
 *
 * @param instrument The instrument; its hooks are looked up now.
 * @param run The run; by default the current one.
 * @returns What takes it off again.
 * @throws {TypeError} If it is not an object, or `run` is no run.
 * @category Low level
 */
export function addInstrument(instrument: Instrument, run: RunView = currentRuntime()): Disposable {
  if (!(run instanceof Runtime)) {
    throw new TypeError(`Cannot add an instrument as "run" must be a run of this library: received ${show(run)}`);
  }
  return run.addInstrument(instrument);
}

/**
 * Calls a function for each run that begins from now on, before anything in it runs, and for the default run, which is
 * that of code outside any (low level).
 *
 * It is for modules that are loaded before a program (`--preload`), to watch it without a change.
 *
 * @example Watching all runs
 * ```ts
 * import { run, sleep } from "@trefoil/io";
 * import { addInstrument, onRun } from "@trefoil/io/lowlevel";
 * import { assert } from "@std/assert";
 *
 * const tasks: string[] = [];
 * using _ = onRun((started) => addInstrument({ taskSpawned: (task) => void tasks.push(task.name) }, started));
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
