/** Cleanup that cancellation does not reach. */

import { faultOf, requireOptions, requireTimeout } from "../base/check.ts";
import { CancelScope, type ScopeOutcome } from "../kernel/cancel_scope.ts";

/**
 * Options of `shielded()`.
 *
 * @category Scopes and timeouts
 */
export interface ShieldedOptions {
  /**
   * How long the function may take, in milliseconds, before it is cancelled after all.
   *
   * @default {Infinity}
   */
  readonly timeout?: number;
}

/**
 * Runs a function that cancellation from outside does not reach, such as cleanup that has to wait.
 *
 * Give it a timeout: without one, a peer that does not answer holds up the whole program.
 *
 * **Cancellation:** a cancellation from outside is kept out until the function has ended; the next wait after it
 * throws. The timeout cancels the function.
 *
 * @example Saying goodbye even when cancelled
 * ```ts
 * import { moveOnAfter, shielded, sleep } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * let saidGoodbye = false;
 * await moveOnAfter(1, async () => {
 *   try {
 *     await sleep(60_000);
 *   } finally {
 *     await shielded(async () => {
 *       await sleep(1);
 *       saidGoodbye = true;
 *     }, { timeout: 5_000 });
 *   }
 * });
 * assert(saidGoodbye);
 * ```
 *
 * @param body What to run.
 * @param options A time limit.
 * @returns What the body returned, or that the timeout ended it.
 * @throws {RangeError} If the timeout is negative or `NaN`.
 * @category Scopes and timeouts
 */
export function shielded<T>(
  body: (scope: CancelScope) => T | Promise<T>,
  options: ShieldedOptions = {},
): Promise<ScopeOutcome<T>> {
  const fault = faultOf(() => {
    requireOptions("shield a function", options);
    if (options.timeout !== undefined) requireTimeout("shield a function", "timeout", options.timeout);
  });
  if (fault !== null) return Promise.reject(fault);
  return new CancelScope({ timeout: options.timeout ?? Infinity, shield: true }).run(body);
}
