/**
 * The instruments of a run, as the kernel calls them.
 *
 * A run without instruments pays one field test per event. A hook that throws is reported once on the console
 * and its instrument removed; the run goes on.
 */

import { reportHook } from "../base/report_hook.ts";
import type { Instrument } from "../seams/instrument.ts";
import type { Task } from "../tasks/task.ts";
import type { Cancelled } from "./cancelled.ts";
import type { RunEvents, TaskNode } from "./node.ts";
import type { WaitReason } from "./wait_reason.ts";

/** See the header. */
export class Instruments implements RunEvents {
  #list: readonly Instrument[];

  constructor(list: readonly Instrument[]) {
    this.#list = list;
  }

  taskSpawned(task: TaskNode): void {
    this.#emit("taskSpawned", task);
  }

  taskExited(task: TaskNode): void {
    this.#emit("taskExited", task);
  }

  blocked(task: TaskNode, reason: WaitReason): void {
    this.#emit("blocked", task, reason);
  }

  resumed(task: TaskNode, reason: WaitReason): void {
    this.#emit("resumed", task, reason);
  }

  yielded(task: TaskNode, reason: WaitReason): void {
    this.#emit("blocked", task, reason);
    this.#emit("resumed", task, reason);
  }

  scopeCancelled(task: TaskNode, cancelled: Cancelled): void {
    this.#emit("scopeCancelled", task, cancelled);
  }

  deadlineFired(task: TaskNode, deadline: number): void {
    this.#emit("deadlineFired", task, deadline);
  }

  forgottenWait(task: TaskNode, reasons: readonly WaitReason[]): void {
    this.#emit("forgottenWait", task, reasons);
  }

  hostOperationStarted(label: string): void {
    this.#emit("hostOperationStarted", label);
  }

  hostOperationEnded(label: string): void {
    this.#emit("hostOperationEnded", label);
  }

  /** Calls one hook of all instruments. A task of the kernel is what they know as a `Task`. */
  #emit<H extends keyof Instrument>(hook: H, ...args: Told<Parameters<NonNullable<Instrument[H]>>>): void {
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

/** The arguments of a hook, as the kernel has them. */
type Told<A extends readonly unknown[]> = { [I in keyof A]: A[I] extends Task ? TaskNode : A[I] };
