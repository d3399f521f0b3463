/** Those who wait until a run has nothing left to do. */

import type { Waker } from "../../core/lowlevel.ts";

/** The waits of one run, by their cushions. */
export class IdleWaiters {
  readonly #waits = new Map<Waker<void>, number>();

  /** How many wait. */
  get size(): number {
    return this.#waits.size;
  }

  /** The smallest cushion, whose waits come first; `Infinity` if nobody waits. */
  get cushion(): number {
    return this.#waits.size === 0 ? Infinity : Math.min(...this.#waits.values());
  }

  add(waker: Waker<void>, cushion: number): void {
    this.#waits.set(waker, cushion);
  }

  delete(waker: Waker<void>): void {
    this.#waits.delete(waker);
  }

  /** Wakes those with the smallest cushion. The others go on: what these do now may keep the run busy. */
  wakeFirst(): void {
    const { cushion } = this;
    for (const [waker, mine] of [...this.#waits]) {
      if (mine !== cushion) continue;
      this.#waits.delete(waker);
      waker.wake();
    }
  }
}
