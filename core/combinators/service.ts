/**
 * Running again what is not meant to end: a connection to a broker, a subscription, a loop that polls.
 *
 * `retry()` is for a piece of work: it knows no health, so one that fails once a day has used up its attempts in a week.
 * Here the count begins anew after a while in which all was well, as supervisors do it elsewhere (Erlang, systemd): few
 * failures in quick succession mean that starting again is of no use.
 */

import { requireCount, requireFunction, requireOptions, requireTimeout } from "../base/check.ts";
import { NOTHING } from "../base/error_tree.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { currentNode, isolated } from "../kernel/context.ts";
import { failureOf } from "../kernel/elsewhere.ts";
import { mark, withSuppressed } from "../kernel/suppressed.ts";
import { refuse, yieldTurn } from "../kernel/waiter.ts";
import { currentEffectiveDeadline } from "../time/current_time.ts";
import { sleep } from "../time/sleep.ts";
import { waitOf } from "./_backoff.ts";
import type { Backoff } from "./backoff.ts";

/** How many earlier errors are kept: an outage may be long, and `limit` infinite. */
const KEPT = 10;

/**
 * Options of `service()`.
 *
 * @category Combinators
 */
export interface ServiceOptions {
  /**
   * How long to wait before the next start. Either growing waits, or a function that gets the number of failures in
   * succession and the error, and returns milliseconds.
   */
  readonly backoff?: Backoff | ((failed: number, error: unknown) => number);
  /**
   * The part of each wait that is random, from 0 to 1, so that services that failed together do not come back together.
   * The default is 0.5 for growing waits, and 0 for a wait that a function returned.
   */
  readonly jitter?: number;
  /**
   * How many failures in succession are followed by another start. The next one ends the service.
   *
   * @default {5}
   */
  readonly limit?: number;
  /**
   * How long the function must have run for its failure to be the first again, in milliseconds.
   *
   * @default {60_000}
   */
  readonly within?: number;
  /**
   * Called after a failure, before the wait for the next start: with the error, and how long the wait will be, in
   * milliseconds. If it throws, the service fails with that error.
   */
  readonly onRestart?: (error: unknown, ms: number) => unknown;
}

/**
 * Runs a function that is not meant to end, and runs it again whenever it fails, with growing waits between.
 *
 * It gives up when the function has failed more than `limit` times in succession, or when the next start would come
 * after the deadline of the scopes around it. Then the last error is thrown itself; `suppressedErrors()` returns the
 * earlier ones of that succession, at most ten. A failure of a run that has lasted for `within` begins a new succession,
 * and the waits are short again. If the function returns, the service ends with its value.
 *
 * Use `retry()` for a piece of work that has to succeed once.
 *
 * **Cancellation:** throws `Cancelled`, after which nothing is started again. The cancellation of another task, such as
 * one that shares a promise, is a failure like any other: a `CancelledElsewhereError`.
 *
 * @example A connection that is lost now and then
 * ```ts
 * import { service, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const lost: string[] = [];
 * const end = await service(async (start) => {
 *   await sleep(1); // serves
 *   if (start < 3) throw new Error("connection lost");
 *   return "stopped by the server";
 * }, { backoff: { initial: 1 }, onRestart: (error) => void lost.push(`${error}`) });
 * assertEquals(lost.length, 2);
 * assertEquals(end, "stopped by the server");
 * ```
 *
 * @param fn Called with the number of the start, from 1.
 * @param options How long to wait, when to give up, and who is told.
 * @returns What the function returned.
 * @throws {RangeError} If an option is out of its range.
 * @throws {TypeError} If `fn` or `onRestart` is not a function, or an option is of the wrong type.
 * @category Combinators
 */
export function service<T>(fn: (start: number) => T | Promise<T>, options: ServiceOptions = {}): Promise<T> {
  return composedWait(async () => {
    const action = "run a service";
    requireOptions(action, options);
    requireFunction(action, "fn", fn);
    const { limit = 5, within = 60_000, onRestart } = options;
    requireCount(action, "limit", limit);
    requireTimeout(action, "within", within);
    if (onRestart !== undefined) requireFunction(action, "onRestart", onRestart);
    const wait = waitOf(action, options);
    const node = currentNode();
    if (node.cancelled !== null) return await refuse(node);
    const { runtime } = node.task;
    const { clock } = runtime;
    const since = mark();
    let failed = 0;
    let earlier: unknown[] = [];
    for (let start = 1;; start++) {
      const began = clock.now();
      try {
        const value = await isolated(node, () => fn(start));
        await yieldTurn(node, undefined);
        return value;
      } catch (error) {
        const failure = failureOf(node, error);
        // A failure beside a cancellation, as of its cleanup: starting again would be refused, and the failure lost.
        if (failure === NOTHING || (node.cancelled !== null && failure !== error)) throw error;
        if (clock.now() - began >= within) {
          failed = 0;
          earlier = [];
        }
        failed++;
        let ms = Infinity;
        try {
          if (failed <= limit) {
            ms = wait(failed, failure, runtime.random);
            // In a scope that is cancelled already, the cancellation is what counts.
            if (node.cancelled === null && clock.now() + ms >= currentEffectiveDeadline()) ms = Infinity;
            else await onRestart?.(failure, ms);
          }
        } catch (fault) {
          const own = failureOf(node, fault);
          if (own === NOTHING) throw fault;
          await yieldTurn(node, undefined);
          throw withSuppressed(own, [...earlier, failure], since);
        }
        if (ms === Infinity) {
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
