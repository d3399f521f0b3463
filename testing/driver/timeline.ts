/** When each task ran, and what it waited for: the first ones of a simulation, for its picture. */

import { kindOf, labelOf, REFUSED, waitText } from "../../core/internal.ts";
import type { Task } from "../../core/mod.ts";
import type { Instrument, WaitReason } from "../../core/lowlevel.ts";

/** So much is kept: more than anybody looks at. */
const MOST_TASKS = 300;
const MOST_WAITS = 3_000;

/** A wait of a task; `to` is `null` while it lasts. */
export interface WaitSpan {
  readonly from: number;
  to: number | null;
  readonly kind: string;
  readonly text: string;
}

/** A task. */
export interface TaskSpan {
  readonly name: string;
  readonly from: number;
  to: number | null;
  state: string;
  readonly waits: WaitSpan[];
}

/** See the header. */
export class Timeline implements Instrument {
  readonly tasks: TaskSpan[] = [];
  readonly #now: () => number;
  readonly #living = new Map<Task, { readonly span: TaskSpan; readonly open: Map<WaitReason, WaitSpan> }>();
  #waits = 0;
  /** How many tasks and waits were left out. */
  left = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  taskSpawned(task: Task): void {
    if (this.tasks.length >= MOST_TASKS) return void this.left++;
    const span: TaskSpan = { name: task.name, from: this.#now(), to: null, state: "running", waits: [] };
    this.tasks.push(span);
    this.#living.set(task, { span, open: new Map() });
  }

  taskExited(task: Task): void {
    const living = this.#living.get(task);
    if (living === undefined) return;
    this.#living.delete(task);
    living.span.to = this.#now();
    living.span.state = task.state;
    for (const wait of living.open.values()) wait.to = living.span.to;
  }

  blocked(task: Task, reason: WaitReason): void {
    const living = this.#living.get(task);
    if (living === undefined || reason === REFUSED) return;
    if (this.#waits >= MOST_WAITS) return void this.left++;
    this.#waits++;
    const kind = kindOf(reason);
    const wait: WaitSpan = { from: this.#now(), to: null, kind, text: waitText(kind, labelOf(reason)) };
    living.span.waits.push(wait);
    living.open.set(reason, wait);
  }

  resumed(task: Task, reason: WaitReason): void {
    const open = this.#living.get(task)?.open;
    const wait = open?.get(reason);
    if (wait === undefined) return;
    wait.to = this.#now();
    open!.delete(reason);
  }
}
