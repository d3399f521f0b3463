/** The line of waiting tasks that other primitives are made of. */

import { requireCount } from "../_check.ts";
import { currentNode } from "../_context.ts";
import { refusedAfterTurn } from "../_composed_wait.ts";
import { BrokenResourceError } from "../errors.ts";
import { currentTask, type Task } from "../task.ts";
import { describe } from "../_task.ts";
import type { WaitReason } from "../_waiter.ts";
import { WaitQueue } from "../_wait_queue.ts";

/** How a `ParkingLot` is made. */
export interface ParkingLotOptions {
  /** A name for reports. */
  readonly name?: string;
}

/** Numbers of a `ParkingLot`, for debugging. */
export interface ParkingLotStatistics {
  /** How many tasks are parked. */
  readonly tasksWaiting: number;
}

/**
 * A line of waiting tasks, to build primitives from (low level).
 *
 * The primitive keeps the state; the lot keeps the line. As everything between two waits happens without interruption,
 * "look at the state, then park" needs no lock.
 *
 * **Order:** strictly first in, first out. A cancelled task leaves the line it stands in, also after `repark()`.
 *
 * @example A gate that opens and closes
 * ```ts
 * import { openNursery, ParkingLot } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * class Gate {
 *   #open = false;
 *   readonly #lot = new ParkingLot({ name: "gate" });
 *   open(): void {
 *     this.#open = true;
 *     this.#lot.unparkAll();
 *   }
 *   close(): void {
 *     this.#open = false;
 *   }
 *   async pass(): Promise<void> {
 *     while (!this.#open) await this.#lot.park();
 *   }
 * }
 * const gate = new Gate();
 * const order: string[] = [];
 * await openNursery((nursery) => {
 *   nursery.startSoon(async () => {
 *     await gate.pass();
 *     order.push("passed");
 *   });
 *   nursery.startSoon(() => {
 *     order.push("open");
 *     gate.open();
 *   });
 * });
 * assertEquals(order, ["open", "passed"]);
 * ```
 */
export class ParkingLot {
  #line = new WaitQueue<void>();
  readonly #reason: WaitReason;
  readonly #brokenBy: Task[] = [];

  /**
   * Makes an empty lot.
   *
   * @param options A name.
   */
  constructor({ name = "" }: ParkingLotOptions = {}) {
    this.#reason = { kind: "parked", label: name === "" ? "" : `in "${name}"` };
  }

  /** How many tasks are parked. */
  get size(): number {
    return this.#line.size;
  }

  /** The tasks that broke it. */
  get brokenBy(): readonly Task[] {
    return this.#brokenBy;
  }

  /**
   * Waits until unparked.
   *
   * **Cancellation:** throws `Cancelled`; the place in the line is given up.
   *
   * @returns A promise that resolves when the task was unparked.
   * @throws {BrokenResourceError} If the lot was broken, before or meanwhile.
   */
  park(): Promise<void> {
    const node = currentNode();
    if (this.#brokenBy.length > 0 && node.cancelled === null) return refusedAfterTurn(node, this.#broken());
    return this.#line.park(this.#reason);
  }

  /**
   * Wakes parked tasks, the longest-parked first.
   *
   * @param count How many at most.
   * @returns Those that were woken.
   * @throws {RangeError} If `count` is not a whole number >= 0 or `Infinity`.
   */
  unpark(count = 1): Task[] {
    requireCount("unpark tasks", "count", count);
    const woken: Task[] = [];
    for (let first = this.#line.first; first !== null && woken.length < count; first = this.#line.first) {
      woken.push(first.node.task);
      first.wake();
    }
    return woken;
  }

  /** Wakes all parked tasks, and returns them. */
  unparkAll(): Task[] {
    return this.unpark(Infinity);
  }

  /**
   * Moves parked tasks to the end of another line, without waking them.
   *
   * @param lot Where to.
   * @param count How many at most, the longest-parked first.
   * @throws {TypeError} If `lot` is not a `ParkingLot`.
   * @throws {RangeError} If `count` is not a whole number >= 0 or `Infinity`.
   * @throws {BrokenResourceError} If the other lot was broken.
   */
  repark(lot: ParkingLot, count = 1): void {
    requireCount("repark tasks", "count", count);
    if (!(lot instanceof ParkingLot)) {
      throw new TypeError(`Cannot repark tasks as "lot" must be a ParkingLot: received ${typeof lot}`);
    }
    if (lot.#brokenBy.length > 0) throw lot.#broken();
    // The line itself may be the target: those who move are counted first.
    for (let left = Math.min(count, this.#line.size); left > 0; left--) {
      const first = this.#line.first;
      if (first === null) return;
      this.#line.remove(first);
      lot.#line.add(first);
    }
  }

  /**
   * Moves all parked tasks to the end of another line.
   *
   * @param lot Where to.
   * @throws {TypeError} If `lot` is not a `ParkingLot`.
   */
  reparkAll(lot: ParkingLot): void {
    this.repark(lot, Infinity);
  }

  /**
   * Breaks the lot for good: parked tasks, and all who park later, get an error that names the breaker.
   *
   * @param task Who is to blame; by default the calling task.
   */
  breakLot(task: Task = currentTask()): void {
    this.#brokenBy.push(task);
    this.#line.failAll(this.#broken());
  }

  /** Counts the waits. */
  statistics(): ParkingLotStatistics {
    return { tasksWaiting: this.#line.size };
  }

  #broken(): BrokenResourceError {
    return new BrokenResourceError(
      `Cannot park as the lot was broken for good: by task ${this.#brokenBy.map(describe).join(", ")}`,
    );
  }
}
