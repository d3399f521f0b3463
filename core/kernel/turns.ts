/**
 * Fairness between promises and the event loop.
 *
 * In JavaScript, microtasks run before timers and I/O, so two tasks that keep waking each other would starve
 * every deadline, socket and Ctrl-C. So wake-ups have a budget: after `BURST` of them, or a tenth of a millisecond,
 * the following ones go through `setImmediate` (1-2 us; `setTimeout(0)` would take 2 ms), which lets a full turn
 * of the event loop pass. One budget serves all runs in real time, as there is one event loop. A run on a clock that
 * is `deterministic` has one of its own that counts wake-ups only: how fast the machine is, and what ran before, must
 * not decide which of two tasks comes first.
 *
 * What is put off stands in two queues: waits that somebody has woken (the clock, the host, another task), and those
 * that merely yield. As long as both have some, each gets half of a turn. In one queue, a timer stood behind all of
 * 10,000 tasks that only checkpoint, each time for 40 turns.
 *
 * Whether a turn has passed on its own (a server waits for I/O anyway) is not known here, and asking costs more
 * than the needless `setImmediate` in every 256 wake-ups.
 */

import type { Clock } from "../time/clock.ts";
import { hostImmediate, hostNow } from "../base/host_time.ts";

/** Wake-ups between two turns of the event loop. tokio's budget is 128, Go's preemption 10 ms. */
const BURST = 256;
/**
 * How long the microtasks of one turn may run before the rest waits for the next, in milliseconds. Not as long as a
 * timer may be late: while turns follow each other without a pause, Deno looks for input and output in every 61st only
 * (tokio's `event_interval`), so a connect and an echo take 300 turns. With 1 ms they took 300 ms beside a loop of
 * `any()`; with this 40, and the turns cost 2 per cent of such a loop. Wake-ups that cost next to nothing are through
 * with their budget before.
 */
const SLICE = 0.1;
/** The clock is read at least once in this many wake-ups (it costs 0.1 us). */
const LONGEST_STRIDE = 16;

/** So many steps that start tasks in a turn are none that may go on for ever. */
const FREE_GENERATIONS = 16;

/** What is put off to a later turn: a wait that was granted, or tasks that begin. A link in the queue itself. */
export interface PutOff {
  after: unknown;
  settle(): void;
}

/** Tasks that begin in one turn: they share a promise, as one of its own for each would make spawning dearer. */
class Starts implements PutOff {
  after: unknown = null;
  count = 0;
  settle!: () => void;
  readonly promise: Promise<void> = new Promise((resolve) => this.settle = resolve);
}

const AT_ONCE: Promise<void> = Promise.resolve();

/** What waits for a later turn, in order. */
class Queue {
  first: PutOff | null = null;
  last: PutOff | null = null;
  /** How many wake-ups; a link may be several. */
  size = 0;
  /** The tasks that wait at the end to begin; `null` if something else stands there. */
  starts: Starts | null = null;

  get isEmpty(): boolean {
    return this.first === null;
  }

  add(entry: PutOff): void {
    entry.after = null;
    if (this.last === null) this.first = entry;
    else this.last.after = entry;
    this.last = entry;
  }

  /** Takes the first one out, which must be there. */
  take(): PutOff {
    const entry = this.first as PutOff;
    this.first = entry.after as PutOff | null;
    if (this.first === null) this.last = null;
    entry.after = null;
    if (entry === this.starts) this.starts = null;
    return entry;
  }
}

/** A budget of wake-ups, and those who wait for the next turn. */
export class Turns {
  /** How long the microtasks of one turn may run, in milliseconds; `Infinity` counts wake-ups only. */
  readonly #slice: number;
  /**
   * Wake-ups left in this turn, not granted to a stride yet; 0 when it is spent. Written by `#grantStride()` and
   * `#drain()`.
   */
  #budget = BURST;
  /**
   * How many wake-ups lie between two looks at the clock: 1 after a slice that was spent, as steps may be long; doubled
   * by each look that finds time left. Written by `#grantStride()`.
   */
  #stride = 1;
  /** Wake-ups left in this stride, and how many it had. Written by `spend()`, `#grantStride()` and `#drain()`. */
  #left = 1;
  #granted = 1;
  #turnStart = 0;
  /** Waits that somebody has woken. */
  readonly #woken = new Queue();
  /** Those that merely yield, and tasks that begin. */
  readonly #yielded = new Queue();
  #armed = false;
  /** Whether a task has begun since one was last started. Written by tasks, too. */
  hasStarted = true;
  /** Steps in this turn that started tasks, after others had begun. Written by `forStart()` and `#drain()`. */
  #generations = 0;
  /** Tasks that wait for a later turn to begin: those that are started meanwhile do not overtake them. */
  #starting = 0;

  constructor(slice: number) {
    this.#slice = slice;
  }

  /** How many wake-ups wait for a later turn. */
  get putOff(): number {
    return this.#woken.size + this.#yielded.size;
  }

  /** Takes one wake-up from the budget; `false` if this one must wait for the next turn. */
  spend(): boolean {
    // Short, so that it is a part of every wait that is ready.
    return --this.#left > 0 || this.#grantStride();
  }

  #grantStride(): boolean {
    this.#left = 0;
    if (this.#budget <= 0) return false;
    this.#budget -= this.#granted;
    if (this.#budget > 0) {
      if (this.#slice === Infinity || hostNow() - this.#turnStart < this.#slice) {
        this.#stride = Math.min(this.#stride * 2, LONGEST_STRIDE);
        this.#left = this.#granted = Math.min(this.#stride, this.#budget);
        return true;
      }
      this.#stride = 1;
    }
    // Stays spent until the next turn, which every caller that gets `false` asks for through `later()`.
    this.#budget = 0;
    return false;
  }

  /** Settles a wait that was woken in a later turn, behind those that are put off already. */
  later(entry: PutOff): void {
    this.#woken.size++;
    this.#putOff(this.#woken, entry);
  }

  /** The same for one that merely yields. */
  yieldLater(entry: PutOff): void {
    this.#yielded.starts = null;
    this.#yielded.size++;
    this.#putOff(this.#yielded, entry);
  }

  /**
   * The promise after which a task begins: at once, or in a later turn, as tasks that start tasks must not starve the
   * event loop either. One step that starts many counts once, and the first few steps in a turn do not count: putting
   * tasks off makes them dearer by a fifth, and these come to an end.
   */
  forStart(): Promise<void> {
    if (this.#starting === 0) {
      if (!this.hasStarted) return AT_ONCE;
      this.hasStarted = false;
      if (++this.#generations < FREE_GENERATIONS || this.spend()) return AT_ONCE;
    }
    const queue = this.#yielded;
    if (queue.starts === null || queue.starts.count === BURST) {
      queue.starts = new Starts();
      this.#putOff(queue, queue.starts);
    }
    queue.starts.count++;
    queue.size++;
    this.#starting++;
    return queue.starts.promise;
  }

  #putOff(queue: Queue, entry: PutOff): void {
    queue.add(entry);
    if (this.#armed) return;
    this.#armed = true;
    hostImmediate(this.#drain);
  }

  readonly #drain = (): void => {
    // Counted before anything is settled: what that puts off waits for the turn after this one.
    const woken = Math.min(this.#woken.size, Math.max(BURST / 2, BURST - this.#yielded.size));
    const yielded = Math.min(this.#yielded.size, BURST - woken);
    this.#settle(this.#woken, woken);
    this.#settle(this.#yielded, yielded);
    if (!this.#woken.isEmpty || !this.#yielded.isEmpty) {
      hostImmediate(this.#drain);
      return;
    }
    this.#armed = false;
    this.#generations = 0;
    this.#budget = BURST;
    this.#left = this.#granted = this.#stride;
    if (this.#slice !== Infinity) this.#turnStart = hostNow();
  };

  #settle(queue: Queue, many: number): void {
    for (let done = 0; done < many && !queue.isEmpty;) {
      const entry = queue.take();
      let count = 1;
      if (entry instanceof Starts) {
        ({ count } = entry);
        this.#starting -= count;
      }
      done += count;
      queue.size -= count;
      entry.settle();
    }
  }
}

/** What runs in real time shares: there is one event loop. */
const hostTurns = new Turns(SLICE);

/** The budget for a run on a clock. */
export function turnsFor({ deterministic = false }: Pick<Clock, "deterministic">): Turns {
  return deterministic ? new Turns(Infinity) : hostTurns;
}
