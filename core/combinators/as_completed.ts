/** Results as they come. */

import { show } from "../base/check.ts";
import { feed, requireFeed } from "./_feed.ts";
import { resultsOf } from "./_results.ts";
import type { CompletedResults } from "./completed_results.ts";
import type { MapOptions } from "./map_options.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/**
 * Options of `asCompleted()`.
 *
 * @category Combinators
 */
export interface AsCompletedOptions extends MapOptions {
  /**
   * Whether the results come in the order of the items. A result that is ready before its turn waits, and so does its
   * worker: at most `concurrency` items are in progress or waiting.
   *
   * @default {false}
   */
  readonly ordered?: boolean;
}

/**
 * Calls an async function for each item of a source, and yields the results as they come.
 *
 * Nothing begins before the first result is asked for. A result waits until it is taken, and so does its worker: a slow
 * consumer slows everything down. Leaving the loop early cancels what is running, waits for it, and ends the source, by
 * its `return()` or `stop`. The results can be iterated once. An error ends the iteration and is thrown once; with
 * `errors: "collect"` the results of the other items come first.
 *
 * **Cancellation:** everything is cancelled and waited for, and the source is ended. If only the wait for one result is
 * cancelled, and not the scope that called `asCompleted()`, nothing is lost.
 *
 * @example The quickest first
 * ```ts
 * import { asCompleted, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const order: number[] = [];
 * const results = asCompleted([30, 1, 15], async (ms) => {
 *   await sleep(ms);
 *   return ms;
 * });
 * for await (const ms of results) order.push(ms);
 * assertEquals(order, [1, 15, 30]);
 * ```
 *
 * @example In the order of the items, three of them at a time
 * ```ts
 * import { asCompleted, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const fetched: number[] = [];
 * const pages = asCompleted([3, 1, 2], async (ms) => {
 *   await sleep(ms);
 *   return ms;
 * }, { ordered: true, concurrency: 3 });
 * for await (const ms of pages) fetched.push(ms);
 * assertEquals(fetched, [3, 1, 2]);
 * ```
 *
 * @param source The items.
 * @param fn Called with each item and its index, from 0.
 * @param options How many at a time, in which order, what a failure does, and what ends the source.
 * @returns The results, in the order in which they are ready, or that of the items.
 * @throws {TypeError} If `source` cannot be iterated, or `fn` or `stop` is not a function.
 * @throws {RangeError} If `concurrency` is not a whole number >= 1 or `Infinity`, or `errors` is neither `"first"` nor
 * `"collect"`.
 * @category Combinators
 */
export function asCompleted<T, R>(
  source: Iterable<T> | AsyncIterable<T>,
  fn: (item: T, index: number) => R | Promise<R>,
  options: AsCompletedOptions = {},
): CompletedResults<R> {
  requireFeed("go through results", source, fn, options);
  const { ordered = false } = options;
  if (typeof ordered !== "boolean") {
    throw new TypeError(`Cannot go through results as "ordered" must be true or false: received ${show(ordered)}`);
  }
  const order = ordered ? new InOrder() : null;
  return resultsOf((send) =>
    feed(source, options, async (item, index) => {
      try {
        const result = await fn(item, index);
        await order?.turn(index);
        await send(result);
      } finally {
        order?.over(index);
      }
    })
  );
}

const TURN: WaitReason = { kind: "results of earlier items" };

/** Lets each item go when all before it have gone. */
class InOrder {
  #next = 0;
  /** Those that are over before their turn. */
  readonly #over = new Set<number>();
  readonly #waiters = new Map<number, WaitQueue<void>>();

  async turn(index: number): Promise<void> {
    if (index === this.#next) return;
    const waiters = new WaitQueue<void>();
    this.#waiters.set(index, waiters);
    await waiters.park(TURN);
  }

  /** The item was given, or has none to give. */
  over(index: number): void {
    this.#over.add(index);
    while (this.#over.delete(this.#next)) this.#next++;
    this.#waiters.get(this.#next)?.wakeFirst();
    this.#waiters.delete(this.#next);
  }
}
