/**
 * The last so many things that are over: a ring of columns, which grows up to its capacity.
 *
 * Objects in it would all live long enough to be moved by the collector, twice, only to be dropped. That was half of what
 * a trace cost.
 */

import { placeOf, type Site } from "../../core/internal.ts";
import { larger, type LivingTasks } from "./_living_tasks.ts";
import type { Open } from "./_open.ts";
import { type Entry, NOBODY, type Slice, type TrackOf } from "./_records.ts";

/** What something in the ring is. */
export const enum Kind {
  Wait,
  Scope,
  Task,
  Operation,
  Instant,
}

const FIRST_SIZE = 1_024;

/** See the header. */
export class Ring {
  readonly #capacity: number;
  /** How many there were in all; each has a number, from 0. */
  #count = 0;
  /** The first one that was not cleared away. */
  #first = 0;
  /** How long the columns are. */
  #size = 0;
  #kinds = new Uint8Array(0);
  /** The numbers of tasks, or `NOBODY`. */
  #tasks = new Float64Array(0);
  #starts = new Float64Array(0);
  #ends = new Float64Array(0);
  #froms = new Float64Array(0);
  /** When it was woken; of a task, its parent. */
  #ats = new Float64Array(0);
  /** Of tasks. */
  #atStart = new Uint32Array(0);
  #atEnd = new Uint32Array(0);
  readonly #names: string[] = [];
  /** What `Open` says; of a task, where it was started. */
  readonly #details: unknown[] = [];
  readonly #hows: string[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** How many had to go. */
  get dropped(): number {
    return Math.max(0, this.#count - this.#first - this.#capacity);
  }

  /** Adds one that has ended; returns its number. */
  push(kind: Kind, { task, name, detail, start, from, at, how }: Open, end: number): number {
    const index = this.#next(kind);
    this.#tasks[index] = task;
    this.#starts[index] = start;
    this.#ends[index] = end;
    this.#froms[index] = from;
    this.#ats[index] = at;
    this.#names[index] = name;
    this.#details[index] = detail;
    this.#hows[index] = how;
    return this.#count - 1;
  }

  /** Adds a task that has ended, so that there are so many left. It is the last of all that is added of it. */
  pushTask(tasks: LivingTasks, slot: number, end: number, how: string, left: number): void {
    const index = this.#next(Kind.Task);
    this.#tasks[index] = tasks.ids[slot] as number;
    this.#starts[index] = tasks.starts[slot] as number;
    this.#ends[index] = end;
    this.#froms[index] = tasks.froms[slot] as number;
    this.#ats[index] = tasks.parents[slot] as number;
    this.#names[index] = tasks.names[slot] as string;
    this.#details[index] = tasks.siteOf(slot);
    this.#hows[index] = how;
    this.#atStart[index] = tasks.counts[slot] as number;
    this.#atEnd[index] = left;
  }

  /** Says later that somebody else has woken something. */
  setFrom(number: number, task: number): void {
    const index = number % this.#capacity;
    if (number >= this.#count - this.#capacity && this.#tasks[index] !== task) this.#froms[index] = task;
  }

  /**
   * Those that had not ended at a time, oldest end first, and the tasks of them that are over; and how many had to go,
   * unless all of those had ended by then.
   */
  read(since: number): { readonly entries: Entry[]; readonly tracks: TrackOf[]; readonly dropped: number } {
    const entries: Entry[] = [];
    const tracks: TrackOf[] = [];
    let { dropped } = this;
    for (let number = Math.max(this.#first, this.#count - this.#capacity); number < this.#count; number++) {
      const index = number % this.#capacity;
      if (this.#ends[index] as number < since) {
        dropped = 0;
        continue;
      }
      const entry = this.#entry(index);
      entries.push(entry);
      if (this.#kinds[index] !== Kind.Task) continue;
      const { task: id, name, start, end } = entry as Slice;
      const parent = this.#ats[index] as number;
      tracks.push({ id, name, parent: parent === NOBODY ? null : parent, start, end });
    }
    return { entries, tracks, dropped };
  }

  clear(): void {
    this.#first = this.#count;
    // What they referred to is somebody else's.
    this.#details.fill(null);
    this.#names.fill("");
    this.#hows.fill("");
  }

  /** The place of the next one. */
  #next(kind: Kind): number {
    const index = this.#count++ % this.#capacity;
    if (index >= this.#size) this.#grow();
    this.#kinds[index] = kind;
    return index;
  }

  #entry(index: number): Entry {
    const kind = this.#kinds[index] as Kind;
    const open: Omit<Open, "key"> = {
      task: this.#tasks[index] as number,
      name: this.#names[index] as string,
      detail: this.#details[index],
      start: this.#starts[index] as number,
      from: this.#froms[index] as number,
      at: this.#ats[index] as number,
      how: this.#hows[index] as string,
    };
    const end = this.#ends[index] as number;
    if (kind !== Kind.Task) return entryOf(kind, open, end);
    const counts = { tasksAtStart: this.#atStart[index] as number, tasksAtEnd: this.#atEnd[index] as number };
    return taskSlice({ ...open, site: open.detail as Site | null }, end, counts);
  }

  #grow(): void {
    const size = this.#size = Math.min(this.#capacity, Math.max(FIRST_SIZE, this.#size * 2));
    this.#kinds = larger(this.#kinds, new Uint8Array(size));
    this.#tasks = larger(this.#tasks, new Float64Array(size));
    this.#starts = larger(this.#starts, new Float64Array(size));
    this.#ends = larger(this.#ends, new Float64Array(size));
    this.#froms = larger(this.#froms, new Float64Array(size));
    this.#ats = larger(this.#ats, new Float64Array(size));
    this.#atStart = larger(this.#atStart, new Uint32Array(size));
    this.#atEnd = larger(this.#atEnd, new Uint32Array(size));
  }
}

/** Something that has ended, or goes on until now, for those who show it. */
export function entryOf(
  kind: Exclude<Kind, Kind.Task>,
  { task, name, detail, start, from, at, how }: Omit<Open, "key">,
  end: number,
): Entry {
  if (kind === Kind.Operation) return { type: "operation", label: name, start, end };
  const args = detail as Readonly<Record<string, unknown>>;
  if (kind === Kind.Instant) return { type: "instant", task, name, at: start, args };
  const type = kind === Kind.Wait ? "wait" : "scope";
  return { type, task, name, detail: args, start, end, from, at, how, tasksAtStart: 0, tasksAtEnd: 0 };
}

/** A task that has ended, or goes on until now. */
export function taskSlice(
  { task, name, site, start, from, how }:
    & Pick<Open, "task" | "name" | "start" | "from" | "how">
    & { readonly site: Site | null },
  end: number,
  counts: { readonly tasksAtStart: number; readonly tasksAtEnd: number },
): Slice {
  return { type: "task", task, name, detail: placeOf(site) ?? "", start, end, from, at: start, how, ...counts };
}
