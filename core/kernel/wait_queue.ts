/**
 * A strict first-in first-out queue of waits, the base of every primitive that hands something over.
 *
 * Waiters are the links themselves, so a cancelled one leaves in constant time wherever it stands.
 */

import { currentNode } from "./context.ts";
import { type Queue, type Queued, refuse, Waiter } from "./waiter.ts";
import type { WaitReason } from "./wait_reason.ts";

/** See the header. */
export class WaitQueue<T, W extends Queued<T> = Waiter<T>> implements Queue {
  #first: W | null = null;
  #last: W | null = null;
  #size = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** The longest-waiting one. */
  get first(): W | null {
    return this.#first;
  }

  /** Waits at the end of the queue, until woken or cancelled; refuses in a cancelled scope. */
  park(this: WaitQueue<T>, reason: WaitReason): Promise<T> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const waiter = new Waiter<T>(node, reason, null);
    this.add(waiter);
    return waiter.begun();
  }

  /** Puts one at the end. */
  add(entry: W): void {
    const last = this.#last;
    entry.queue = this;
    entry.before = last;
    if (last === null) this.#first = entry;
    else last.after = entry;
    this.#last = entry;
    this.#size++;
  }

  /** Takes one out, wherever it stands. Called by itself when its wait is over. */
  remove(entry: Queued<never>): void {
    const { before, after } = entry as Queued<unknown> as { before: W | null; after: W | null };
    if (before === null) this.#first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    entry.queue = entry.before = entry.after = null;
    this.#size--;
  }

  /** Grants the longest-waiting one; returns whether there was one. */
  wakeFirst(value: T): boolean {
    return this.#first !== null && this.#first.wake(value);
  }

  /** Grants all that wait now, in order. Those that join meanwhile, from a schedule of the user's, stay. */
  wakeAll(value: T): void {
    for (let left = this.#size; left > 0 && this.#first !== null; left--) this.#first.wake(value);
  }

  /** Ends all that wait now with an error, in order. */
  failAll(error: unknown): void {
    for (let left = this.#size; left > 0 && this.#first !== null; left--) this.#first.fail(error);
  }
}
