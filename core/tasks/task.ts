/** The public face of tasks; the mechanism is in `kernel/task.ts`. */

import { currentNode } from "../kernel/context.ts";
import type { Nursery } from "./nursery.ts";

/**
 * How far a task has come: `running` until everything in it has ended, then `done` (it returned), `failed`
 * (it threw) or `cancelled` (it ended by a cancellation).
 */
export type TaskState = "running" | "done" | "failed" | "cancelled";

/**
 * One concurrent activity, made by `nursery.startSoon()`.
 *
 * Not a promise on purpose: returning a task from an async function does not wait for it. Say `task.join()`.
 */
export interface Task<T = unknown> {
  /** Number in order of creation within the run. */
  readonly id: number;
  /** The name given, or that of the function. */
  readonly name: string;
  /** How far it has come. */
  readonly state: TaskState;
  /** The nursery it belongs to; `null` for the main task, and until a task begun by `nursery.start()` says `started()`. */
  readonly parentNursery: Nursery | null;
  /** Where it was started (`file:line:column`), if that was recorded (see `RunOptions.spawnSites`) and it has not ended well. */
  readonly spawnSite: string | undefined;
  /**
   * Waits for the task to end and returns its value.
   *
   * Joining does not mark an error as handled: it also fails the nursery of the task.
   *
   * **Cancellation:** only the wait ends; the joined task goes on.
   *
   * @returns The value the task returned.
   * @throws {Cancelled} If the scope of the caller is cancelled.
   * @throws {CancelledElsewhereError} If the task was cancelled.
   * @throws {TypeError} If the task is the calling one, or waits for it: that would never end.
   */
  join(): Promise<T>;
  /**
   * Cancels this task and everything in it, and nothing else: its nursery does not fail.
   *
   * Returns at once; the task ends when it has cleaned up. Idempotent, the first reason wins.
   *
   * @param reason Why, for those who look at the `Cancelled`.
   * @param options What kind of event it is.
   */
  cancel(reason?: unknown, options?: TaskCancelOptions): void;
}

/** What a task is cancelled for. */
export interface TaskCancelOptions {
  /**
   * The source that the `Cancelled` shows: `"signal"` if something outside the program is the cause, `"disconnect"` if it
   * is a client that goes away.
   *
   * @default {"explicit"}
   */
  readonly source?: "explicit" | "signal" | "disconnect";
}

/**
 * Returns the task that runs the calling code.
 *
 * Outside any run that is the main task of the default run, so it never fails.
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
 */
export function currentTask(): Task {
  return currentNode().task;
}
