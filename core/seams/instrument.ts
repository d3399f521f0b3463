/** Hooks for those who watch a run: tracers, metrics, test drivers. */

import type { Cancelled } from "../kernel/cancelled.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import type { Task } from "../tasks/task.ts";

/**
 * Hooks that are called as things happen in a run; each is optional.
 *
 * Hooks must not wait, cancel or wake. If one throws, the error is reported once on the console and the instrument is
 * removed; the run goes on.
 *
 * @category Low level
 */
export interface Instrument {
  /** A task was made; it has not run yet. */
  taskSpawned?(task: Task): void;
  /** A task has ended, and everything in it. */
  taskExited?(task: Task): void;
  /** A task began to wait. It may have other waits open. */
  blocked?(task: Task, reason: WaitReason): void;
  /** A wait is over and its promise settled; the task continues in a microtask. */
  resumed?(task: Task, reason: WaitReason): void;
  /** A scope was cancelled, from any source. `task` is the one that runs its body. */
  scopeCancelled?(task: Task, cancelled: Cancelled): void;
  /** A deadline passed, and its scope is about to be cancelled. */
  deadlineFired?(task: Task, deadline: number): void;
  /** An operation of the host began: see `hostOperation()`. */
  hostOperationStarted?(label: string): void;
  /** An operation of the host ended, well or badly. */
  hostOperationEnded?(label: string): void;
  /**
   * A scope or task ended while waits or scopes in it were still open, as an `await` was forgotten. Called once for
   * each task that waits there, before these waits are cancelled.
   */
  forgottenWait?(task: Task, reasons: readonly WaitReason[]): void;
}
