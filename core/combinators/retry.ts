/** Trying again. */

import { requireCount, requireFunction, requireOptions } from "../base/check.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { currentNode, isolated } from "../kernel/context.ts";
import { failureOf } from "../kernel/elsewhere.ts";
import { NOTHING } from "../base/error_tree.ts";
import { read } from "../base/foreign.ts";
import { ignore } from "../base/quiet.ts";
import { currentEffectiveDeadline } from "../time/current_time.ts";
import { sleep } from "../time/sleep.ts";
import { mark, withSuppressed } from "../kernel/suppressed.ts";
import { refuse, yieldTurn } from "../kernel/waiter.ts";
import { waitOf } from "./_backoff.ts";
import type { Backoff } from "./backoff.ts";

/** How many earlier errors are kept: an outage may be long, and `attempts` infinite. */
const KEPT = 10;

/**
 * Options of `retry()`.
 *
 * @category Combinators
 */
export interface RetryOptions {
  /**
   * The number of attempts in all, at least 1.
   *
   * @default {5}
   */
  readonly attempts?: number;
  /**
   * How long to wait before the next attempt. Either growing waits, or a function that gets the number of failed
   * attempts and the error, and returns milliseconds.
   */
  readonly backoff?: Backoff | ((failed: number, error: unknown) => number);
  /**
   * The part of each wait that is random, from 0 to 1, so that callers that failed together do not come back together.
   * With 1, the wait is anything between nothing and its full length. The default is 0.5 for growing waits. It is 0 for
   * a wait that a function returned, as the server may have asked for it.
   */
  readonly jitter?: number;
  /** Whether an error is worth another attempt; by default every one is. */
  readonly retryIf?: (error: unknown) => boolean;
}

/**
 * Calls an async function until it succeeds, with growing waits between the attempts.
 *
 * It gives up when the attempts are used up, when the error is not worth another attempt, or when the next attempt
 * would come after the deadline of the scopes around it. Then the last error is thrown itself; `suppressedErrors()`
 * returns the earlier ones, at most ten.
 *
 * **Cancellation:** throws `Cancelled`, which is never retried. The cancellation of another task, such as one that
 * shares a promise, is a failure like any other: a `CancelledElsewhereError`.
 *
 * @example A server that is up at the second attempt
 * ```ts
 * import { retry } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = await retry((attempt) => {
 *   if (attempt === 1) throw new Error("not yet");
 *   return "hello";
 * }, { backoff: { initial: 1 } });
 * assertEquals(answer, "hello");
 * ```
 *
 * @param fn Called with the number of the attempt, from 1.
 * @param options How often to try, how long to wait, and after which errors.
 * @returns What the function returned.
 * @throws {RangeError} If an option is out of its range.
 * @throws {TypeError} If `fn` or `retryIf` is not a function, or an option is of the wrong type.
 * @category Combinators
 */
export function retry<T>(fn: (attempt: number) => T | Promise<T>, options: RetryOptions = {}): Promise<T> {
  return composedWait(async () => {
    requireOptions("retry", options);
    const { attempts = 5, retryIf } = options;
    requireFunction("retry", "fn", fn);
    requireCount("retry", "attempts", attempts);
    if (attempts === 0) throw new RangeError('Cannot retry as "attempts" must be >= 1: received 0');
    if (retryIf !== undefined) requireFunction("retry", "retryIf", retryIf);
    const wait = waitOf("retry", options);
    const node = currentNode();
    if (node.cancelled !== null) return await refuse(node);
    const { runtime } = node.task;
    const since = mark();
    const earlier: unknown[] = [];
    for (let attempt = 1;; attempt++) {
      try {
        const value = await isolated(node, () => fn(attempt));
        await yieldTurn(node, undefined);
        return value;
      } catch (error) {
        const failure = failureOf(node, error);
        // A failure beside a cancellation, as of its cleanup: trying again would be refused, and the failure lost.
        if (failure === NOTHING || (node.cancelled !== null && failure !== error)) throw error;
        let again = attempt < attempts;
        let ms = 0;
        try {
          again &&= retryIf === undefined || yes(retryIf(failure));
          if (again) ms = wait(attempt, failure, runtime.random);
        } catch (fault) {
          await yieldTurn(node, undefined);
          throw withSuppressed(fault, [...earlier, failure], since);
        }
        const inTime = runtime.clock.now() + ms < currentEffectiveDeadline();
        // In a scope that is cancelled already, the cancellation is what counts.
        if (!again || (!inTime && node.cancelled === null)) {
          await yieldTurn(node, undefined);
          throw withSuppressed(failure, earlier, since);
        }
        earlier.push(failure);
        if (earlier.length > KEPT) earlier.shift();
        await sleep(ms);
      }
    }
  });
}

/** An async `retryIf` would always say yes, as a promise is something. */
function yes(answer: unknown): boolean {
  if (typeof read(answer, "then") !== "function") return Boolean(answer);
  Promise.resolve(answer).catch(ignore);
  throw new TypeError('Cannot retry as "retryIf" must return true or false: received a promise');
}
