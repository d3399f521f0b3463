/** The line of waiting tasks that other primitives are made of. */

import { requireCount, requireName, show } from "../base/check.ts";
import type { NamedOptions } from "../base/named.ts";
import { currentNode } from "../kernel/context.ts";
import { refusedAfterTurn } from "../kernel/composed_wait.ts";
import { BrokenResourceError } from "../errors/errors.ts";
import { inspectable } from "../base/inspect.ts";
import { taskText } from "../base/task_text.ts";
import { currentTask } from "../tasks/current.ts";
import type { Task } from "../tasks/task.ts";
import { type Holding, TaskImpl, taskOf } from "../kernel/task.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/**
 * Numbers of a `ParkingLot`, for debugging.
 *
 * @category Low level
 */
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
 * If the parked tasks depend on one task, such as the owner of a lock, name it with `addBreaker()`: if it ends, they
 * get an error instead of waiting for ever.
 *
 * **Order:** strictly first in, first out. A cancelled task leaves the line it stands in, also after `repark()`.
 *
 * @example A gate that opens and closes
 * ```ts
 * import { openNursery } from "@trefoil/io";
 * import { ParkingLot } from "@trefoil/io/lowlevel";
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
 *
 * @category Low level
 */
export class ParkingLot {
  static {
    inspectable(this, "ParkingLot", (lot) => ({
      name: lot.#name,
      tasksWaiting: lot.#waiters.size,
      breakers: [...lot.#breakers.keys()].map(taskText).join(", "),
      brokenBy: lot.#brokenBy.map(taskText).join(", "),
    }));
  }

  readonly #waiters = new WaitQueue<void>();
  readonly #name: string;
  readonly #reason: WaitReason;
  readonly #brokenBy: Task[] = [];
  /** The tasks whose end breaks it. */
  readonly #breakers = new Map<TaskImpl<unknown>, Breaker>();

  /**
   * Makes an empty lot.
   *
   * @param options A name.
   * @throws {TypeError} If the name is not a string.
   */
  constructor(options: NamedOptions = {}) {
    const name = requireName("make a ParkingLot", options);
    this.#name = name;
    this.#reason = {
      kind: "parked",
      label: name === "" ? "" : `in "${name}"`,
      resource: this,
      // With several, each could end the wait.
      holder: () => {
        const [breaker] = this.#breakers.size === 1 ? this.#breakers.keys() : [];
        return breaker ?? null;
      },
    };
  }

  /** How many tasks are parked. */
  get size(): number {
    return this.#waiters.size;
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
    return this.#waiters.park(this.#reason);
  }

  /**
   * Wakes parked tasks, the longest-parked first.
   *
   * @param count The greatest number of tasks.
   * @returns The tasks that were woken.
   * @throws {RangeError} If `count` is not a whole number >= 0 or `Infinity`.
   */
  unpark(count = 1): Task[] {
    requireCount("unpark tasks", "count", count);
    const woken: Task[] = [];
    // Counted first: a schedule of the user's may let others park meanwhile.
    const most = Math.min(count, this.#waiters.size);
    for (let first = this.#waiters.first; first !== null && woken.length < most; first = this.#waiters.first) {
      woken.push(taskOf(first.node));
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
   * @param lot The other lot.
   * @param count The greatest number of tasks, the longest-parked first.
   * @throws {TypeError} If `lot` is not a `ParkingLot`.
   * @throws {RangeError} If `count` is not a whole number >= 0 or `Infinity`.
   * @throws {BrokenResourceError} If the other lot was broken.
   */
  repark(lot: ParkingLot, count = 1): void {
    requireCount("repark tasks", "count", count);
    if (!(lot instanceof ParkingLot)) {
      throw new TypeError(`Cannot repark tasks as "lot" must be a ParkingLot: received ${show(lot)}`);
    }
    if (lot.#brokenBy.length > 0) throw lot.#broken();
    // The line itself may be the target: those who move are counted first.
    for (let left = Math.min(count, this.#waiters.size); left > 0; left--) {
      const first = this.#waiters.first;
      if (first === null) return;
      this.#waiters.remove(first);
      lot.#waiters.add(first);
    }
  }

  /**
   * Moves all parked tasks to the end of another line.
   *
   * @param lot The other lot.
   * @throws {TypeError} If `lot` is not a `ParkingLot`.
   */
  reparkAll(lot: ParkingLot): void {
    this.repark(lot, Infinity);
  }

  /**
   * Breaks the lot for good: parked tasks, and tasks that park later, get an error that names the breaker.
   *
   * @param task The breaker; by default the calling task. It is added to `brokenBy`.
   * @throws {TypeError} If `task` is not a task.
   */
  breakLot(task: Task = currentTask()): void {
    requireTask("break the lot", task);
    this.#brokenBy.push(task);
    this.#waiters.failAll(this.#broken());
  }

  /**
   * Makes the end of a task break the lot, until `removeBreaker()`.
   *
   * Use it for the task that the parked tasks depend on. A task that was added twice has to be removed twice. Its end
   * breaks the lot once.
   *
   * @example Waiting for the task whose turn it is
   * ```ts
   * import { BrokenResourceError, openNursery, sleep } from "@trefoil/io";
   * import { ParkingLot } from "@trefoil/io/lowlevel";
   * import { assertRejects } from "@std/assert";
   *
   * const turn = new ParkingLot({ name: "turn" });
   * await openNursery((nursery) => {
   *   nursery.startSoon(async () => {
   *     turn.addBreaker();
   *     await sleep(5); // and ends without passing the turn on
   *   }, { name: "first" });
   *   nursery.startSoon(() => assertRejects(() => turn.park(), BrokenResourceError, 'by task "first"'));
   * });
   * ```
   *
   * @param task The task; by default the calling one.
   * @throws {TypeError} If `task` is not a task.
   * @throws {BrokenResourceError} If it has ended already.
   */
  addBreaker(task: Task = currentTask()): void {
    requireTask("add a breaker", task);
    if (task.state !== "running") {
      throw new BrokenResourceError(
        `Cannot add a breaker as the task must be running: ${taskText(task)} has ended`,
      );
    }
    const breaker = this.#breakers.get(task);
    if (breaker !== undefined) return void breaker.count++;
    const added = new Breaker(() => {
      this.#breakers.delete(task);
      this.breakLot(task);
    });
    this.#breakers.set(task, added);
    task.hold(added);
  }

  /**
   * Undoes one `addBreaker()`.
   *
   * @param task The task; by default the calling one.
   * @throws {TypeError} If `task` is not a task, or was not added.
   */
  removeBreaker(task: Task = currentTask()): void {
    requireTask("remove a breaker", task);
    const breaker = this.#breakers.get(task);
    if (breaker === undefined) {
      throw new TypeError(
        `Cannot remove a breaker as the task must have been added: ${taskText(task)} is not there`,
      );
    }
    if (--breaker.count > 0) return;
    this.#breakers.delete(task);
    task.letGo(breaker);
  }

  /** Returns a snapshot of the counters, for debugging. */
  statistics(): ParkingLotStatistics {
    return { tasksWaiting: this.#waiters.size };
  }

  #broken(): BrokenResourceError {
    return new BrokenResourceError(
      `Cannot park as the lot was broken for good: by ${this.#brokenBy.map(taskText).join(", ")}`,
    );
  }
}

/** What a task holds that is the breaker of a lot. */
class Breaker implements Holding {
  /** Neighbours in the list of what the task holds; written by `hold()` and `letGo()` of the task. */
  nextHeld: Holding | null = null;
  previousHeld: Holding | null = null;
  /** How often it was added. Written by the lot. */
  count = 1;

  constructor(readonly ownerEnded: () => void) {}
}

function requireTask(action: string, task: Task): asserts task is TaskImpl<unknown> {
  if (!(task instanceof TaskImpl)) {
    throw new TypeError(`Cannot ${action} as "task" must be a task: received ${show(task)}`);
  }
}
