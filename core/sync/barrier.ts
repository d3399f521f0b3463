/** A meeting point. */

import { requireInteger, requireName } from "../base/check.ts";
import type { NamedOptions } from "../base/named.ts";
import { currentNode } from "../kernel/context.ts";
import { inspectable } from "../base/inspect.ts";
import { refuse, Waiter, yieldTurn } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/**
 * Numbers of a `Barrier`, for debugging.
 *
 * @category Synchronisation
 */
export interface BarrierStatistics {
  /** How many tasks have arrived and wait for the others. */
  readonly tasksWaiting: number;
}

/**
 * A meeting point: tasks wait in it until a fixed number of them have arrived, then all go on.
 *
 * It can be used again at once, for the next round. A task that is cancelled while it waits has not arrived: the others
 * go on waiting for another task in its place.
 *
 * **Order:** tasks go on in the order in which they arrived.
 *
 * @example Two workers that begin together
 * ```ts
 * import { Barrier, openNursery } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const ready = new Barrier(2);
 * const arrivals: number[] = [];
 * await openNursery((nursery) => {
 *   for (let i = 0; i < 2; i++) nursery.startSoon(async () => void arrivals.push(await ready.wait()));
 * });
 * assertEquals(arrivals.sort(), [0, 1]);
 * ```
 *
 * @category Synchronisation
 */
export class Barrier {
  static {
    inspectable(
      this,
      "Barrier",
      (barrier) => ({ name: barrier.#name, parties: barrier.#parties, ...barrier.statistics() }),
    );
  }

  readonly #name: string;
  readonly #parties: number;
  readonly #waiters = new WaitQueue<number>();
  readonly #reason: WaitReason;

  /**
   * Makes a barrier.
   *
   * @param parties How many tasks meet.
   * @param options A name.
   * @throws {RangeError} If `parties` is not a whole number from 1 to 2 ** 31.
   * @throws {TypeError} If the name is not a string.
   */
  constructor(parties: number, options: NamedOptions = {}) {
    requireInteger("make a Barrier", "parties", parties, 1, 2 ** 31);
    const name = requireName("make a Barrier", options);
    this.#name = name;
    this.#parties = parties;
    this.#reason = {
      kind: "barrier",
      label: () => `${name === "" ? "" : `"${name}" `}(${this.#waiters.size}/${parties} have arrived)`,
      resource: this,
    };
  }

  /** How many tasks meet. */
  get parties(): number {
    return this.#parties;
  }

  /**
   * Arrives, and waits for the others.
   *
   * **Cancellation:** throws `Cancelled`; the task has not arrived.
   *
   * @returns The place in the order of arrival, from 0; exactly one task of each round gets `parties - 1`.
   */
  wait(): Promise<number> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    if (this.#waiters.size + 1 < this.#parties) {
      const waiter = new Waiter<number>(node, this.#reason, null);
      this.#waiters.add(waiter);
      return waiter.begun();
    }
    // Counted first: a schedule of the user's may let others arrive meanwhile, for the next round.
    const others = this.#parties - 1;
    for (let place = 0; place < others; place++) this.#waiters.wakeFirst(place);
    return yieldTurn(node, others);
  }

  /** Returns a snapshot of the counters, for debugging. */
  statistics(): BarrierStatistics {
    return { tasksWaiting: this.#waiters.size };
  }
}
