/**
 * For modules whose functions are called in a worker: how they notice that their call was cancelled.
 *
 * It loads nothing else, as a worker should start fast. Outside of a worker nothing is ever cancelled, so a module that
 * uses it can be imported and called anywhere, in a test for instance.
 *
 * @module
 */

import { inWorker } from "./_worker_key.ts";

export { transfer } from "./transfer.ts";

/**
 * Throws if the call that runs in this worker was cancelled. It is cheap: use it in loops that compute.
 *
 * A thread that computes sees its cancellation at the next check. A process has no memory in common with the program:
 * it sees only what came before it began to compute, and is killed after the grace.
 *
 * @example A loop that can be cancelled
 * ```ts
 * import { checkCancelled } from "@trefoil/io/worker";
 * import { assertEquals } from "@std/assert";
 *
 * function countPrimes(limit: number): number {
 *   let count = 0;
 *   for (let n = 2; n < limit; n++) {
 *     checkCancelled();
 *     let prime = true;
 *     for (let d = 2; d * d <= n && prime; d++) prime = n % d !== 0;
 *     if (prime) count++;
 *   }
 *   return count;
 * }
 * assertEquals(countPrimes(100), 25);
 * ```
 *
 * @throws {DOMException} An `AbortError`, if the call was cancelled. Let it through.
 * @category Workers
 */
export function checkCancelled(): void {
  inWorker()?.check();
}

/**
 * Returns the signal of the call that runs in this worker, for asynchronous code: `fetch(url, { signal })`.
 *
 * Code that uses the waits of this library needs none: in a worker they are cancelled with the call.
 *
 * @example Handing on the cancellation
 * ```ts
 * import { workerSignal } from "@trefoil/io/worker";
 * import { assert } from "@std/assert";
 *
 * assert(!workerSignal().aborted);
 * ```
 *
 * @returns The signal; outside of a call one that is never aborted.
 * @category Workers
 */
export function workerSignal(): AbortSignal {
  return inWorker()?.signal() ?? new AbortController().signal;
}
