/**
 * Fairness between promises and the event loop.
 *
 * In JavaScript, microtasks run before timers and I/O, so two tasks that keep waking each other would starve
 * every deadline, socket and Ctrl-C. So wake-ups have a budget: after `BURST` of them, or about a millisecond,
 * the following ones go through `setImmediate` (1-2 us; `setTimeout(0)` would take 2 ms), which lets a full turn
 * of the event loop pass. One budget serves the process, as there is one event loop.
 *
 * Whether a turn has passed on its own (a server waits for I/O anyway) is not known here, and asking costs more
 * than the needless `setImmediate` in every 256 wake-ups.
 */

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

let budget = BURST;
let turnStart = 0;
/** Wake-ups that wait for the next turn, in order. Written by `later()` and `drain()`. */
let queue: Waiter<unknown>[] = [];
let head = 0;
let armed = false;

/** Takes one wake-up from the budget; `false` if this one must wait for the next turn. */
export function spend(): boolean {
  if (budget <= 0) return false;
  if ((--budget & (CLOCK_EVERY - 1)) !== 0) return true;
  if (budget > 0 && hostNow() - turnStart < SLICE) return true;
  // Stays spent until the next turn, which every caller that gets `false` asks for through `later()`.
  budget = 0;
  return false;
}

/** Resumes the waiter in a later turn, behind those that wait already. */
export function later(waiter: Waiter<unknown>): void {
  queue.push(waiter);
  if (armed) return;
  armed = true;
  hostImmediate(drain);
}

function drain(): void {
  const end = Math.min(queue.length, head + BURST);
  while (head < end) (queue[head++] as Waiter<unknown>).settle();
  if (head < queue.length) {
    hostImmediate(drain);
    return;
  }
  queue = [];
  head = 0;
  armed = false;
  budget = BURST;
  turnStart = hostNow();
}

/** How many wake-ups wait for a later turn, over all runs. */
export function putOff(): number {
  return queue.length - head;
}
