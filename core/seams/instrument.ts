/**
 * Hooks for those who watch a run: tracers, metrics, test drivers.
 *
 * A run without instruments pays one field test per event. A hook that throws is reported once on the console
 * and its instrument removed; the run goes on.
 */

import { reportHook } from "../base/report_hook.ts";
import type { Task } from "../tasks/task.ts";
import type { WaitReason } from "../kernel/waiter.ts";
import type { Cancelled } from "../errors/errors.ts";

/** Called as things happen in a run; every hook is optional. Hooks must not wait, and must not cancel or wake. */
export interface Instrument {
  /** A task was made; it has not run yet. */
  taskSpawned?(task: Task): void;
  /** A task has ended, and everything in it. */
  taskExited?(task: Task): void;
  /** A task began to wait. It may have other waits open. */
  blocked?(task: Task, reason: WaitReason): void;
  /** A wait is over and its promise settled; the task continues in a microtask. */
  resumed?(task: Task, reason: WaitReason): void;
  /** A scope was cancelled, by whatever source. `task` runs its body. */
  scopeCancelled?(task: Task, cancelled: Cancelled): void;
  /** A deadline passed, and its scope is about to be cancelled. */
  deadlineFired?(task: Task, deadline: number): void;
  /** An operation of the host began: see `hostOperation()`. */
  hostOperationStarted?(label: string): void;
  /** An operation of the host ended, well or badly. */
  hostOperationEnded?(label: string): void;
  /** A scope or task ended while waits or scopes in it were still open: somebody forgot an `await`. Called once for each task that waits there; they are cancelled next. */
  forgottenWait?(task: Task, reasons: readonly WaitReason[]): void;
}

type Hook = keyof Instrument;

/** Passes events on to several instruments. */
export class Instruments {
  #list: readonly Instrument[];

  constructor(list: readonly Instrument[]) {
    this.#list = list;
  }

  /** Calls one hook of all instruments. */
  emit<H extends Hook>(hook: H, ...args: Parameters<NonNullable<Instrument[H]>>): void {
    for (const instrument of this.#list) {
      try {
        (instrument[hook] as ((...args: unknown[]) => void) | undefined)?.apply(instrument, args);
      } catch (error) {
        this.#list = this.#list.filter((other) => other !== instrument);
        reportHook(
          `Cannot go on with an instrument as its hook "${hook}" threw: the instrument is removed from the run`,
          error,
        );
      }
    }
  }
}
