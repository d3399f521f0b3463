/**
 * The mechanism of locks, which `Lock` and `Condition` share.
 *
 *     free ──acquire──▶ held by a guard ──release──▶ held by the guard of the longest-waiting, or free
 *                            │
 *                            └── its task ends ──▶ broken, for good
 *
 * Who holds the lock is decided in the call that frees it (direct handoff): nobody can slip in between a release and
 * the moment in which the waiter runs. A guard belongs to the task that acquired it, which remembers what it holds, so
 * that a lock whose owner ended is noticed at once instead of stopping everybody for ever.
 */

import { BrokenResourceError } from "../errors/errors.ts";
import { taskText } from "../base/task_text.ts";
import { describeEnded, endedHolder } from "./_holder.ts";
import type { StatusNode } from "../kernel/node.ts";
import { type Holding, type TaskImpl, taskOf } from "../kernel/task.ts";
import { Waiter } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/** One holding of a lock: from the moment it is granted until it is released. */
export class Guard implements Holding, Disposable {
  /** Neighbours in the list of what the task holds; written by `hold()` and `letGo()` of the task. */
  nextHeld: Holding | null = null;
  previousHeld: Holding | null = null;

  constructor(readonly lock: LockCore, readonly owner: TaskImpl<unknown>) {}

  release(): void {
    this.lock.release(this);
  }

  [Symbol.dispose](): void {
    this.lock.release(this);
  }

  ownerEnded(): void {
    this.lock.breakIt(this.owner);
  }
}

/** A wait that ends by being given the lock. */
export abstract class LockWaiter<T> extends Waiter<T> {
  /** The guard that will hold the lock again; `null` for a new one. */
  abstract readonly guard: Guard | null;

  /** The lock is this waiter's. */
  abstract granted(guard: Guard): void;
}

/**
 * A wait in `acquire()`. Its guard is made when it is granted: a thousand that wait need none, and the heap notices.
 */
class AcquireWaiter extends LockWaiter<Guard> {
  get guard(): null {
    return null;
  }

  granted(guard: Guard): void {
    this.wake(guard);
  }
}

/** See the header. */
export class LockCore {
  /** Who holds it. */
  guard: Guard | null = null;
  /** Why it can never be acquired again. */
  broken: BrokenResourceError | null = null;
  readonly waiters = new WaitQueue<never>();
  /**
   * What waits for the conditions on this lock, where something does: it breaks with the lock. Written by
   * `condition.ts`.
   */
  readonly conditions = new Set<WaitQueue<never>>();
  readonly #name: string;
  readonly #acquiring: WaitReason;

  constructor(name: string) {
    this.#name = name === "" ? "" : ` "${name}"`;
    const holder = () => this.guard?.owner ?? null;
    this.#acquiring = {
      kind: "acquire lock",
      label: () =>
        `${this.#name.trim()} held by ${holder() === null ? "nobody" : taskText(holder() as TaskImpl<unknown>)}`
          .trim(),
      holder,
      resource: this,
    };
  }

  /** See `Lock.statistics()`. */
  statistics(): { readonly locked: boolean; readonly owner: TaskImpl<unknown> | null; readonly tasksWaiting: number } {
    return { locked: this.guard !== null, owner: this.guard?.owner ?? null, tasksWaiting: this.waiters.size };
  }

  /** Why the task may not even ask for the lock; `null` if it may. */
  fault(task: TaskImpl<unknown>): Error | null {
    if (this.broken !== null) return new BrokenResourceError(this.broken.message);
    // Nobody would notice that it is never released.
    if (task.state !== "running") return endedHolder(`lock${this.#name}`, task);
    const does = this.guard?.owner === task ? "holds" : this.#waits(task) ? "waits for" : null;
    if (does === null) return null;
    return new TypeError(
      `Cannot acquire lock${this.#name} as ${taskText(task)} ${does} it already, and would wait for itself: ${
        does === "holds" ? "release it first" : "acquire it in tasks of their own"
      }`,
    );
  }

  /**
   * Whether a task stands in the line. Two places of one task are told apart by chance: the second works, or is
   * refused.
   */
  #waits(task: TaskImpl<unknown>): boolean {
    // Nearly always it has no other wait open.
    if (task.waits === 0) return false;
    for (let waiter = this.waiters.first; waiter !== null; waiter = waiter.after as typeof waiter) {
      if (waiter.node.task === task) return true;
    }
    return false;
  }

  /** Takes the lock if it is free; nobody waits then. */
  take(task: TaskImpl<unknown>): Guard | null {
    if (this.guard !== null) return null;
    const guard = new Guard(this, task);
    this.#give(guard);
    return guard;
  }

  acquire(node: StatusNode): Promise<Guard> {
    const waiter = new AcquireWaiter(node, this.#acquiring, null);
    this.enqueue(waiter);
    return waiter.begun();
  }

  /** Lets a waiter stand in line for the lock; it gets it at once if that is free. */
  enqueue(waiter: LockWaiter<never>): void;
  enqueue(waiter: LockWaiter<Guard>): void;
  enqueue(waiter: LockWaiter<never> | LockWaiter<Guard>): void {
    if (this.guard !== null) return this.waiters.add(waiter as LockWaiter<never>);
    this.#grant(waiter as LockWaiter<never>);
  }

  /** Hands the lock on. Harmless for a guard that does not hold it (any more). */
  release(guard: Guard): void {
    if (this.guard !== guard) return;
    this.#free(guard);
    while (this.guard === null && this.waiters.first !== null) this.#grant(this.waiters.first as LockWaiter<never>);
  }

  /** The guard of a task that must hold the lock to do what it is about to do. */
  requireHeld(task: TaskImpl<unknown>, action: string): Guard {
    const { guard } = this;
    if (guard !== null && guard.owner === task) return guard;
    throw new TypeError(
      `Cannot ${action} as ${taskText(task)} must hold the lock${this.#name}: ${
        guard === null ? "nobody does" : `${taskText(guard.owner)} does`
      }`,
    );
  }

  /** The owner has ended without releasing it: nobody knows in what state it left what the lock protects. */
  breakIt(owner: TaskImpl<unknown>): void {
    this.guard = null;
    this.broken = new BrokenResourceError(
      `Cannot acquire lock${this.#name} as its owner, ${describeEnded(owner)}, ended while holding it: ` +
        'write "using guard = await lock.acquire()", which releases it in any case',
    );
    for (const waiters of [this.waiters, ...this.conditions]) waiters.failAll(this.broken);
  }

  #grant(waiter: LockWaiter<never>): void {
    const guard = waiter.guard ?? new Guard(this, taskOf(waiter.node));
    this.#give(guard);
    waiter.granted(guard);
    // A forgotten wait of a condition, whose task has ended: it has to get the lock, and gives it back.
    if (guard.owner.state !== "running") this.#free(guard);
  }

  #free(guard: Guard): void {
    guard.owner.letGo(guard);
    this.guard = null;
  }

  #give(guard: Guard): void {
    this.guard = guard;
    guard.owner.hold(guard);
  }
}

/** What `Condition` may do with a `Lock`, which is above this file and fills it in. */
export const friends = {} as {
  /** The mechanism of a lock. */
  coreOf(lock: object): LockCore;
};
