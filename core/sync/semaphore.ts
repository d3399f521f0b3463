/** A counter that tasks take from and give back to. */

import { faultOf, requireCount, requireInteger, requireName } from "../base/check.ts";
import type { NamedOptions } from "../base/named.ts";
import { currentNode } from "../kernel/context.ts";
import { inspectable } from "../base/inspect.ts";
import type { ReleaseGuard } from "./lock.ts";
import type { StatusNode } from "../kernel/node.ts";
import { refuse, Waiter, yieldTurn } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/**
 * Options of `Semaphore`.
 *
 * @category Synchronisation
 */
export interface SemaphoreOptions extends NamedOptions {
  /**
   * The greatest value: releasing more is an error.
   *
   * @default {Infinity}
   */
  readonly max?: number;
}

/**
 * Numbers of a `Semaphore`, for debugging.
 *
 * @category Synchronisation
 */
export interface SemaphoreStatistics {
  /** How many tasks wait. */
  readonly tasksWaiting: number;
}

let leave: (semaphore: Semaphore, waiter: SemaphoreWaiter) => void;

/**
 * A counter that never falls below zero: `acquire()` takes from it, `release()` gives back.
 *
 * `acquire()` takes one, or several together, and waits while there are not enough.
 *
 * It has no owner: any task may release, also one that has acquired nothing. To limit how many tasks do something at
 * the same time, prefer `CapacityLimiter`: it notices mistakes.
 *
 * **Order:** strictly first come, first served: a small request does not overtake a large one, even if there is enough
 * for it alone. A release serves the longest-waiting tasks in the same call.
 *
 * **Cost:** a seventh of a microsecond to acquire and release, if the value is positive.
 *
 * @example Waiting for two signals
 * ```ts
 * import { openNursery, Semaphore } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const done = new Semaphore(0);
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(() => done.release());
 *   nursery.startSoon(() => done.release());
 *   await done.acquire();
 *   await done.acquire();
 *   assertEquals(done.value, 0);
 * });
 * ```
 *
 * @category Synchronisation
 */
export class Semaphore {
  static {
    leave = (semaphore, waiter) => {
      semaphore.#waiters.remove(waiter as never);
      // It may have been all that those behind it were waiting for.
      semaphore.#serve();
    };
    inspectable(this, "Semaphore", (semaphore) => ({
      name: semaphore.#name,
      value: semaphore.#value,
      max: semaphore.#max === Infinity ? undefined : semaphore.#max,
      ...semaphore.statistics(),
    }));
  }

  readonly #waiters = new WaitQueue<ReleaseGuard, SemaphoreWaiter>();
  readonly #name: string;
  readonly #one: WaitReason;
  readonly #max: number;
  #value: number;

  /**
   * Makes a semaphore.
   *
   * @param value The value to begin with.
   * @param options The greatest value, and a name.
   * @throws {RangeError} If `value` or `max` is not a whole number >= 0 or `Infinity`, or `value` is greater than
   * `max`.
   * @throws {TypeError} If one of them is not a number, or the name not a string.
   */
  constructor(value: number, options: SemaphoreOptions = {}) {
    this.#name = requireName("make a Semaphore", options);
    const { max = Infinity } = options;
    requireCount("make a Semaphore", "value", value);
    requireCount("make a Semaphore", "max", max);
    if (value > max) {
      throw new RangeError(`Cannot make a Semaphore as "value" must be <= "max" (${max}): received ${value}`);
    }
    this.#value = value;
    this.#max = max;
    this.#one = this.#reason(1);
  }

  /** How many can be acquired without waiting. */
  get value(): number {
    return this.#value;
  }

  /** The greatest value; `Infinity` if there is no limit. */
  get max(): number {
    return this.#max;
  }

  /**
   * Takes one, or several together, waiting while there are not enough.
   *
   * Several are taken at once or not at all: nothing is kept aside while waiting.
   *
   * **Cancellation:** throws `Cancelled`; nothing was taken, and the tasks behind move up.
   *
   * @param count How many to take together; at most the maximum.
   * @returns A guard that gives them back once, by `using` or `release()`. You may ignore it and call
   * `semaphore.release()` instead.
   * @throws {RangeError} If `count` is not a whole number from 1 to the maximum: more are never available.
   */
  acquire(count = 1): Promise<ReleaseGuard> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    if (count !== 1) {
      const fault = faultOf(() => this.#requireCount("acquire", count));
      if (fault !== null) return Promise.reject(fault);
    }
    if (this.#takes(count)) return yieldTurn<ReleaseGuard>(node, new Permit(this, count));
    const waiter = new SemaphoreWaiter(node, count === 1 ? this.#one : this.#reason(count), this, count);
    this.#waiters.add(waiter);
    return waiter.begun();
  }

  /**
   * Takes one, or several together, without waiting.
   *
   * @param count How many to take together; at most the maximum.
   * @returns A guard that gives them back once, or `undefined` if there are not enough, or other tasks wait.
   * @throws {RangeError} If `count` is not a whole number from 1 to the maximum.
   */
  tryAcquire(count = 1): ReleaseGuard | undefined {
    if (count !== 1) this.#requireCount("acquire", count);
    return this.#takes(count) ? new Permit(this, count) : undefined;
  }

  /**
   * Gives one, or several: first to the longest-waiting tasks, the rest to the value.
   *
   * @param count How many to give.
   * @throws {RangeError} If the value would be greater than its maximum, or `count` is not a whole number >= 1; nothing
   * was given then.
   */
  release(count = 1): void {
    if (count !== 1) this.#requireCount("release", count);
    if (this.#value + count > this.#max) this.#requireRoom(count);
    this.#value += count;
    this.#serve();
  }

  /** Returns a snapshot of the counters, for debugging. */
  statistics(): SemaphoreStatistics {
    return { tasksWaiting: this.#waiters.size };
  }

  #requireCount(action: string, count: number): void {
    requireInteger(action, "count", count, 1, Math.min(this.#max, Number.MAX_SAFE_INTEGER));
  }

  /** Takes so many, if they are there and nobody has waited longer. */
  #takes(count: number): boolean {
    if (this.#value < count || this.#waiters.size > 0) return false;
    this.#value -= count;
    return true;
  }

  /** Requires that what is given finds takers, as far as the value has no room for it. */
  #requireRoom(count: number): void {
    let left = this.#value + count;
    for (let waiter = this.#waiters.first; waiter !== null; waiter = waiter.after as SemaphoreWaiter | null) {
      if (waiter.count > left) break;
      left -= waiter.count;
    }
    if (left <= this.#max) return;
    throw new RangeError(
      `Cannot release the semaphore as its value must be <= ${this.#max}: it is ${
        this.#value === this.#max ? "that already" : `${this.#value}, and ${count} more would make it ${left}`
      }`,
    );
  }

  #serve(): void {
    for (let first = this.#waiters.first; first !== null && first.count <= this.#value; first = this.#waiters.first) {
      this.#value -= first.count;
      first.wake(new Permit(this, first.count));
    }
  }

  #reason(count: number): WaitReason {
    const name = this.#name === "" ? "" : `"${this.#name}"`;
    if (count === 1) return { kind: "acquire semaphore", label: name, resource: this };
    const label = () => `${name} (${count} together, ${this.#value} are there)`.trim();
    return { kind: "acquire semaphore", label, resource: this };
  }
}

class SemaphoreWaiter extends Waiter<ReleaseGuard> {
  constructor(node: StatusNode, reason: WaitReason, readonly semaphore: Semaphore, readonly count: number) {
    super(node, reason, moveUp);
  }
}

const moveUp = (_cancelled: unknown, waiter: Waiter<unknown>): boolean => {
  const { semaphore } = waiter as SemaphoreWaiter;
  leave(semaphore, waiter as SemaphoreWaiter);
  return true;
};

/** What was taken. */
class Permit implements ReleaseGuard {
  #semaphore: Semaphore | null;
  readonly #count: number;

  constructor(semaphore: Semaphore, count: number) {
    this.#semaphore = semaphore;
    this.#count = count;
  }

  release(): void {
    const semaphore = this.#semaphore;
    this.#semaphore = null;
    semaphore?.release(this.#count);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
