/** Functions of the program that a worker can call. */

import { requireFunction } from "../../core/internal.ts";
import { markCallback } from "./_callbacks.ts";

/**
 * Makes a function of the program one that a worker can call, as an argument of `Workers.call()` or `stream()`.
 *
 * In the worker it is an asynchronous function. It runs here in the task that made the call, under its scopes, one call
 * after another. What it throws is thrown in the worker. Its arguments and its result are copied, as those of a call.
 * When the call is over it can be called no more.
 *
 * @example Progress
 * ```ts
 * import { callback, openWorkers } from "@trefoil/io/os";
 * import { assertEquals } from "@std/assert";
 *
 * const module = `data:application/javascript,export async function count(to, progress) {
 *   for (let n = 1; n <= to; n++) await progress(n);
 * }`;
 * interface Counting {
 *   count(to: number, progress: (n: number) => Promise<void>): Promise<void>;
 * }
 * await using workers = await openWorkers<Counting>(module, { size: 1 });
 * const seen: number[] = [];
 * await workers.call("count", 3, callback((n: number) => void seen.push(n)));
 * assertEquals(seen, [1, 2, 3]);
 * ```
 *
 * @param fn The function.
 * @returns What stands for it among the arguments. Called here, it calls the function.
 * @throws {TypeError} If it is not a function.
 * @category Workers
 */
export function callback<A extends unknown[], R>(
  fn: (...args: A) => R,
): (...args: A) => Promise<Awaited<R>> {
  requireFunction("make a callback", "fn", fn);
  const standIn = async (...args: A): Promise<Awaited<R>> => await fn(...args);
  markCallback(standIn, { fn, blocking: false });
  return standIn;
}

/**
 * Makes a function of the program one that a thread can call and block on, as an argument of `Workers.call()`.
 *
 * In the worker it is a function that returns when the one here has returned, and it is waited for if it is
 * asynchronous: for code in a thread that cannot await, such as a parser with a hook. The thread wakes up when the call
 * is cancelled. Workers that are processes cannot have it. Otherwise it is as `callback()`.
 *
 * @example A question from code that cannot await
 * ```ts
 * import { blockingCallback, openWorkers } from "@trefoil/io/os";
 * import { assertEquals } from "@std/assert";
 *
 * const module = "data:application/javascript,export const double = (ask) => 2 * ask('how many?')";
 * interface Doubling {
 *   double(ask: (question: string) => number): number;
 * }
 * await using workers = await openWorkers<Doubling>(module, { size: 1 });
 * assertEquals(await workers.call("double", blockingCallback((_: string) => 21)), 42);
 * ```
 *
 * @param fn The function; it may be asynchronous.
 * @returns What stands for it among the arguments. Called here, it throws.
 * @throws {TypeError} If it is not a function.
 * @category Workers
 */
export function blockingCallback<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => Awaited<R> {
  requireFunction("make a callback", "fn", fn);
  const standIn = (): never => {
    throw new TypeError("Cannot call a blocking callback as the caller must be a worker: this is the program");
  };
  markCallback(standIn, { fn, blocking: true });
  return standIn;
}
