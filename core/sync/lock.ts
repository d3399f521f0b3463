/** Mutual exclusion between tasks. The mechanism is in `_lock.ts`. */

import { requireName } from "../base/check.ts";
import type { NamedOptions } from "../base/named.ts";
import { currentNode } from "../kernel/context.ts";
import { refusedAfterTurn } from "../kernel/composed_wait.ts";
import { inspectable } from "../base/inspect.ts";
import { findsResource } from "../base/resource_of.ts";
import { taskText } from "../base/task_text.ts";
import { friends, type Guard, LockCore } from "./_lock.ts";
import { taskOf } from "../kernel/task.ts";
import type { Task } from "../tasks/task.ts";
import { refuse, yieldTurn } from "../kernel/waiter.ts";

/**
 * A guard that gives back what was acquired, once: best by `using`.
 *
 * @category Synchronisation
 */
export interface ReleaseGuard extends Disposable {
  /** Gives it back. Harmless when repeated. */
  release(): void;
}

/**
 * Numbers of a `Lock`, for debugging.
 *
 * @category Synchronisation
 */
export interface LockStatistics {
  /** Whether a task holds it. */
  readonly locked: boolean;
  /** The task that holds it. */
  readonly owner: Task | null;
  /** How many tasks wait for it. */
  readonly tasksWaiting: number;
}

/**
 * A lock: one task at a time.
 *
 * It belongs to the task that acquired it. A task that asks for it twice gets an error at once, as it would wait for
 * itself. If the owner ends without releasing it, the lock is broken for good: tasks that wait for it, and all later
 * ones, get an error that names the owner.
 *
 * **Order:** strictly first come, first served. A release hands the lock to the longest-waiting task in the same call.
 *
 * **Cost:** a sixth of a microsecond to acquire and release, if it is free.
 *
 * @example Read, wait, write, with nobody in between
 * ```ts
 * import { Lock, openNursery, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const lock = new Lock({ name: "balance" });
 * let balance = 100;
 * async function withdraw(amount: number): Promise<void> {
 *   using _guard = await lock.acquire();
 *   const before = balance;
 *   await sleep(1);
 *   balance = before - amount;
 * }
 * await openNursery((nursery) => {
 *   nursery.startSoon(() => withdraw(10));
 *   nursery.startSoon(() => withdraw(20));
 * });
 * assertEquals(balance, 70);
 * ```
 *
 * @category Synchronisation
 */
export class Lock {
  static {
    friends.coreOf = (lock) => (lock as Lock).#core;
    findsResource((thing) => #core in thing ? thing.#core : undefined);
    inspectable(this, "Lock", (lock) => {
      const { guard, waiters, broken } = lock.#core;
      return {
        name: lock.#name,
        locked: guard !== null,
        owner: guard === null ? undefined : taskText(guard.owner),
        tasksWaiting: waiters.size,
        broken: broken === null ? undefined : true,
      };
    });
  }

  readonly #name: string;
  readonly #core: LockCore;

  /**
   * Makes a lock that is free.
   *
   * @param options A name.
   * @throws {TypeError} If the name is not a string.
   */
  constructor(options: NamedOptions = {}) {
    this.#name = requireName("make a Lock", options);
    this.#core = new LockCore(this.#name);
  }

  /** Whether a task holds it. */
  get locked(): boolean {
    return this.#core.guard !== null;
  }

  /**
   * Acquires the lock, waiting while another task holds it.
   *
   * **Cancellation:** throws `Cancelled`; the lock is not held, and the place in the line is given up.
   *
   * @returns A guard that releases it, by `using` or `release()`.
   * @throws {TypeError} If the calling task already holds it or waits for it.
   * @throws {BrokenResourceError} If its owner ended while holding it, before or meanwhile.
   */
  acquire(): Promise<ReleaseGuard> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const core = this.#core;
    const task = taskOf(node);
    const fault = core.fault(task);
    if (fault !== null) return refusedAfterTurn(node, fault);
    const guard = core.take(task);
    return guard === null ? core.acquire(node) : yieldTurn<Guard>(node, guard);
  }

  /**
   * Acquires the lock without waiting.
   *
   * @example Doing something else if the lock is held
   * ```ts
   * import { Lock, openNursery, sleep } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * const lock = new Lock();
   * async function refresh(): Promise<string> {
   *   // Disposing of undefined does nothing.
   *   using guard = lock.tryAcquire();
   *   if (guard === undefined) return "somebody is at it";
   *   await sleep(1);
   *   return "refreshed";
   * }
   * await openNursery(async (nursery) => {
   *   const first = nursery.startSoon(refresh);
   *   const second = nursery.startSoon(refresh);
   *   assertEquals([await first.join(), await second.join()], ["refreshed", "somebody is at it"]);
   * });
   * ```
   *
   * @returns A guard that releases it, or `undefined` if another task holds it.
   * @throws {TypeError} If the calling task already holds it or waits for it, or has ended.
   * @throws {BrokenResourceError} If its owner ended while holding it.
   */
  tryAcquire(): ReleaseGuard | undefined {
    const task = taskOf(currentNode());
    const fault = this.#core.fault(task);
    if (fault !== null) throw fault;
    return this.#core.take(task) ?? undefined;
  }

  /**
   * Releases the lock that the calling task holds, for code that cannot keep the guard.
   *
   * @throws {TypeError} If the calling task does not hold it.
   */
  release(): void {
    this.#core.release(this.#core.requireHeld(taskOf(currentNode()), "release"));
  }

  /** Returns a snapshot of the counters, for debugging. */
  statistics(): LockStatistics {
    return this.#core.statistics();
  }
}
