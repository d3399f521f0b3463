/** A value that is computed when it is first needed, and once. */

import { requireFunction } from "../_check.ts";
import { currentNode } from "../_context.ts";
import { isCancelled } from "../errors.ts";
import { composedWait } from "../_composed_wait.ts";
import type { TaskImpl } from "../_task.ts";
import { describe } from "../_task.ts";
import { pass, refuse, type WaitReason } from "../_waiter.ts";
import { WaitQueue } from "../_wait_queue.ts";

/**
 * A value that is computed by the first task that asks for it; the others wait for that.
 *
 * The computation runs in the asking task, under its scopes. If that is cancelled, the next in line computes in its
 * place: nobody gets somebody else's `Cancelled`. If it fails, all who wait get the error, and the next to ask tries
 * again.
 *
 * @example A connection that is opened on first use
 * ```ts
 * import { all, Once, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * let opened = 0;
 * const connection = new Once(async () => {
 *   await sleep(1);
 *   return ++opened;
 * });
 * assertEquals(await all([() => connection.get(), () => connection.get()]), [1, 1]);
 * ```
 */
export class Once<T> {
  readonly #compute: () => T | Promise<T>;
  readonly #reason: WaitReason;
  /** Woken with nothing: look again, and compute if there still is no value. */
  readonly #line = new WaitQueue<void>();
  #value: { readonly value: T } | null = null;
  /** Who computes, or was woken to. */
  #computing: TaskImpl<unknown> | null = null;

  /**
   * Makes a value that is not computed yet.
   *
   * @param compute What computes it.
   * @throws {TypeError} If `compute` is not a function.
   */
  constructor(compute: () => T | Promise<T>) {
    requireFunction("make a Once", "compute", compute);
    this.#compute = compute;
    this.#reason = {
      kind: "once",
      label: () => `computed by ${this.#computing === null ? "nobody" : describe(this.#computing)}`,
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
   * **Cancellation:** throws `Cancelled`; if this task was computing, the next in line does so.
   *
   * @returns The value.
   */
  get(): Promise<T> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    if (this.#value !== null) return pass(node, this.#value.value);
    return composedWait(() => this.#get(node.task));
  }

  async #get(task: TaskImpl<unknown>): Promise<T> {
    if (this.#computing !== null) {
      await this.#line.park(this.#reason);
      if (this.#value !== null) return (this.#value as { readonly value: T }).value;
    }
    this.#computing = task;
    try {
      const value = await this.#compute();
      this.#computing = null;
      this.#value = { value };
      this.#line.wakeAll();
      return value;
    } catch (error) {
      const next = this.#line.first;
      if (!isCancelled(error)) {
        this.#computing = null;
        this.#line.failAll(error);
      } else {
        // Still somebody's: who asks before the next in line has run must not compute as well.
        this.#computing = next?.node.task ?? null;
        next?.wake();
      }
      throw error;
    }
  }
}
