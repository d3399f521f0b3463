/**
 * The deadline queue: alarms by time, and by age among those of one time.
 *
 * Alarms are kept in buckets of one instant, found through a Map; a binary heap orders the *instants*. Timeouts
 * cluster: 100,000 sleeps of 1-100 ms are 100,000 heap entries, but only 100 instants of a millisecond. So adding
 * and removing take constant time for all but the first of an instant, and removal leaves no garbage in the heap
 * except instants without alarms, which are skipped (Trio keeps one heap with lazy deletion and prunes it; that
 * was measured at ten times the cost here, see `bench/`).
 *
 * How wide an instant is, is the clock's choice: whole milliseconds for the real one, exact for virtual time. It says
 * when the clock looks, which is at the end of an instant. No alarm fires before its own deadline, and each that is due
 * when the clock looks earlier fires then: where the event loop is busy, that saves a millisecond.
 */

import { firingBegins, firingEnds } from "../base/firing.ts";

/**
 * A call that is made at a deadline, unless it is cancelled before.
 *
 * @category Low level
 */
export interface Alarm {
  /** When the call is made, in milliseconds on the clock that made the alarm. */
  readonly deadline: number;
  /** Withdraws the call. Harmless once it was made or withdrawn. */
  cancel(): void;
}

let removeEntry: (queue: AlarmQueue, entry: Entry<unknown>) => void;

class Entry<A> implements Alarm {
  bucket: Bucket | null = null;
  next: Entry<unknown> | null = null;
  prev: Entry<unknown> | null = null;

  constructor(readonly deadline: number, readonly fire: (arg: A) => void, readonly arg: A) {}

  cancel(): void {
    if (this.bucket !== null) removeEntry(this.bucket.queue, this as Entry<unknown>);
  }
}

class Bucket {
  first: Entry<unknown> | null = null;
  last: Entry<unknown> | null = null;
  /** Whether the alarms stand in the order of their deadlines. */
  ordered = true;
  constructor(readonly queue: AlarmQueue, readonly instant: number) {}
}

/**
 * A queue of alarms, for clocks: the real one, those of tests, and yours.
 *
 * It holds alarms and fires them in order, but does not know the time: the clock says what is due.
 *
 * @example A clock that moves by hand
 * ```ts
 * import { AlarmQueue } from "@trefoil/io/lowlevel";
 * import { assertEquals } from "@std/assert";
 *
 * const alarms = new AlarmQueue();
 * const fired: string[] = [];
 * alarms.add(20, (name) => fired.push(name), "late");
 * alarms.add(10, (name) => fired.push(name), "early");
 * assertEquals(alarms.next, 10);
 * while (alarms.fireOne(20));
 * assertEquals(fired, ["early", "late"]);
 * ```
 *
 * @category Low level
 */
export class AlarmQueue {
  static {
    removeEntry = (queue, entry) => queue.#remove(entry);
  }

  readonly #buckets = new Map<number, Bucket>();
  /** Binary heap of instants; may hold some that have no bucket any more, and then some twice. */
  readonly #heap: number[] = [];
  readonly #width: number;
  readonly #changed: () => void;
  #size = 0;
  /** Those of `addDeadline()`; made with the first. */
  #deadlines: AlarmQueue | null = null;
  /** The bucket used last: alarms set one after the other mostly share it. */
  #recent: Bucket | null = null;

  /**
   * Makes an empty queue.
   *
   * @param width The length of an instant, in milliseconds: `next` is rounded up to whole instants. 0 keeps it exact.
   * @param changed Called when `next` may have changed.
   */
  constructor(width = 0, changed: () => void = () => {}) {
    this.#width = width;
    this.#changed = changed;
  }

  /** How many alarms are set. */
  get size(): number {
    return this.#size + (this.#deadlines?.size ?? 0);
  }

  /** The earliest instant at which something is due; `Infinity` if nothing is. */
  get next(): number {
    return this.#deadlines === null ? this.#next : Math.min(this.#next, this.#deadlines.next);
  }

  get #next(): number {
    const heap = this.#heap;
    while (heap.length > 0) {
      const instant = heap[0] as number;
      if (this.#buckets.has(instant)) return instant;
      popHeap(heap);
    }
    return Infinity;
  }

  /**
   * Sets an alarm.
   *
   * @param deadline When it is due, in milliseconds.
   * @param fire Called with `arg` by `fireOne()`.
   * @param arg The argument of `fire`; it saves a closure.
   * @returns The alarm, which can be cancelled.
   */
  add<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    const entry = new Entry(deadline, fire, arg) as Entry<unknown>;
    const instant = this.#width === 0 ? deadline : Math.ceil(deadline / this.#width) * this.#width;
    let bucket = this.#recent;
    if (bucket === null || bucket.instant !== instant) {
      bucket = this.#buckets.get(instant) ?? this.#open(instant);
      this.#recent = bucket;
    }
    entry.bucket = bucket;
    const { last } = bucket;
    entry.prev = last;
    if (last === null) bucket.first = entry;
    else {
      last.next = entry;
      if (deadline < last.deadline) bucket.ordered = false;
    }
    bucket.last = entry;
    this.#size++;
    return entry as Alarm;
  }

  /**
   * Sets an alarm that fires before all alarms of `add()` that are due with it.
   *
   * That holds however late the clock looks for what is due. So whatever ends a piece of code comes before whatever
   * lets it go on.
   *
   * @param deadline When it is due, in milliseconds.
   * @param fire Called with `arg` by `fireOne()`.
   * @param arg The argument of `fire`; it saves a closure.
   * @returns The alarm, which can be cancelled.
   */
  addDeadline<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    this.#deadlines ??= new AlarmQueue(this.#width, this.#changed);
    return this.#deadlines.add(deadline, fire, arg);
  }

  #remove(entry: Entry<unknown>): void {
    const { bucket, next, prev } = entry;
    if (bucket === null) return;
    if (prev === null) bucket.first = next;
    else prev.next = next;
    if (next === null) bucket.last = prev;
    else next.prev = prev;
    entry.bucket = entry.next = entry.prev = null;
    this.#size--;
    if (bucket.first === null) this.#close(bucket);
  }

  /**
   * Fires the first alarm that is due.
   *
   * Alarms of `addDeadline()` come first, then those with the earliest deadline, and of these the one that was set
   * first.
   *
   * @param now The time, in milliseconds.
   * @returns Whether one was due.
   */
  fireOne(now: number): boolean {
    if (this.#deadlines !== null && this.#deadlines.fireOne(now)) return true;
    const instant = this.#next;
    if (!(instant <= now || instant - this.#width < now)) return false;
    const bucket = this.#buckets.get(instant);
    // Nothing is set at all, and `now` is Infinity.
    if (bucket === undefined) return false;
    if (!bucket.ordered) sortBucket(bucket);
    const entry = bucket.first as Entry<unknown>;
    // In the middle of an instant, those that are due already: the others are not held up by much, these are.
    if (instant > now && entry.deadline > now) return false;
    this.#remove(entry);
    firingBegins();
    try {
      entry.fire(entry.arg);
    } finally {
      firingEnds();
    }
    return true;
  }

  #open(instant: number): Bucket {
    const bucket = new Bucket(this, instant);
    this.#buckets.set(instant, bucket);
    const heap = this.#heap;
    // A loop of short timeouts that are withdrawn in time leaves an empty instant behind each.
    if (heap.length > 64 && heap.length > 2 * this.#buckets.size) {
      heap.length = 0;
      // A sorted list is a heap. One by one: as arguments of one call, 150,000 overflow the host's stack.
      for (const left of [...this.#buckets.keys()].sort((a, b) => a - b)) heap.push(left);
    } else pushHeap(heap, instant);
    if (heap[0] === instant) this.#changed();
    return bucket;
  }

  #close(bucket: Bucket): void {
    this.#buckets.delete(bucket.instant);
    if (this.#recent === bucket) this.#recent = null;
    if (this.#heap[0] === bucket.instant) this.#changed();
  }
}

/** Brings a bucket into the order of deadlines; those of one deadline stay in the order they were set. */
function sortBucket(bucket: Bucket): void {
  const entries: Entry<unknown>[] = [];
  for (let entry = bucket.first; entry !== null; entry = entry.next) entries.push(entry);
  entries.sort((a, b) => a.deadline - b.deadline);
  let before: Entry<unknown> | null = null;
  for (const entry of entries) {
    entry.prev = before;
    entry.next = null;
    if (before === null) bucket.first = entry;
    else before.next = entry;
    before = entry;
  }
  bucket.last = before;
  bucket.ordered = true;
}

function pushHeap(heap: number[], item: number): void {
  let at = heap.length;
  heap.push(item);
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up] as number;
    if (parent <= item) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = item;
}

function popHeap(heap: number[]): void {
  const item = heap.pop() as number;
  const size = heap.length;
  if (size === 0) return;
  let at = 0;
  while (true) {
    let down = 2 * at + 1;
    if (down >= size) break;
    if (down + 1 < size && (heap[down + 1] as number) < (heap[down] as number)) down++;
    if ((heap[down] as number) >= item) break;
    heap[at] = heap[down] as number;
    at = down;
  }
  heap[at] = item;
}
