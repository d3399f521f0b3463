/** Timeouts: the short forms of `CancelScope`. */

import { faultOf, requireTime, requireTimeout } from "../base/check.ts";
import { CancelScope, type ScopeOutcome, scopes } from "../kernel/cancel_scope.ts";
import { TooSlowError } from "../errors/errors.ts";
import { formatTime } from "../base/format_time.ts";
import { waitedFor } from "../kernel/wait_text.ts";

/**
 * Runs a function and stops waiting for it after a length of time.
 *
 * When the promise settles, everything in the function has ended, however it went.
 *
 * **Cancellation:** the timeout cancels the waits inside, however deep; a cancellation from outside passes through.
 *
 * @example A result or a default
 * ```ts
 * import { moveOnAfter, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const outcome = await moveOnAfter(10, async () => {
 *   await sleep(60_000);
 *   return "fresh";
 * });
 * assertEquals(outcome.cancelledCaught ? "stale" : outcome.value, "stale");
 * ```
 *
 * @param ms The time from now, in milliseconds. `0`: the body runs up to its first wait. `Infinity` sets no limit.
 * @param body What to run; receives the scope.
 * @returns What the body returned, or that it was cancelled.
 * @throws {RangeError} If `ms` is negative or `NaN`; the body does not start.
 * @category Scopes and timeouts
 */
export function moveOnAfter<T>(
  ms: number,
  body: (scope: CancelScope) => T | Promise<T>,
): Promise<ScopeOutcome<T>> {
  const fault = faultOf(() => requireTimeout("set a timeout", "ms", ms));
  if (fault !== null) return Promise.reject(fault);
  return new CancelScope({ timeout: ms }).run(body);
}

/**
 * Runs a function and stops waiting for it at a moment on the run's clock.
 *
 * **Cancellation:** the deadline cancels the waits inside; a cancellation from outside passes through.
 *
 * @example One deadline for several steps
 * ```ts
 * import { currentTime, moveOnAt, sleep } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const deadline = currentTime() + 20;
 * const first = await moveOnAt(deadline, () => "quick");
 * const second = await moveOnAt(deadline, () => sleep(60_000));
 * assert(!first.cancelledCaught && second.cancelledCaught);
 * ```
 *
 * @param deadline The moment, in milliseconds as `currentTime()` counts them. A moment in the past cancels at once.
 * @param body What to run; receives the scope.
 * @returns What the body returned, or that it was cancelled.
 * @throws {RangeError} If `deadline` is `NaN`; the body does not start.
 * @category Scopes and timeouts
 */
export function moveOnAt<T>(
  deadline: number,
  body: (scope: CancelScope) => T | Promise<T>,
): Promise<ScopeOutcome<T>> {
  const fault = faultOf(() => requireTime("set a deadline", "deadline", deadline));
  if (fault !== null) return Promise.reject(fault);
  return new CancelScope({ deadline }).run(body);
}

/**
 * Runs a function and fails if it takes longer than a length of time.
 *
 * When the promise settles, everything in the function has ended. If the body throws, that error is thrown, even after
 * the timeout. A nested `failAfter()` throws the same class: use `moveOnAfter()` to know which timeout fired.
 *
 * **Cancellation:** the timeout cancels the waits inside; a cancellation from outside passes through.
 *
 * **Cost:** under 3 microseconds around an operation that is ready; no host timer of its own.
 *
 * @example A call that must be quick
 * ```ts
 * import { failAfter, sleep, TooSlowError } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * await assertRejects(() => failAfter(5, () => sleep(60_000)), TooSlowError);
 * ```
 *
 * @param ms The time from now, in milliseconds. `Infinity` sets no limit.
 * @param body What to run; receives the scope.
 * @returns What the body returned.
 * @throws {TooSlowError} If the scope was cancelled and caught it, by the timeout or by hand.
 * @throws {RangeError} If `ms` is negative or `NaN`; the body does not start.
 * @category Scopes and timeouts
 */
export function failAfter<T>(ms: number, body: (scope: CancelScope) => T | Promise<T>): Promise<T> {
  const fault = faultOf(() => requireTimeout("set a timeout", "ms", ms));
  if (fault !== null) return Promise.reject(fault);
  return inTime(new CancelScope({ timeout: ms }), body, () => `${formatTime(ms)} had passed`);
}

/**
 * Runs a function and fails if it is not done by a moment on the run's clock.
 *
 * **Cancellation:** the deadline cancels the waits inside; a cancellation from outside passes through.
 *
 * @example A budget shared by two calls
 * ```ts
 * import { currentTime, failAt, sleep, TooSlowError } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const deadline = currentTime() + 20;
 * await failAt(deadline, () => "quick");
 * await assertRejects(() => failAt(deadline, () => sleep(60_000)), TooSlowError);
 * ```
 *
 * @param deadline The moment, in milliseconds as `currentTime()` counts them.
 * @param body What to run; receives the scope.
 * @returns What the body returned.
 * @throws {TooSlowError} If the scope was cancelled and caught it, by the deadline or by hand.
 * @throws {RangeError} If `deadline` is `NaN`; the body does not start.
 * @category Scopes and timeouts
 */
export function failAt<T>(deadline: number, body: (scope: CancelScope) => T | Promise<T>): Promise<T> {
  const fault = faultOf(() => requireTime("set a deadline", "deadline", deadline));
  if (fault !== null) return Promise.reject(fault);
  return inTime(new CancelScope({ deadline }), body, () => `the deadline t=${formatTime(deadline)} had passed`);
}

function inTime<T>(
  scope: CancelScope,
  body: (scope: CancelScope) => T | Promise<T>,
  when: () => string,
): Promise<T> {
  scopes.notesWaits(scope);
  return scopes.run(scope, body, (outcome) => {
    if (!outcome.cancelledCaught) return outcome.value;
    const { cancelled } = outcome;
    const waits = scopes.waitsOf(scope);
    let how = `its scope was cancelled: ${cancelled.message}`;
    if (cancelled.source === "deadline") {
      how = `it was not done when ${when()}${waitedFor(waits)}`;
    }
    throw new TooSlowError(`Cannot finish in time as ${how}`, { cause: cancelled, waits });
  });
}
