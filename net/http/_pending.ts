/**
 * What a drain waits for: requests that are not over, and answers that the host has not sent yet, of those that take a
 * while and have no task of their own to wait in.
 */

import { Event } from "../../core/mod.ts";

/** See the header. */
export class Pending {
  #count = 0;
  /** Set when there is none any more. Made by `over()`. */
  #none: Event | null = null;

  begin(): void {
    this.#count++;
  }

  end(): void {
    this.#count--;
    if (this.#count === 0) this.#none?.set();
  }

  /** Waits until there is none; called once, when no more come. */
  async over(): Promise<void> {
    if (this.#count === 0) return;
    await (this.#none = new Event()).wait();
  }
}
