/**
 * What happened in a run, for people: which task went on from where to where, in blocks. A block is all that a task
 * does until another one goes on.
 */

import { bareTask } from "../../core/internal.ts";
import type { Cancelled, Task } from "../../core/mod.ts";
import type { Instrument, WaitReason } from "../../core/lowlevel.ts";
import { placed, type Site, Sites } from "../driver/sites.ts";
import { describeReason } from "../driver/words.ts";

interface Block {
  readonly id: number;
  readonly task: string;
  readonly from: string;
  to: string;
}

/** Blocks that are shown: the last ones, as the failure is at the end. */
const MOST_BLOCKS = 30;
/** Places that are taken. */
const SITES = 5_000;

/** See the header. An instrument of the run that it tells. */
export class Story implements Instrument {
  readonly #blocks: Block[] = [];
  #main: Task | null = null;
  #over = false;
  readonly #sites = new Sites(SITES);
  readonly #tasks = new Map<number, { readonly task: Task; at: string }>();

  taskSpawned(task: Task): void {
    this.#main ??= task;
    this.#tasks.set(task.id, { task, at: "begins" });
  }

  blocked(task: Task, reason: WaitReason): void {
    this.#reach(task, `${describeReason(reason)}${placed(this.#sites.take() as Site)}`);
  }

  taskExited(task: Task): void {
    this.#reach(task, "ends");
  }

  scopeCancelled(task: Task, { source }: Cancelled): void {
    // What comes now is the cleanup of a run that has failed.
    if (task === this.#main && source === "signal") this.#over = true;
    this.#reach(task, "cancelled");
  }

  /** A task goes on. */
  step(id: number): void {
    const known = this.#tasks.get(id);
    if (this.#over || this.#blocks.at(-1)?.id === id) return;
    if (known === undefined) {
      this.#blocks.push({ id, task: id === 0 ? "deadlines" : "time", from: "fire", to: "" });
    } else this.#blocks.push({ id, task: bareTask(known.task), from: known.at, to: "" });
  }

  #reach(task: Task, at: string): void {
    if (this.#over) return;
    const known = this.#tasks.get(task.id);
    if (known !== undefined) known.at = at;
    const last = this.#blocks.at(-1);
    if (last?.id === task.id) last.to = at;
  }

  /** The blocks, a line each; empty if there is nothing to tell. */
  toString(): string {
    const blocks = this.#blocks.slice(-MOST_BLOCKS);
    const width = Math.max(0, ...blocks.map(({ task }) => task.length));
    const hidden = this.#blocks.length - blocks.length;
    const lines = blocks.map(({ task, from, to }) => `    ${task.padEnd(width)}  ${line(from, to)}`);
    return (hidden > 0 ? [`    (${hidden} blocks before)`, ...lines] : lines).join("\n");
  }
}

function line(from: string, to: string): string {
  const begins = from === "begins" || from === "fire" ? from : `goes on after ${from}`;
  return to === "" || to === from ? begins : `${begins}${to === "ends" ? ", ends" : `, to ${to}`}`;
}
