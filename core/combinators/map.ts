/** Doing the same to many things, several at a time. */

import { composedWait } from "../kernel/composed_wait.ts";
import { feed, requireFeed } from "./_feed.ts";
import type { MapOptions } from "./map_options.ts";

/**
 * Calls an async function for each item of a source, and returns the results in the order of the items.
 *
 * The source is read lazily: the next item is asked for when a worker is free. The first error, of the function or the
 * source, cancels the rest, waits for it, and is thrown itself; `suppressedErrors()` returns the others. With
 * `errors: "collect"` all errors are thrown together. If the source was not read to its end, its `return()` is called
 * once. Each call of the function begins with the async-local values of the code that called `map()`.
 *
 * **Cancellation:** everything is cancelled and waited for. If the source is being asked for an item, its `return()` is
 * called at once. That ends the wait of `Deno.watchFs()` or a `ReadableStream`, but not that of an async generator that
 * awaits a foreign promise: for such a source, pass `stop`. In a scope that is already cancelled nothing is done, and
 * the source is not touched.
 *
 * **Cost:** one task for each worker (`concurrency`), none for each item.
 *
 * @example Ten pages, three at a time
 * ```ts
 * import { map, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const lengths = await map(["a", "bb", "ccc"], async (text) => {
 *   await sleep(1);
 *   return text.length;
 * }, { concurrency: 3 });
 * assertEquals(lengths, [1, 2, 3]);
 * ```
 *
 * @example Everything that went wrong
 * ```ts
 * import { ErrorGroup, map } from "@trefoil/io";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const parsed: unknown[] = [];
 * const error = await assertRejects(
 *   () => map(["1", "{", "2", "["], (text) => parsed.push(JSON.parse(text)), { errors: "collect" }),
 *   ErrorGroup,
 * );
 * assertEquals([parsed, error.errors.length], [[1, 2], 2]);
 * ```
 *
 * @param source The items.
 * @param fn Called with each item and its index, from 0.
 * @param options How many at a time, what a failure does, and what ends the source.
 * @returns The results, in the order of the items.
 * @throws {ErrorGroup} If items have failed, with `errors: "collect"`.
 * @throws {TypeError} If `source` cannot be iterated, or `fn` or `stop` is not a function.
 * @throws {RangeError} If `concurrency` is not a whole number >= 1 or `Infinity`, or `errors` is neither `"first"` nor
 * `"collect"`.
 * @category Combinators
 */
export function map<T, R>(
  source: Iterable<T> | AsyncIterable<T>,
  fn: (item: T, index: number) => R | Promise<R>,
  options: MapOptions = {},
): Promise<R[]> {
  return composedWait(async () => {
    requireFeed("map", source, fn, options);
    const results: R[] = [];
    await feed(source, options, async (item, index) => void (results[index] = await fn(item, index)));
    return results;
  });
}

/**
 * Calls an async function for each item of a source: `map()` without results.
 *
 * **Cancellation:** as for `map()`: everything is cancelled and waited for, and the source is ended.
 *
 * @example Two at a time
 * ```ts
 * import { forEach, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const order: number[] = [];
 * await forEach([30, 1, 2], async (n) => {
 *   await sleep(n);
 *   order.push(n);
 * }, { concurrency: 2 });
 * assertEquals(order, [1, 2, 30]);
 * ```
 *
 * @param source The items.
 * @param fn Called with each item and its index, from 0.
 * @param options How many at a time, what a failure does, and what ends the source.
 * @returns A promise that resolves when all are done.
 * @throws {ErrorGroup} If items have failed, with `errors: "collect"`.
 * @throws {TypeError} If `source` cannot be iterated, or `fn` or `stop` is not a function.
 * @throws {RangeError} If `concurrency` is not a whole number >= 1 or `Infinity`, or `errors` is neither `"first"` nor
 * `"collect"`.
 * @category Combinators
 */
export function forEach<T>(
  source: Iterable<T> | AsyncIterable<T>,
  fn: (item: T, index: number) => unknown,
  options: MapOptions = {},
): Promise<void> {
  return composedWait(async () => {
    requireFeed("go through a source", source, fn, options);
    await feed(source, options, fn);
  });
}
