/** Where the calling code is: its task, its run, and the tree of both. */

import { currentNode } from "../kernel/context.ts";
import { currentRuntime } from "../kernel/runtime.ts";
import { taskOf } from "../kernel/task.ts";
import type { RunView } from "../time/clock.ts";
import type { Task } from "./task.ts";
import type { TaskTree, TaskTreeOptions } from "./task_tree.ts";

/**
 * Returns the task that runs the calling code.
 *
 * Outside any run it returns the main task of the default run, so it never fails.
 *
 * @example Naming yourself in a log line
 * ```ts
 * import { currentTask, openNursery } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const name = await openNursery((nursery) =>
 *   nursery.startSoon(() => currentTask().name, { name: "worker" }).join()
 * );
 * assertEquals(name, "worker");
 * ```
 *
 * @returns The task.
 * @category Tasks
 */
export function currentTask(): Task {
  return taskOf(currentNode());
}

/**
 * Returns the run of the calling code: its clock, network, random numbers and counters (low level).
 *
 * @example Random numbers that a test can fix
 * ```ts
 * import { run } from "@trefoil/io";
 * import { currentRun } from "@trefoil/io/lowlevel";
 * import { assertEquals } from "@std/assert";
 *
 * const rollDice = () => 1 + Math.floor(currentRun().random() * 6);
 * assertEquals(await run(rollDice, { random: () => 0.5 }), 4);
 * ```
 *
 * @returns The run; outside any run, the default one.
 * @category Low level
 */
export function currentRun(): RunView {
  return currentRuntime();
}

/**
 * Takes a snapshot of all tasks of the current run and what they wait for.
 *
 * `kill -QUIT` makes a program under `run()` print the same.
 *
 * @example Seeing what each task waits for
 * ```ts
 * import { openNursery, sleepForever, sleep, taskTree } from "@trefoil/io";
 * import { assertStringIncludes } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(() => sleepForever(), { name: "worker" });
 *   await sleep(1);
 *   assertStringIncludes(taskTree().toString(), "worker");
 *   assertStringIncludes(taskTree().toString(), "sleep");
 *   nursery.cancel();
 * });
 * ```
 *
 * @returns The snapshot; `toString()` renders it.
 * @category Tasks
 */
export function taskTree(): TaskTree;
/**
 * Takes a snapshot of all tasks of the current run and what they wait for, with where each wait is awaited: the async
 * functions that would go on, innermost first.
 *
 * They are found after the fact, so programs that never ask pay nothing. Where the host cannot tell, the frames are
 * empty: for a wait that nobody awaits, and on hosts other than those with V8.
 *
 * **Cancellation:** none; it takes a microtask.
 *
 * @example Where a task is stuck
 * ```ts
 * import { openNursery, sleepForever, sleep, taskTree } from "@trefoil/io";
 * import { assertStringIncludes } from "@std/assert";
 *
 * async function waitForGodot(): Promise<void> {
 *   await sleepForever();
 * }
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(async () => await waitForGodot(), { name: "worker" });
 *   await sleep(1);
 *   assertStringIncludes(`${await taskTree({ places: true })}`, "waitForGodot");
 *   nursery.cancel();
 * });
 * ```
 *
 * @param options That places are wanted.
 * @returns The snapshot; `toString()` renders it.
 * @category Tasks
 */
export function taskTree(options: TaskTreeOptions & { readonly places: true }): Promise<TaskTree>;
export function taskTree(options: TaskTreeOptions = {}): TaskTree | Promise<TaskTree> {
  return currentRuntime().taskTree(options as { places: true });
}
