/** What is to happen later, in the order of time. One task waits for all of it, so that nothing outlives the server. */

import { currentTime, moveOnAt } from "@trefoil/io";
import { ParkingLot } from "@trefoil/io/lowlevel";

interface Alarm {
  readonly at: number;
  readonly ring: () => void;
  /** It was called off. It stays in the heap until its time has come, as looking for it would cost more. */
  off: boolean;
}

/** Moments at which functions are called: a heap, the next one first. */
export class Alarms {
  readonly #heap: Alarm[] = [];
  readonly #changed = new ParkingLot({ name: "alarms" });

  /** Calls a function after so many milliseconds. Returns a function that calls it off. */
  after(ms: number, ring: () => void): () => void {
    const alarm: Alarm = { at: currentTime() + ms, ring, off: false };
    this.#push(alarm);
    if (this.#heap[0] === alarm) this.#changed.unparkAll();
    return () => {
      alarm.off = true;
    };
  }

  /** Rings until cancelled. */
  async run(): Promise<never> {
    while (true) {
      await moveOnAt(this.#heap[0]?.at ?? Infinity, () => this.#changed.park());
      for (let next = this.#heap[0]; next !== undefined && next.at <= currentTime(); next = this.#heap[0]) {
        this.#pop();
        if (!next.off) next.ring();
      }
    }
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap;
    let i = heap.push(alarm) - 1;
    for (let up = (i - 1) >> 1; i > 0 && heap[up]!.at > heap[i]!.at; i = up, up = (i - 1) >> 1) {
      [heap[i], heap[up]] = [heap[up]!, heap[i]!];
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let i = 0;;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && heap[child]!.at < heap[least]!.at) least = child;
      }
      if (least === i) return;
      [heap[i], heap[least]] = [heap[least]!, heap[i]!];
      i = least;
    }
  }
}
