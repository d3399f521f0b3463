/**
 * Fairness between promises and the event loop.
 *
 * In JavaScript, microtasks run before timers and I/O, so two tasks that keep waking each other would starve
 * every deadline, socket and Ctrl-C. So wake-ups have a budget: after `BURST` of them, or about a millisecond,
 * the following ones go through `setImmediate` (1-2 us; `setTimeout(0)` would take 2 ms), which lets a full turn
 * of the event loop pass. One budget serves all runs in real time, as there is one event loop. A run on a clock that
 * is `deterministic` has one of its own that counts wake-ups only: how fast the machine is, and what ran before, must
 * not decide which of two tasks comes first.
 *
 * Whether a turn has passed on its own (a server waits for I/O anyway) is not known here, and asking costs more
 * than the needless `setImmediate` in every 256 wake-ups.
 */

import type { Clock } from "./clock.ts";
import type { Waiter } from "./_waiter.ts";

// Taken at import, so that fake timers installed by a test do not move the library's own turns.
const hostImmediate = globalThis.setImmediate;
const hostNow = performance.now.bind(performance);

/** Wake-ups between two turns of the event loop. tokio's budget is 128, Go's preemption 10 ms. */
const BURST = 256;
/** How long the microtasks of one turn may run before the rest waits for the next, in milliseconds. */
const SLICE = 1;
/** The clock is read once in this many wake-ups (it costs 0.1 us); a power of two. */
const CLOCK_EVERY = 16;

/** A budget of wake-ups, and those who wait for the next turn. */
export class Turns {
  /** How long the microtasks of one turn may run, in milliseconds; `Infinity` counts wake-ups only. */
  readonly #slice: number;
  /** Wake-ups left in this turn. Written by `spend()` and `#drain()`. */
  #budget = BURST;
  #turnStart = 0;
  /** Wake-ups that wait for the next turn, in order. Written by `later()` and `#drain()`. */
  #queue: Waiter<unknown>[] = [];
  #head = 0;
  #armed = false;

  constructor(slice: number) {
    this.#slice = slice;
  }

  /** How many wake-ups wait for a later turn. */
  get putOff(): number {
    return this.#queue.length - this.#head;
  }

  /** Takes one wake-up from the budget; `false` if this one must wait for the next turn. */
  spend(): boolean {
    if (this.#budget <= 0) return false;
    if ((--this.#budget & (CLOCK_EVERY - 1)) !== 0) return true;
    if (this.#budget > 0 && (this.#slice === Infinity || hostNow() - this.#turnStart < this.#slice)) return true;
    // Stays spent until the next turn, which every caller that gets `false` asks for through `later()`.
    this.#budget = 0;
    return false;
  }

  /** Resumes the waiter in a later turn, behind those that wait already. */
  later(waiter: Waiter<unknown>): void {
    this.#queue.push(waiter);
    if (this.#armed) return;
    this.#armed = true;
    hostImmediate(this.#drain);
  }

  readonly #drain = (): void => {
    const queue = this.#queue;
    const end = Math.min(queue.length, this.#head + BURST);
    while (this.#head < end) (queue[this.#head++] as Waiter<unknown>).settle();
    if (this.#head < queue.length) {
      hostImmediate(this.#drain);
      return;
    }
    this.#queue = [];
    this.#head = 0;
    this.#armed = false;
    this.#budget = BURST;
    if (this.#slice !== Infinity) this.#turnStart = hostNow();
  };
}

/** What runs in real time shares: there is one event loop. */
const hostTurns = new Turns(SLICE);

/** The budget for a run on a clock. */
export function turnsFor({ deterministic = false }: Pick<Clock, "deterministic">): Turns {
  return deterministic ? new Turns(Infinity) : hostTurns;
}
