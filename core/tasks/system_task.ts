/**
 * Tasks of the run itself.
 *
 * They live in a nursery of their own, right below the run, which is opened with the first of them. So they outlive all
 * nurseries of the program, and are cancelled when its main task has ended; a failure of one ends the run. Trio's
 * `spawn_system_task` is the same, except that a failure there says that Trio is broken.
 */

import { requireFunction, requireOptions, requireText } from "../base/check.ts";
import { NOTHING } from "../base/error_tree.ts";
import type { NamedOptions } from "../base/named.ts";
import { RunFinishedError } from "../errors/errors.ts";
import { makeCancelled } from "../kernel/cancelled.ts";
import { currentNode, outside } from "../kernel/context.ts";
import { failureOf } from "../kernel/elsewhere.ts";
import { NurseryImpl } from "../kernel/nursery.ts";
import { taskText } from "../base/task_text.ts";
import { currentRuntime, type Runtime } from "../kernel/runtime.ts";
import type { Task } from "./task.ts";

/**
 * Starts a task that belongs to the run, and not to a nursery (low level).
 *
 * It outlives the nursery and the scopes of the calling code, and has none of its async-local values. When the main task
 * of the run has ended, all such tasks are cancelled and waited for. If one fails, the whole run is cancelled and fails
 * with its error. For work that a library does for all its users in a run, such as a flusher of metrics; a program has
 * its nurseries.
 *
 * @example A counter that reports once a second, whoever counts
 * ```ts
 * import { run, sleep } from "@trefoil/io";
 * import { startSystemTask } from "@trefoil/io/lowlevel";
 * import { assertEquals } from "@std/assert";
 *
 * const reports: number[] = [];
 * let count = 0;
 * await run(async () => {
 *   startSystemTask(async () => {
 *     while (true) {
 *       await sleep(10);
 *       reports.push(count);
 *     }
 *   }, { name: "reporter" });
 *   count++;
 *   await sleep(15);
 * });
 * assertEquals(reports, [1]);
 * ```
 *
 * @param fn What to run.
 * @param options A name for the task.
 * @returns The task.
 * @throws {TypeError} If `fn` is not a function, or the calling code is not in a run.
 * @throws {RunFinishedError} If the main task of the run has ended.
 * @category Low level
 */
export function startSystemTask<T>(fn: () => T | Promise<T>, options: NamedOptions = {}): Task<T> {
  const action = "start a system task";
  requireFunction(action, "fn", fn);
  requireOptions(action, options);
  requireText(action, "name", options.name);
  const runtime = currentRuntime();
  if (runtime.isDefault) {
    throw new TypeError(`Cannot ${action} as the calling code must be in a run: use run(), or nursery.startSoon()`);
  }
  const { systemTasks } = runtime;
  if (systemTasks === "over") {
    throw new RunFinishedError(`Cannot ${action} as the main task of the run has ended`);
  }
  const nursery = systemTasks ?? new NurseryImpl(runtime.root, "system tasks");
  runtime.systemTasks = nursery;
  const name = options.name ?? (fn.name === "" ? "system task" : fn.name);
  return outside(() => nursery.startSoon(() => endingRun(runtime, fn), { name, daemon: true }));
}

async function endingRun<T>(runtime: Runtime, fn: () => T | Promise<T>): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    const node = currentNode();
    const failure = failureOf(node, error);
    if (failure !== NOTHING) runtime.root.cancelBecause(makeCancelled("nursery", failure, taskText(node.task)));
    throw error;
  }
}
