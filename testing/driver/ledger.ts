/**
 * Who waits for what: one record for each task that has not ended.
 *
 * A task waits for something known while it has a wait of the library or a virtual timer of its own, or expects an
 * answer to what it has sent over a socket of Node. The others are *restless*: they await a promise that nobody knows
 * of, and get a grace. So does a task that begins to wait for such a promise by `cancellable()`, whatever else it waits
 * for; but not one that asks an iterator for its next item, as that may itself wait for something known. Both are counted
 * as they come and go, so that a step of the driver costs the same with ten tasks and with 100,000; and restlessness is a
 * mark in the record rather than a set of tasks, as each task is restless for a moment when it begins.
 */

import { isForeign, openWaits, taskText } from "../../core/internal.ts";
import type { Task } from "../../core/mod.ts";
import type { WaitReason } from "../../core/lowlevel.ts";
import { TaskRecord } from "./record.ts";
import type { Site } from "./sites.ts";
import type { VirtualTimer } from "./timers.ts";

/** See the header. */
export class Ledger {
  readonly records = new Map<Task, TaskRecord>();
  /** How many tasks wait for nothing known, and have not had their grace. */
  restless = 0;
  /** How many answers are expected, also by tasks that have ended. */
  answers = 0;
  /** The grace that is running. A record that bears its number is restless; those of earlier ones have had theirs. */
  #grace = 1;

  /** The first few of them. */
  restlessTasks(): Task[] {
    const tasks: Task[] = [];
    for (const [task, record] of this.records) {
      if (record.grace === this.#grace && tasks.push(task) === 5) break;
    }
    return tasks;
  }

  /** Whether somebody waits for what nobody knows of, also when the grace for it is over. */
  get someUnknown(): boolean {
    return this.records.entries().some(([task, record]) => record.foreign > 0 || !isKnown(task, record));
  }

  /** The grace is over: none of them is restless until it acts again. */
  endGrace(): void {
    this.#grace++;
    this.restless = 0;
  }

  spawned(task: Task): void {
    const record = new TaskRecord();
    this.records.set(task, record);
    this.#judge(task, record);
  }

  exited(task: Task): void {
    const record = this.records.get(task);
    if (record === undefined) return;
    if (record.grace === this.#grace) this.restless--;
    this.records.delete(task);
  }

  began(task: Task, reason: WaitReason, site: Site | null): void {
    const record = this.records.get(task);
    if (record === undefined) return;
    record.begin(reason, site);
    if (isForeign(reason)) {
      record.foreign++;
      record.foreignGrace = this.#grace;
    }
    this.#judge(task, record);
  }

  ended(task: Task, reason: WaitReason): void {
    const record = this.records.get(task);
    if (record === undefined) return;
    if (record.end(reason) && isForeign(reason)) record.foreign--;
    this.#judge(task, record);
  }

  /** The task may have acted: if it waits for nothing known, it gets a new grace. */
  acted(task: Task): void {
    const record = this.records.get(task);
    if (record !== undefined) this.#judge(task, record);
  }

  timerArmed({ task }: VirtualTimer): void {
    this.countTimer(task, 1);
  }

  timerGone({ task }: VirtualTimer): void {
    this.countTimer(task, -1);
  }

  /** A socket of Node has sent something for it, and nothing has come back yet. */
  answerExpected(task: Task): void {
    this.#countAnswer(task, 1);
  }

  answerCame(task: Task): void {
    this.#countAnswer(task, -1);
  }

  /**
   * What is wrong in these books, for the test that compares them with the run's own: by that, each task waits for
   * nothing known, or for something.
   */
  audit(): string[] {
    const faults: string[] = [];
    let marked = 0;
    for (const [task, record] of this.records) {
      const isMarked = record.grace === this.#grace;
      if (isMarked) marked++;
      const waits = openWaits(task);
      // Those that the run does not count are foreign, or ask an iterator.
      if (record.open - waits < record.foreign) faults.push(`${taskText(task)}: ${record.open} open, ${waits} known`);
      if (record.list().length !== record.open) faults.push(`${taskText(task)}: lists ${record.list().length} waits`);
      if (isMarked && isKnown(task, record) && record.foreign === 0) {
        faults.push(`${taskText(task)} is restless, and waits`);
      }
    }
    if (marked !== this.restless) faults.push(`${this.restless} restless: ${marked} are`);
    return faults;
  }

  /** A timer will move time for a task, or something on its way in memory; or no more. */
  countTimer(task: Task, change: 1 | -1): void {
    const record = this.records.get(task);
    if (record === undefined) return;
    record.timers += change;
    this.#judge(task, record);
  }

  #countAnswer(task: Task, change: 1 | -1): void {
    this.answers += change;
    const record = this.records.get(task);
    if (record === undefined) return;
    record.answers += change;
    this.#judge(task, record);
  }

  #judge(task: Task, record: TaskRecord): void {
    const was = record.grace === this.#grace;
    const is = !isKnown(task, record) || record.foreign > 0 && record.foreignGrace === this.#grace;
    if (was === is) return;
    record.grace = is ? this.#grace : 0;
    this.restless += is ? 1 : -1;
  }
}

/** Whether a task waits for something known. */
function isKnown(task: Task, { timers, answers }: TaskRecord): boolean {
  return openWaits(task) > 0 || timers > 0 || answers > 0;
}
