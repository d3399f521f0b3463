/** A value that is computed when it is first needed, and once. */

import { requireFunction } from "../base/check.ts";
import { composedWait, refusedAfterTurn } from "../kernel/composed_wait.ts";
import { type Computation, computeWithin, currentComputation, currentNode } from "../kernel/context.ts";
import { failureOf } from "../kernel/elsewhere.ts";
import { NOTHING } from "../base/error_tree.ts";
import { taskText } from "../base/task_text.ts";
import type { StatusNode } from "../kernel/node.ts";
import { type TaskImpl, taskOf } from "../kernel/task.ts";
import { refuse, yieldTurn } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/**
 * A value that is computed by the first task that asks for it, while other tasks wait.
 *
 * The computation runs in the asking task, under its scopes. If that task is cancelled, the next task in line computes
 * instead: it gets neither the cancellation nor an error of the cleanup after it. If the computation fails, all waiting
 * tasks get the error, and the next call tries again. Use a `Lazy` instead of `cache ??= load()`, where the timeout of
 * the first task fails all the others. For one value per key, keep a `Map` of them.
 *
 * @example A connection that is opened on first use
 * ```ts
 * import { all, Lazy, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * let opened = 0;
 * const connection = new Lazy(async () => {
 *   await sleep(1);
 *   return ++opened;
 * });
 * assertEquals(await all([() => connection.get(), () => connection.get()]), [1, 1]);
 * ```
 *
 * @category Synchronisation
 */
export class Lazy<T> {
  readonly #compute: () => T | Promise<T>;
  readonly #reason: WaitReason;
  /** Woken with nothing: look again, and compute if there still is no value. */
  readonly #waiters = new WaitQueue<void>();
  #value: { readonly value: T } | null = null;
  /** Who computes, or was woken to. */
  #computing: TaskImpl<unknown> | null = null;
  /** The computation, while it runs. */
  #computation: Computation | null = null;

  /**
   * Makes a value that is not computed yet.
   *
   * @param compute The function that computes it.
   * @throws {TypeError} If `compute` is not a function.
   */
  constructor(compute: () => T | Promise<T>) {
    requireFunction("make a Lazy", "compute", compute);
    this.#compute = compute;
    this.#reason = {
      kind: "lazy",
      label: () => `computed by ${this.#computing === null ? "nobody" : taskText(this.#computing)}`,
      holder: () => this.#computing,
    };
  }

  /** Whether the value is there. */
  get isComputed(): boolean {
    return this.#value !== null;
  }

  /**
   * Returns the value, computing it or waiting for it.
   *
   * **Cancellation:** throws `Cancelled`; if this task was computing, the next in line computes instead.
   *
   * @returns The value.
   * @throws {TypeError} If the calling code is part of the computation, or of a child task that the computation waits
   * for.
   */
  get(): Promise<T> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    if (this.#value !== null) return yieldTurn(node, this.#value.value);
    if (this.#waitsFor(node)) {
      return refusedAfterTurn(
        node,
        new TypeError(
          `Cannot get the value of a Lazy as its computation must not wait for itself: ${
            taskText(node.task)
          } is part of it`,
        ),
      );
    }
    return composedWait(() => this.#get(node));
  }

  async #get(node: StatusNode): Promise<T> {
    if (this.#computing !== null) {
      await this.#waiters.park(this.#reason);
      if (this.#value !== null) return (this.#value as { readonly value: T }).value;
    }
    this.#computing = taskOf(node);
    const computation = { node, outer: currentComputation() };
    this.#computation = computation;
    try {
      const value = await computeWithin(computation, this.#compute);
      this.#computing = null;
      this.#value = { value };
      this.#waiters.wakeAll();
      // A computation that is ready must not starve the event loop, nor one that fails at once.
      await yieldTurn(node, undefined);
      return value;
    } catch (error) {
      const failure = failureOf(node, error);
      if (node.cancelled === null && failure !== NOTHING) {
        this.#computing = null;
        this.#waiters.failAll(failure);
      } else {
        const next = this.#waiters.first;
        // Still somebody's: who asks before the next in line has run must not compute as well.
        this.#computing = next === null ? null : taskOf(next.node);
        next?.wake();
      }
      await yieldTurn(node, undefined);
      throw failure === NOTHING ? error : failure;
    } finally {
      // The next one may have begun.
      if (this.#computation === computation) this.#computation = null;
    }
  }

  /**
   * Whether the computation cannot end before code under a node has: that is a part of it, or of a child it waits for.
   */
  #waitsFor(node: StatusNode): boolean {
    const mine = this.#computation;
    if (mine === null) return false;
    let within = currentComputation();
    while (within !== undefined && within !== mine) within = within.outer;
    if (within === undefined) return false;
    const { task } = mine.node;
    let child: TaskImpl<unknown> | null = null;
    let at: StatusNode | null = node;
    for (; at !== null && at.task !== task; at = at.parent) {
      // Not waited for: it is cancelled when the computation is done.
      child = taskOf(at);
      if (child === at && child.daemon) return false;
    }
    // Begun by the computation, but in a nursery further out, which lives on.
    if (at === mine.node) return child === null || child.parentNursery === null;
    for (; at !== null && at !== mine.node; at = at.parent);
    return at !== null;
  }
}
