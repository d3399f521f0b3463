/**
 * The answers that the host has not sent yet, of those that take a while and have no task of their own to wait in: for a
 * drain, which must not cut them.
 */

import { Event } from "../../core/mod.ts";

/** See the header. */
export class Unsent {
  #count = 0;
  /** Set when there is none any more. Made by `over()`. */
  #none: Event | null = null;

  /** An answer is given to the host, which is done with it when `completed` settles. */
  begin(completed: Promise<void>): void {
    this.#count++;
    const end = (): void => {
      this.#count--;
      if (this.#count === 0) this.#none?.set();
    };
    completed.then(end, end);
  }

  /** Waits until there is none; called once, when no more come. */
  async over(): Promise<void> {
    if (this.#count === 0) return;
    await (this.#none = new Event()).wait();
  }
}
