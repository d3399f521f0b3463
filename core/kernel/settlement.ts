/**
 * Waiting for promises of others: one reaction for each promise, however many wait for it, and whenever.
 *
 * A promise never forgets a reaction. Waits for one that lives long (`closed`, a shutdown), each given up after a
 * while, would pile up on it for as long as it is pending, as they do with `Promise.race()`. So the reaction belongs to
 * the promise, and the waits stand in a queue, which they leave.
 */

import { ignore } from "../base/quiet.ts";
import type { StatusNode } from "./node.ts";
import { Waiter } from "./waiter.ts";
import { WaitQueue } from "./wait_queue.ts";
import type { WaitReason } from "./wait_reason.ts";

const { then } = Promise.prototype;

/** See the header. */
export class Settlement<T> {
  state: "pending" | "fulfilled" | "rejected" = "pending";
  /** The value, or the error. */
  result: unknown = undefined;
  readonly #waiters = new WaitQueue<T>();
  /** Told of the value, if there is one, as they do not wait any more. Written by `tellOfValue()`. */
  #late: ((value: unknown) => void)[] | null = null;
  readonly #over: () => void;

  /** Whoever makes one has handled the rejection of the promise. */
  constructor(promise: Promise<T>, over: () => void = ignore) {
    this.#over = over;
    // Not the method: it may be anything.
    then.call(promise, (value) => this.#settle("fulfilled", value), (error) => this.#settle("rejected", error));
  }

  /** Waits until it is settled, which it must not be yet. */
  wait(node: StatusNode, reason: WaitReason): Promise<T> {
    return this.#join(new ForeignWaiter<T>(node, reason));
  }

  /** The same, where it is known who settles it: it counts as a wait of its task. */
  waitKnown(node: StatusNode, reason: WaitReason): Promise<T> {
    return this.#join(new Waiter<T>(node, reason, null));
  }

  #join(waiter: Waiter<T>): Promise<T> {
    this.#waiters.add(waiter);
    return waiter.begun();
  }

  /** Calls a function with the value once there is one; the promise must not be settled yet. */
  tellOfValue(callback: (value: T) => void): void {
    (this.#late ??= []).push(callback as (value: unknown) => void);
  }

  #settle(state: "fulfilled" | "rejected", result: unknown): void {
    this.state = state;
    this.result = result;
    this.#over();
    if (state === "fulfilled") this.#waiters.wakeAll(result as T);
    else this.#waiters.failAll(result);
    const late = this.#late ?? [];
    this.#late = null;
    if (state === "fulfilled") { for (const callback of late) callback(result); }
  }
}

const settlements = new WeakMap<object, Settlement<unknown>>();

/** The settlement of a promise, or of anything with a `then`, that may be waited for again and again. */
export function settlementOf<T>(promise: PromiseLike<T>): Settlement<T> {
  let settlement = settlements.get(promise) as Settlement<T> | undefined;
  if (settlement === undefined) {
    // What is settled is asked anew each time: a query of a database may run at each `then`.
    settlement = new Settlement(promiseOf(() => promise), () => settlements.delete(promise));
    settlements.set(promise, settlement);
  }
  return settlement;
}

/** What a function of somebody else gives, as a native promise, whether it throws, returns or returns a promise. */
export function promiseOf<T>(fn: () => T | PromiseLike<T>): Promise<T> {
  try {
    return Promise.resolve(fn());
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * A wait that does not count as one of its task: nobody in the run can say when it ends. So neither time nor the search
 * for deadlocks may conclude anything from it, just as if the task awaited the promise itself.
 */
export class ForeignWaiter<T> extends Waiter<T> {
  constructor(node: StatusNode, reason: WaitReason) {
    super(node, reason, null);
    node.task.waitEnded();
  }

  override wake(value: T): boolean {
    // Ended a second time by the grant.
    if (this.pending) this.node.task.waitBegan();
    return super.wake(value);
  }

  override fail(error: unknown): boolean {
    if (this.pending) this.node.task.waitBegan();
    return super.fail(error);
  }
}
