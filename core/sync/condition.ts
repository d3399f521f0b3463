/** Waiting under a lock for another task to change what the lock protects. */

import { requireCount, show } from "../base/check.ts";
import { currentNode } from "../kernel/context.ts";
import type { Cancelled } from "../kernel/cancelled.ts";
import { refusedAfterTurn } from "../kernel/composed_wait.ts";
import { inspectable } from "../base/inspect.ts";
import { Lock, type LockStatistics, type ReleaseGuard } from "./lock.ts";
import { friends, type Guard, type LockCore, LockWaiter } from "./_lock.ts";
import type { StatusNode } from "../kernel/node.ts";
import { taskOf } from "../kernel/task.ts";
import { refuse } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/**
 * Numbers of a `Condition`, for debugging.
 *
 * @category Synchronisation
 */
export interface ConditionStatistics {
  /** How many tasks wait to be notified. */
  readonly tasksWaiting: number;
  /** The numbers of its lock. */
  readonly lockStatistics: LockStatistics;
}

/**
 * A condition variable: a lock, and a line of tasks that wait for something to become true under it.
 *
 * A notified task does not run at once: it moves to the end of the line for the lock. So call `wait()` in a loop that
 * checks whether what you wait for is true.
 *
 * **Order:** tasks are notified in the order in which they began to wait.
 *
 * @example A queue of work, with a limit to its length
 * ```ts
 * import { Condition, openNursery } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const items: number[] = [];
 * const changed = new Condition();
 * const taken = await openNursery(async (nursery) => {
 *   nursery.startSoon(async () => {
 *     using _guard = await changed.acquire();
 *     items.push(42);
 *     changed.notify();
 *   });
 *   using _guard = await changed.acquire();
 *   while (items.length === 0) await changed.wait();
 *   return items.pop();
 * });
 * assertEquals(taken, 42);
 * ```
 *
 * @category Synchronisation
 */
export class Condition {
  static {
    inspectable(this, "Condition", (condition) => ({ lock: condition.#lock, tasksWaiting: condition.#waiters.size }));
  }

  readonly #lock: Lock;
  readonly #core: LockCore;
  readonly #waiters = new WaitQueue<never>();

  /**
   * Makes a condition.
   *
   * @param lock The lock, which several conditions may share; by default a new one.
   * @throws {TypeError} If `lock` is not a `Lock`.
   */
  constructor(lock: Lock = new Lock({ name: "condition" })) {
    if (!(lock instanceof Lock)) {
      throw new TypeError(`Cannot make a Condition as "lock" must be a Lock: received ${show(lock)}`);
    }
    this.#lock = lock;
    this.#core = friends.coreOf(lock);
  }

  /**
   * Acquires the lock, waiting while another task holds it: `lock.acquire()`.
   *
   * **Cancellation:** throws `Cancelled`; the lock is not held.
   *
   * @returns A guard that releases it, by `using` or `release()`.
   * @throws {TypeError} If the calling task holds it already.
   */
  acquire(): Promise<ReleaseGuard> {
    return this.#lock.acquire();
  }

  /**
   * Acquires the lock without waiting.
   *
   * @returns A guard that releases it, or `undefined` if another task holds it.
   * @throws {TypeError} If the calling task holds it already.
   */
  tryAcquire(): ReleaseGuard | undefined {
    return this.#lock.tryAcquire();
  }

  /**
   * Releases the lock, waits until notified, and acquires it again. The guard of the caller stays valid.
   *
   * **Cancellation:** throws `Cancelled`, once the task holds the lock again. A notification that came before the
   * cancellation is passed on to the next waiting task, so none is lost.
   *
   * @returns A promise that resolves when the task was notified and holds the lock.
   * @throws {TypeError} If the calling task does not hold the lock.
   * @throws {BrokenResourceError} If the owner of the lock ended while holding it.
   */
  wait(): Promise<void> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    let guard: Guard;
    try {
      guard = this.#core.requireHeld(taskOf(node), "wait for a condition");
    } catch (error) {
      return refusedAfterTurn(node, error);
    }
    const waiter = new ConditionWaiter(node, guard, this.#core, this.#waiters);
    this.#waiters.add(waiter as never);
    this.#core.conditions.add(this.#waiters);
    this.#core.release(guard);
    return waiter.begun();
  }

  /**
   * Notifies tasks that wait, the longest-waiting first. They run when they get the lock.
   *
   * @param count The greatest number of tasks.
   * @throws {TypeError} If the calling task does not hold the lock.
   * @throws {RangeError} If `count` is not a whole number >= 0 or `Infinity`.
   */
  notify(count = 1): void {
    requireCount("notify", "count", count);
    this.#core.requireHeld(taskOf(currentNode()), "notify a condition");
    for (let i = 0; i < count && notifyFirst(this.#waiters); i++);
  }

  /**
   * Notifies all tasks that wait.
   *
   * @throws {TypeError} If the calling task does not hold the lock.
   */
  notifyAll(): void {
    this.notify(Infinity);
  }

  /** Returns a snapshot of the counters, for debugging. */
  statistics(): ConditionStatistics {
    return { tasksWaiting: this.#waiters.size, lockStatistics: this.#lock.statistics() };
  }
}

const WAITING: WaitReason = { kind: "condition" };

/**
 * A wait in two lines, one after the other: first that of the condition, then that of the lock. Cancelled in the first,
 * it moves to the second all the same; cancelled there, it stays, and gives its notification to the next.
 */
class ConditionWaiter extends LockWaiter<void> {
  cancelledBy: Cancelled | null = null;

  constructor(
    node: StatusNode,
    readonly guard: Guard,
    readonly lock: LockCore,
    readonly waiters: WaitQueue<never>,
  ) {
    super(node, WAITING, leave as never);
  }

  granted(): void {
    if (this.cancelledBy === null) this.wake();
    else this.fail(this.cancelledBy);
  }
}

function leave(cancelled: Cancelled, waiter: ConditionWaiter): boolean {
  waiter.cancelledBy = cancelled;
  if ((waiter.queue as unknown) === waiter.waiters) moveToLock(waiter);
  else notifyFirst(waiter.waiters);
  // It ends when it has the lock.
  return false;
}

function notifyFirst(waiters: WaitQueue<never>): boolean {
  const { first } = waiters;
  if (first !== null) moveToLock(first as unknown as ConditionWaiter);
  return first !== null;
}

function moveToLock(waiter: ConditionWaiter): void {
  const { waiters, lock } = waiter;
  waiters.remove(waiter as never);
  if (waiters.size === 0) lock.conditions.delete(waiters);
  lock.enqueue(waiter as never);
}
