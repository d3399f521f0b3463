/** The one primitive under every wait, for code that makes waits of its own. */

import { faultOf, requireFunction } from "../base/check.ts";
import type { Cancelled } from "./cancelled.ts";
import { currentNode } from "./context.ts";
import { refuse, Waiter } from "./waiter.ts";
import type { WaitReason } from "./wait_reason.ts";

/**
 * The handle that ends a wait made by `suspend()`. Exactly one call wins.
 *
 * @category Low level
 */
export interface Waker<T> {
  /** Whether the wait is still open. */
  readonly pending: boolean;
  /** Ends the wait with a value; returns `false`, and does nothing, if it was over. */
  wake(value: T): boolean;
  /** Ends the wait with an error; returns `false`, and does nothing, if it was over. */
  fail(error: unknown): boolean;
}

/**
 * Waits until the waker is called: the one primitive under every wait of this library (low level).
 *
 * Exactly one of *wake* and *abort* wins. That is decided at the moment of the call, so a value is never lost once
 * `wake()` has returned `true` for it. A wait that nobody awaits never ends the process.
 *
 * **Cancellation:** in a cancelled scope it rejects with `Cancelled` before `register` is called. Later, `abort` is
 * called at most once, synchronously from `cancel()` and in the canceller's async context: do not read ambient state in
 * it. It undoes the operation and returns `true`. If that is impossible it returns `false`: then the wait goes on, and
 * must still be ended.
 *
 * @example A wait for the next message of a port
 * ```ts
 * import { suspend } from "@trefoil/io/lowlevel";
 * import { assertEquals } from "@std/assert";
 *
 * function nextMessage(port: MessagePort): Promise<unknown> {
 *   let listener: (event: MessageEvent) => void;
 *   return suspend(
 *     { kind: "message from port" },
 *     (waker) => {
 *       listener = (event) => waker.wake(event.data);
 *       port.addEventListener("message", listener, { once: true });
 *       port.start();
 *     },
 *     () => {
 *       port.removeEventListener("message", listener);
 *       return true;
 *     },
 *   );
 * }
 * const { port1, port2 } = new MessageChannel();
 * port1.postMessage("hello");
 * assertEquals(await nextMessage(port2), "hello");
 * port1.close();
 * port2.close();
 * ```
 *
 * @param reason The reason of the wait; shown in the task tree.
 * @param register Called at once with the waker; an error thrown here ends the wait.
 * @param abort Undoes the operation when the wait is cancelled.
 * @returns A promise for the value given to `wake()`.
 * @throws {Cancelled} If the scope is cancelled before the wake.
 * @throws {TypeError} If `register` or `abort` is not a function, or `abort` returned something else than `true` or
 * `false`.
 * @category Low level
 */
export function suspend<T>(
  reason: WaitReason,
  register: (waker: Waker<T>) => void,
  abort: (cancelled: Cancelled) => boolean,
): Promise<T> {
  const fault = faultOf(() => {
    requireFunction("wait", "register", register);
    requireFunction("wait", "abort", abort);
  });
  if (fault !== null) return Promise.reject(fault);
  const node = currentNode();
  if (node.cancelled !== null) return refuse(node);
  const waiter = new Waiter<T>(node, reason, abort);
  try {
    register(waiter);
  } catch (error) {
    waiter.fail(error);
  }
  return waiter.begun();
}
