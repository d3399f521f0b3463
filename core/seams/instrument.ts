/** Hooks for those who watch a run: tracers, metrics, test drivers. */

import type { Cancelled } from "../kernel/cancelled.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import type { Task } from "../tasks/task.ts";
import type { RunView } from "../time/clock.ts";
import type { HostOperation } from "./operation.ts";

/**
 * One wait of a task: the same object from its beginning to its end.
 *
 * @category Low level
 */
export interface Wait {
  /** The task that waits. */
  readonly task: Task;
  /** What it waits for. Several waits may have the same reason. */
  readonly reason: WaitReason;
  /** When it began, in milliseconds on the run's clock; may be a little early in real time. */
  readonly since: number;
}

/**
 * A scope, a nursery or a task, as something that can be cancelled: the same object from its beginning to its end.
 *
 * @category Low level
 */
export interface ScopeView {
  /** What it is. A timeout is a scope with a deadline. */
  readonly kind: "scope" | "nursery" | "task";
  /** The name of the nursery or task; empty for a scope. */
  readonly name: string;
  /** Its deadline, in milliseconds on the run's clock; `Infinity` for none, and when it is over. */
  readonly deadline: number;
  /** Whether cancellation from outside is kept out. */
  readonly shield: boolean;
}

/**
 * How a task has ended.
 *
 * @category Low level
 */
export type TaskOutcome =
  | {
    /** It has returned. */
    readonly state: "done";
  }
  | {
    /** It has thrown, or was ended by a cancellation. */
    readonly state: "failed" | "cancelled";
    /** What it has thrown, or the `Cancelled`. */
    readonly error: unknown;
  };

/**
 * What has ended a wait: a task of the run, its clock, a cancellation, or the host, which is also everything that is
 * not known.
 *
 * @category Low level
 */
export type WakeSource = Task | "clock" | "host" | "cancel";

/**
 * Hooks that are called as things happen in a run; each is optional, and looked up once, when the instrument is
 * attached.
 *
 * Hooks must not wait, cancel or wake. If one throws, the error is reported once on the console and the instrument is
 * removed; the run goes on.
 *
 * @category Low level
 */
export interface Instrument {
  /** The instrument was attached to a run: at its beginning, or later, by `addInstrument()`. */
  runStarted?(run: RunView): void;
  /** The run has ended, and everything in it. */
  runEnded?(): void;
  /**
   * Starts a task: must call `start()` once, at once. What it sets of async-local values around that holds for the whole
   * task.
   */
  aroundTask?(task: Task, start: () => void): void;
  /** A task was made; it has not run yet. `by` is the task that made it; for the main task, itself. */
  taskSpawned?(task: Task, by: Task): void;
  /** A task has ended, and everything in it. */
  taskExited?(task: Task, outcome: TaskOutcome): void;
  /** A task began to wait. It may have other waits open. */
  blocked?(task: Task, reason: WaitReason, wait: Wait): void;
  /** A wait was granted: its promise settles now, or a turn later if many were granted at once. Told before `resumed`. */
  woken?(task: Task, wait: Wait, by: WakeSource): void;
  /** A wait is over and its promise settled; the task continues in a microtask. */
  resumed?(task: Task, reason: WaitReason, wait: Wait): void;
  /** A task has entered a scope, or opened a nursery. */
  scopeEntered?(task: Task, scope: ScopeView): void;
  /** A scope has ended; `caught` says whether by its own cancellation. */
  scopeExited?(task: Task, scope: ScopeView, caught: boolean): void;
  /** A scope, a nursery or a task was cancelled, from any source. `task` is the one that runs its body. */
  scopeCancelled?(task: Task, cancelled: Cancelled, scope: ScopeView): void;
  /** A deadline passed, and its scope is about to be cancelled. */
  deadlineFired?(task: Task, deadline: number, scope: ScopeView): void;
  /** An operation of the host began: see `hostOperation()`. */
  hostOperationStarted?(label: string, operation: HostOperation): void;
  /** An operation of the host ended, well or badly. */
  hostOperationEnded?(label: string, operation: HostOperation): void;
  /**
   * A scope or task ended while waits or scopes in it were still open, as an `await` was forgotten. Called once for
   * each task that waits there, before these waits are cancelled.
   */
  forgottenWait?(task: Task, reasons: readonly WaitReason[]): void;
}
