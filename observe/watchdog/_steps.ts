/**
 * W1: who blocks the event loop.
 *
 *     beat ── beat ── resumed ─── a step that takes long ─── blocked: it was this task, and here ── … ── beat
 *                                                        └── or no wait of ours: the next beat is late, and names those
 *                                                            that went on since the last one
 *
 * A beat of the host tells work from sleep: while the loop is free, the last sign of life is never older than a beat. So
 * a hook that finds an older one was reached by a step which has taken that long. It is the task of the event that ends
 * the step that is blamed: several tasks go on in one turn, and the last of them may be innocent.
 *
 * The processor time of the process tells a busy loop from a busy machine.
 */

import { captureSite, framesOfSite, hostDate, hostNow } from "../../core/internal.ts";
import type { Task } from "../../core/mod.ts";
import { BEAT, repeat } from "../base/beat.ts";

/** So many tasks are named that went on without a wait. */
const MOST_NAMES = 4;

/** What has been found out about a step that took too long. */
export interface LongStep {
  /** How long it took, in milliseconds; up to a beat less. */
  readonly ms: number;
  /** Who ran; several if only the beat noticed it. */
  readonly tasks: readonly Task[];
  /** Where it ended, the innermost first; empty if only the beat noticed it. */
  readonly frames: readonly string[];
  /** What it began to wait for; empty if it has ended, or only the beat noticed it. */
  readonly until: string;
  /** Whether the process had no processor for most of it: the machine is busy, and not the loop. */
  readonly starved: boolean;
}

/** See the header. */
export class Steps {
  readonly #limit: number;
  readonly #found: (step: LongStep) => void;
  /** When the last step ended, or the loop was free, by the date: the better clock takes more than twice as long. */
  #lastSign = hostDate();
  /** When the loop was free, by the better clock: the date can be set. */
  #lastFree = hostNow();
  #cpu = cpuTime();
  /** Whether a step since the last beat was found to be long. */
  #blamed = false;
  /** Those that went on since the last beat, oldest first. */
  #went: Task[] = [];
  #stop = () => {};

  constructor(limit: number, found: (step: LongStep) => void) {
    this.#limit = limit;
    this.#found = found;
  }

  /** Begins to listen for the beat. */
  start(): void {
    this.#reset();
    this.#stop = repeat(BEAT, (late) => this.#beat(late));
  }

  stop(): void {
    this.#stop();
    this.#stop = () => {};
  }

  /** A task goes on. */
  resumed(task: Task): void {
    if (this.#went.length < MOST_NAMES && this.#went.at(-1) !== task) this.#went.push(task);
  }

  /** A step of a task has ended, with a wait or its end. */
  ended(task: Task, until: string): void {
    const now = hostDate();
    const last = this.#lastSign;
    this.#lastSign = now;
    // The loop may have been free for nearly a beat before the step began.
    if (now - last <= this.#limit + BEAT) return;
    const ms = Math.min(now - last, hostNow() - this.#lastFree);
    if (ms <= this.#limit + BEAT) return;
    this.#blamed = true;
    this.#tell({ ms, tasks: [task], frames: framesOfSite(captureSite()), until });
  }

  #beat(late: number): void {
    if (late > this.#limit && !this.#blamed) {
      this.#tell({ ms: late, tasks: this.#went, frames: [], until: "" });
    }
    this.#reset();
  }

  #reset(): void {
    this.#lastSign = hostDate();
    this.#lastFree = hostNow();
    this.#cpu = cpuTime();
    this.#blamed = false;
    this.#went = [];
  }

  #tell(step: Omit<LongStep, "starved">): void {
    this.#found({ ...step, starved: cpuTime() - this.#cpu < step.ms / 2 });
  }
}

/** What this process has used of processors, in milliseconds; it needs no permission. */
function cpuTime(): number {
  const { process } = globalThis as { process?: { cpuUsage?(): { user: number; system: number } } };
  const used = process?.cpuUsage?.();
  return used === undefined ? Infinity : (used.user + used.system) / 1_000;
}
