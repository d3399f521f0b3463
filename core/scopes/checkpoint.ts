/** The checkpoint and its two halves. */

import { currentNode } from "../kernel/context.ts";
import { ignore } from "../base/quiet.ts";
import { outOfTurn, refuse, yieldTurn } from "../kernel/waiter.ts";

/**
 * Lets other tasks run, and throws if the scope is cancelled: a checkpoint and nothing else.
 *
 * Call it in long computations. It yields first and then looks for a cancellation, so one that arrives meanwhile is
 * noticed by the same call.
 *
 * **Cancellation:** throws `Cancelled`; nothing is lost.
 *
 * **Cost:** a fifth of a microsecond; about every 256th call lets the event loop take a turn (2 microseconds).
 *
 * @example A long computation that can be cancelled
 * ```ts
 * import { checkpoint, moveOnAfter } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const outcome = await moveOnAfter(5, async () => {
 *   for (let n = 0; ; n++) if (n % 100 === 0) await checkpoint();
 * });
 * assert(outcome.cancelledCaught);
 * ```
 *
 * @returns A promise that resolves when it is this task's turn again.
 * @category Scopes and timeouts
 */
export function checkpoint(): Promise<void> {
  const node = currentNode();
  if (node.cancelled !== null) return refuse(node);
  const promise = new Promise<void>((resolve, reject) => {
    yieldTurn(node, undefined).then(() => {
      if (node.cancelled === null) return resolve();
      // Not an async function for this line: as for every wait, one that nobody awaits never ends the process.
      promise.catch(ignore);
      reject(node.cancelled);
    });
  });
  return promise;
}

/**
 * Throws if the scope is cancelled, and otherwise returns.
 *
 * It lets other tasks run only if the calling task has used up its turn.
 *
 * **Cancellation:** throws `Cancelled`; nothing is lost.
 *
 * @example Looking before an expensive step
 * ```ts
 * import { moveOnAfter } from "@trefoil/io";
 * import { checkpointIfCancelled } from "@trefoil/io/lowlevel";
 * import { assert } from "@std/assert";
 *
 * const outcome = await moveOnAfter(0, async () => {
 *   await checkpointIfCancelled();
 *   throw new Error("not reached");
 * });
 * assert(outcome.cancelledCaught);
 * ```
 *
 * @returns A resolved promise.
 * @category Low level
 */
export function checkpointIfCancelled(): Promise<void> {
  const node = currentNode();
  if (node.cancelled !== null) return refuse(node);
  // A loop of nothing else must not starve the event loop.
  return outOfTurn(node) ? yieldTurn(node, undefined) : Promise.resolve();
}

/**
 * Lets other tasks run, whether or not the scope is cancelled.
 *
 * **Cancellation:** never throws.
 *
 * @example Yielding during cleanup
 * ```ts
 * import { moveOnAfter } from "@trefoil/io";
 * import { cancelShieldedCheckpoint } from "@trefoil/io/lowlevel";
 * import { assert } from "@std/assert";
 *
 * const outcome = await moveOnAfter(0, async () => {
 *   await cancelShieldedCheckpoint();
 *   return "got here";
 * });
 * assert(outcome.value === "got here");
 * ```
 *
 * @returns A promise that resolves when it is this task's turn again.
 * @category Low level
 */
export function cancelShieldedCheckpoint(): Promise<void> {
  return yieldTurn(currentNode(), undefined);
}
