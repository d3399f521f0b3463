/**
 * A strict first-in first-out queue of waiters, the base of every primitive that hands something over.
 *
 * Waiters are the links themselves, so a cancelled one leaves in constant time wherever it stands.
 */

import { currentNode } from "./_context.ts";
import { refuse, Waiter, type WaitReason } from "./_waiter.ts";

/** See the header. */
export class WaitQueue<T> {
  #first: Waiter<T> | null = null;
  #last: Waiter<T> | null = null;
  #size = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** The longest-waiting one. */
  get first(): Waiter<T> | null {
    return this.#first;
  }

  /** Waits at the end of the queue, until woken or cancelled; refuses in a cancelled scope. */
  park(reason: WaitReason): Promise<T> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const waiter = new Waiter<T>(node, reason, null);
    this.add(waiter);
    return waiter.promise;
  }

  /** Puts a waiter at the end. */
  add(waiter: Waiter<T>): void {
    const last = this.#last;
    waiter.queue = this;
    waiter.before = last;
    if (last === null) this.#first = waiter;
    else last.after = waiter;
    this.#last = waiter;
    this.#size++;
  }

  /** Takes a waiter out, wherever it stands. Called by the waiter itself when its wait is over. */
  remove(waiter: Waiter<T>): void {
    const { before, after } = waiter;
    if (before === null) this.#first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    waiter.queue = waiter.before = waiter.after = null;
    this.#size--;
  }

  /** Grants the longest-waiting one; returns whether there was one. */
  wakeFirst(value: T): boolean {
    return this.#first !== null && this.#first.wake(value);
  }

  /** Grants all, in order. Waits that begin meanwhile are not among them: a waker cannot run tasks. */
  wakeAll(value: T): void {
    while (this.#first !== null) this.#first.wake(value);
  }

  /** Ends all with an error, in order. */
  failAll(error: unknown): void {
    while (this.#first !== null) this.#first.fail(error);
  }
}
