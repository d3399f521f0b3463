/** Several async iterables as one. */

import { requireFunction, requireOptions, show } from "../base/check.ts";
import { toChannel } from "../channels/to_channel.ts";
import { requireSource, type Source } from "../kernel/source.ts";
import { feed } from "./_feed.ts";
import { resultsOf } from "./_results.ts";
import type { CompletedResults } from "./completed_results.ts";

/**
 * Options of `merge()`.
 *
 * @category Combinators
 */
export interface MergeOptions {
  /**
   * Ends what the sources wait for, such as `() => subscription.unsubscribe()`. Called once for each source that was
   * not read to its end. Without `stop`, a source that waits for something foreign is waited for.
   */
  readonly stop?: () => unknown;
}

/**
 * Loops over several async iterables at the same time, and yields their values as they come.
 *
 * Each source runs in a task of its own, which begins when the first value is asked for. A source is asked for its next
 * value once its last one was taken, so it is never more than one value ahead. The end of one source ends nothing; the
 * loop ends with the last one. An error of one source cancels the others, ends the loop, and is thrown once. Leaving the
 * loop cancels all sources, tells them by their `return()`, and waits for them.
 *
 * **Order:** the values of one source keep their order. Those of several that are ready together come in the order in
 * which they became ready.
 *
 * **Cancellation:** all sources are cancelled and waited for. If only the wait for one value is cancelled, and not the
 * scope that called `merge()`, nothing is lost. Leaving the loop drops the one value that each source may be ahead.
 *
 * @example Two subscriptions in one loop
 * ```ts
 * import { merge, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * async function* every(ms: number, word: string): AsyncGenerator<string> {
 *   for (let n = 0; n < 2; n++) {
 *     await sleep(ms);
 *     yield word;
 *   }
 * }
 * const heard: string[] = [];
 * for await (const word of merge([every(20, "tick"), every(30, "tock")])) heard.push(word);
 * assertEquals(heard, ["tick", "tock", "tick", "tock"]);
 * ```
 *
 * @param sources What to loop over: async iterables, iterables and `ReadableStream`s.
 * @param options What ends a source that waits for something foreign.
 * @returns The values, in the order in which they come.
 * @throws {TypeError} If `sources` is no iterable, one of them cannot be iterated, or `stop` is not a function.
 * @category Combinators
 */
export function merge<T>(
  sources: Iterable<AsyncIterable<T> | Iterable<T>>,
  options: MergeOptions = {},
): CompletedResults<T> {
  requireOptions("merge", options);
  const { stop } = options;
  if (stop !== undefined) requireFunction("merge", "stop", stop);
  const all = sourcesOf(sources);
  return resultsOf((send) =>
    feed(all, {}, (source) =>
      toChannel(source, async (values) => {
        for await (const value of values) await send(value);
      }, options))
  );
}

/** All of them, checked before any is asked for anything. */
function sourcesOf<T>(sources: Iterable<Source<T>>): Source<T>[] {
  if (typeof sources !== "object" || sources === null || !(Symbol.iterator in sources)) {
    throw new TypeError(`Cannot merge as "sources" must be an iterable of iterables: received ${show(sources)}`);
  }
  const all = [...sources];
  for (const source of all) requireSource("merge", source, "an iterable or async iterable");
  return all;
}
