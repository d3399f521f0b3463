/**
 * The tasks that live, of a run that is recorded, with their waits: columns, of which each task has a slot for as long as it
 * lives. A program that starts tasks makes no object for any of them here: see `Ring`.
 */

import type { Site } from "../../core/internal.ts";
import { Open } from "./_open.ts";
import { NOBODY } from "./_records.ts";

const FIRST_SIZE = 64;
/** So many numbers of tasks, which follow each other, are looked up in one page. */
const PAGE = 256;

/** Where there is none. */
export const NO_SLOT = -1;

/** See the header. */
export class LivingTasks {
  ids = new Float64Array(FIRST_SIZE);
  starts = new Float64Array(FIRST_SIZE);
  /** Who has started it, or `NOBODY`. */
  froms = new Float64Array(FIRST_SIZE);
  /** Below which task it is, or `NOBODY`. */
  parents = new Float64Array(FIRST_SIZE);
  /** How many tasks there were when it began; 0 if nobody has seen that. */
  counts = new Uint32Array(FIRST_SIZE);
  readonly names: string[] = [];
  /**
   * Where it was started. Some hundred tasks of a run have that, and it is read by those who want to see it, which takes
   * longer than all the rest.
   */
  readonly #sites = new Map<number, Site>();
  /** Its only wait, as a rule; what is free is kept for the next one. */
  readonly #waits: (Open | null)[] = [];
  /** Those it has at the same time. */
  readonly #others = new Map<number, Map<object, Open>>();
  readonly #free: number[] = [];
  /** Slots, and one more, by the numbers of tasks; in front how many are taken. */
  readonly #pages = new Map<number, Int32Array>();
  #lastPage: Int32Array = new Int32Array(PAGE + 1);
  #lastPageAt = -1;

  /** The slot of a task, or `NO_SLOT`. */
  slotOf(id: number): number {
    const page = this.#pageAt(Math.floor(id / PAGE));
    return page === null ? NO_SLOT : page[1 + id % PAGE] as number - 1;
  }

  /** Gives a task a slot. What is in it besides its number is to be written. */
  begin(id: number): number {
    let slot = this.#free.pop();
    if (slot === undefined) {
      slot = this.names.length;
      if (slot >= this.ids.length) this.#grow();
      this.names.push("");
      this.#waits.push(null);
    }
    this.ids[slot] = id;
    const at = Math.floor(id / PAGE);
    let page = this.#pageAt(at);
    if (page === null) this.#pages.set(at, page = this.#lastPage = new Int32Array(PAGE + 1));
    this.#lastPageAt = at;
    page[0]!++;
    page[1 + id % PAGE] = slot + 1;
    return slot;
  }

  /** A task has ended, and all in it. */
  end(slot: number): void {
    const id = this.ids[slot] as number;
    const at = Math.floor(id / PAGE);
    const page = this.#pageAt(at) as Int32Array;
    page[1 + id % PAGE] = 0;
    if (--page[0]! === 0) {
      this.#pages.delete(at);
      this.#lastPageAt = -1;
    }
    this.ids[slot] = NOBODY;
    if (this.#sites.size > 0) this.#sites.delete(slot);
    if (this.#others.size > 0) this.#others.delete(slot);
    const wait = this.#waits[slot] as Open | null;
    if (wait !== null) {
      wait.key = null;
      wait.detail = "";
    }
    this.#free.push(slot);
  }

  siteOf(slot: number): Site | null {
    return this.#sites.get(slot) ?? null;
  }

  setSite(slot: number, site: Site): void {
    this.#sites.set(slot, site);
  }

  /** All slots that are taken. */
  slots(): number[] {
    return this.names.flatMap((_, slot) => this.ids[slot] === NOBODY ? [] : [slot]);
  }

  /** Begins a wait. */
  beginWait(slot: number, wait: object): Open {
    let open = this.#waits[slot] as Open | null;
    if (open === null) this.#waits[slot] = open = new Open();
    else if (open.key !== null) this.#othersOf(slot).set(wait, open = new Open());
    open.key = wait;
    open.task = this.ids[slot] as number;
    return open;
  }

  /** Finds a wait that has begun. */
  waitOf(slot: number, wait: object): Open | null {
    const open = this.#waits[slot] as Open | null;
    return open !== null && open.key === wait ? open : this.#others.get(slot)?.get(wait) ?? null;
  }

  /** Ends a wait that was found. */
  endWait(slot: number, open: Open): void {
    if (open !== this.#waits[slot]) this.#others.get(slot)?.delete(open.key as object);
    open.key = null;
  }

  /** All waits that go on. */
  waits(slot: number): readonly Open[] {
    const first = this.#waits[slot] as Open | null;
    const others = this.#others.get(slot);
    if (others === undefined && (first === null || first.key === null)) return NONE;
    return [...first === null || first.key === null ? [] : [first], ...others?.values() ?? []];
  }

  #othersOf(slot: number): Map<object, Open> {
    const others = this.#others.get(slot) ?? new Map<object, Open>();
    this.#others.set(slot, others);
    return others;
  }

  #pageAt(at: number): Int32Array | null {
    if (at === this.#lastPageAt) return this.#lastPage;
    const page = this.#pages.get(at);
    if (page === undefined) return null;
    this.#lastPageAt = at;
    return this.#lastPage = page;
  }

  #grow(): void {
    const size = this.ids.length * 2;
    this.ids = larger(this.ids, new Float64Array(size));
    this.starts = larger(this.starts, new Float64Array(size));
    this.froms = larger(this.froms, new Float64Array(size));
    this.parents = larger(this.parents, new Float64Array(size));
    this.counts = larger(this.counts, new Uint32Array(size));
  }
}

const NONE: readonly Open[] = [];

/** A column with room for more. */
export function larger<T extends { set(from: T): void }>(column: T, into: T): T {
  into.set(column);
  return into;
}
