/**
 * The observer of a cancel sweep: counts the waits of one run of the scenario, and cancels at one of them.
 *
 * Granted waits resume one at a time, in the order of their grants and each in a turn of the event loop of its own: so
 * there is a moment after each grant, and before its task resumes. It costs some microseconds for each wait.
 */

import { CancelScope, currentTask, type Task } from "../../core/mod.ts";
import { beginHostOperation, type Instrument, type Schedule, type WaitReason } from "../../core/lowlevel.ts";
import { hostImmediate, taskText } from "../../core/internal.ts";
import { describeReason } from "../driver/words.ts";
import { Sites } from "../driver/sites.ts";
import type { Finding } from "./_scenario.ts";
import type { SweepFlavour } from "./sweep_flavour.ts";

/** A moment at which a scenario is cancelled. */
export interface Point {
  readonly flavour: SweepFlavour;
  /** Which one of the waits that began, or of those that were granted; from 1. */
  readonly number: number;
}

/** A wait of a task. */
interface Wait {
  readonly number: number;
  readonly reason: WaitReason;
}

/** A wait that was granted. */
interface Granted {
  readonly resume: () => void;
  readonly task: Task;
  /** Not known if it began before the scenario. */
  readonly wait: Wait | undefined;
}

/** Counts waits, and cancels at one of them. */
export class Watcher implements Instrument {
  /** How many waits have begun. */
  begun = 0;
  /** For each wait that was granted, its number among those that have begun. */
  readonly granted: number[] = [];
  /** What went wrong, the cause first. Written by the body. */
  readonly findings: Finding[] = [];
  /** Where the cancellation came, in words; empty before that. */
  where = "";
  readonly #subject: string | undefined;
  readonly #target: Point | null;
  /** The wait whose place is recorded: that of the point. */
  readonly #wait: number;
  readonly #scope = new CancelScope();
  /** The task of the scenario itself, while it runs. */
  #main: Task | null = null;
  /** The task that the next call of `schedule` is for: it begins. */
  #beginning: Task | null = null;
  /** The latest wait of each task. */
  readonly #latest = new Map<number, Wait>();
  #place = "";
  /** The point has come. */
  #hit = false;
  /** Granted waits that have not resumed. Filled by `schedule`, emptied by `#letGo()`. */
  readonly #queue: Granted[] = [];
  /** Resolved when the queue is not empty, and when a task has resumed; replaced by `#letGo()`. */
  #filled = Promise.withResolvers<void>();
  #resumed = Promise.withResolvers<void>();

  constructor(subject: string | undefined, { target = null, wait = 0 }: { target?: Point | null; wait?: number } = {}) {
    this.#subject = subject;
    this.#target = target;
    this.#wait = wait;
  }

  /** Whether this is not the undisturbed run. */
  get cancels(): boolean {
    return this.#target !== null;
  }

  /** Runs the scenario, in the scope that is cancelled. */
  async watch(scenario: () => unknown): Promise<void> {
    this.#main = currentTask();
    const lettingGo = this.#letGo();
    try {
      await this.#scope.run(scenario);
    } finally {
      this.#main = null;
      this.#filled.resolve();
      for (const { resume } of this.#queue.splice(0)) resume();
      await lettingGo;
    }
  }

  blocked(task: Task, reason: WaitReason): void {
    if (!this.#concerns(task)) return;
    const number = ++this.begun;
    this.#latest.set(task.id, { number, reason });
    if (number === this.#wait) this.#place = placeOfCaller();
    if (this.#target?.flavour !== "before" || number !== this.#target.number) return;
    this.#hit = true;
    // A hook must not cancel; and the reason may not be complete yet.
    queueMicrotask(() => {
      this.where = `as wait ${number} began: ${describe(task, reason)}${this.#place}`;
      this.#cancel(task);
    });
  }

  taskSpawned(task: Task): void {
    this.#beginning = task;
  }

  resumed(): void {
    this.#resumed.resolve();
  }

  readonly schedule: Schedule = (resume, task) => {
    const begins = this.#beginning === task;
    this.#beginning = null;
    // Before the scenario and after it nothing is counted; and the beginning of a task is no wait.
    if (this.#main === null || begins) return resume();
    this.#queue.push({ resume, task, wait: this.#latest.get(task.id) });
    this.#filled.resolve();
  };

  /**
   * Lets granted waits go on, one a turn, until the scenario has ended. An async function, so that it stays in the run.
   */
  async #letGo(): Promise<void> {
    while (this.#main !== null) {
      await this.#filled.promise;
      this.#filled = Promise.withResolvers();
      while (this.#main !== null && this.#queue.length > 0) {
        // Held back by us, and not idle: virtual time must wait.
        const operation = beginHostOperation("next turn of the cancel sweep");
        await new Promise((resolve) => hostImmediate(resolve));
        const granted = this.#queue.shift();
        if (granted !== undefined) {
          this.#resumed = Promise.withResolvers();
          this.#resume(granted);
          // The fairness budget may put it off once more.
          await this.#resumed.promise;
        }
        operation.end();
      }
    }
  }

  #resume({ resume, task, wait }: Granted): void {
    if (wait !== undefined && this.#concerns(task)) {
      this.granted.push(wait.number);
      if (this.#target?.flavour === "granted" && this.granted.length === this.#target.number) {
        this.#hit = true;
        const what = describe(task, wait.reason);
        this.where = `after wait ${wait.number} was granted, before its task resumed: ${what}${this.#place}`;
        this.#cancel(task);
      }
    }
    resume();
  }

  #concerns(task: Task): boolean {
    if (this.#main === null || this.#hit) return false;
    return this.#subject === undefined || (task.name === this.#subject && task !== this.#main);
  }

  #cancel(task: Task): void {
    if (this.#subject === undefined) this.#scope.cancel(REASON);
    else task.cancel(REASON);
  }
}

function describe(task: Task, reason: WaitReason): string {
  return `${describeReason(reason)} in ${taskText(task)}`;
}

function placeOfCaller(): string {
  const place = String(new Sites(1).take());
  return place === "" ? "" : `, ${place}`;
}

/** The reason of the cancellation. */
export const REASON = "sweepCancel()";
