/** Waiting for promises that know nothing of scopes. */

import { show } from "./_check.ts";
import { currentNode } from "./_context.ts";
import type { StatusNode } from "./_status.ts";
import { refuse, Waiter, type WaitReason } from "./_waiter.ts";

const FOREIGN: WaitReason = { kind: "foreign promise" };

/**
 * Waits for a foreign promise in a way that can be cancelled.
 *
 * Cancelling ends the wait, not the work behind the promise: whoever does that goes on, and its result, or error, is
 * dropped. To stop the work as well, give it a `currentSignal()`.
 *
 * The library does not know who will settle the promise; `cancellable(hostOp(label, promise))` says that the outside
 * world will, so that virtual time waits for it.
 *
 * **Cancellation:** throws `Cancelled`; the result of the promise is lost.
 *
 * @example A promise that never settles
 * ```ts
 * import { cancellable, moveOnAfter } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const outcome = await moveOnAfter(1, () => cancellable(new Promise(() => {})));
 * assert(outcome.cancelledCaught);
 * ```
 *
 * @param promise The promise, or anything with a `then`.
 * @returns What the promise gives.
 * @throws {TypeError} If `promise` has no `then`.
 */
export function cancellable<T>(promise: PromiseLike<T>): Promise<T> {
  if (typeof (promise as Partial<PromiseLike<T>> | null | undefined)?.then !== "function") {
    return Promise.reject(
      new TypeError(`Cannot wait as "promise" must be a promise: received ${show(promise)}`),
    );
  }
  const node = currentNode();
  // The promise itself, if it is native; the `then` of anything else might throw, or call back twice.
  const native = Promise.resolve(promise);
  if (node.cancelled !== null) {
    // Nobody will look at it any more.
    native.catch(() => {});
    return refuse(node);
  }
  const waiter = new ForeignWaiter<T>(node);
  native.then((value) => waiter.wake(value), (error) => waiter.fail(error));
  return waiter.begun();
}

/**
 * Does not count as a wait of its task: nobody in the run can say when it ends. So neither time nor the search for
 * deadlocks may conclude anything from it, just as if the task awaited the promise itself.
 */
class ForeignWaiter<T> extends Waiter<T> {
  constructor(node: StatusNode) {
    super(node, FOREIGN, null);
    if (--node.task.waits === 0) node.task.runtime.running++;
  }

  override wake(value: T): boolean {
    if (this.pending) this.#count();
    return super.wake(value);
  }

  override fail(error: unknown): boolean {
    if (this.pending) this.#count();
    return super.fail(error);
  }

  /** Undone by the grant. */
  #count(): void {
    if (this.node.task.waits++ === 0) this.node.task.runtime.running--;
  }
}
