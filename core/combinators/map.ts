/** Doing the same to many things, so many at a time. */

import { inNursery } from "../_in_nursery.ts";
import { currentNode, within } from "../_context.ts";
import { feed, requireSource } from "./_feed.ts";
import { ClosedResourceError, EndOfChannel, isCancelled } from "../errors.ts";
import type { Nursery } from "../nursery.ts";
import { type MemoryReceiveChannel, openMemoryChannel } from "../channels/memory_channel.ts";
import { composedWait } from "../_composed_wait.ts";

/** Where the items come from. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;

/** How many at a time. */
export interface ConcurrencyOptions {
  /**
   * How many items are worked on at the same time, at least 1.
   *
   * @default {Infinity}
   */
  readonly concurrency?: number;
}

/**
 * Calls an async function for each item of a source, and returns the results in the order of the items.
 *
 * The source is read lazily: an item is asked for when somebody is free to work on it. The first error, of the
 * function or the source, cancels the rest, waits for it, and is thrown itself (`suppressedErrors()` has the others); a
 * source that was not read to its end is told so, once, by its `return()`. A `Cancelled` that the work brings along,
 * as of a task it has joined, is an error like any other.
 *
 * **Cancellation:** everything is cancelled and waited for; the source's `return()` is called.
 *
 * **Cost:** a task for each of the `concurrency`, not for each item.
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
 * @param source The items.
 * @param fn What to do; gets the item and its number, from 0.
 * @param options How many at a time.
 * @returns The results, in the order of the items.
 * @throws {TypeError} If `source` cannot be iterated, or `fn` is not a function.
 * @throws {RangeError} If `concurrency` is not a whole number >= 1 or `Infinity`.
 */
export function map<T, R>(
  source: Source<T>,
  fn: (item: T, index: number) => R | Promise<R>,
  options: ConcurrencyOptions = {},
): Promise<R[]> {
  const results: R[] = [];
  return composedWait(async () => {
    await each("map", source, { fn, keep: (result, index) => void (results[index] = result), ...options });
    return results;
  });
}

/**
 * Calls an async function for each item of a source: `map()` without results.
 *
 * **Cancellation:** everything is cancelled and waited for; the source's `return()` is called.
 *
 * @example Two at a time
 * ```ts
 * import { forEach, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const order: number[] = [];
 * await forEach([3, 1, 2], async (n) => {
 *   await sleep(n);
 *   order.push(n);
 * }, { concurrency: 2 });
 * assertEquals(order.length, 3);
 * ```
 *
 * @param source The items.
 * @param fn What to do; gets the item and its number, from 0.
 * @param options How many at a time.
 * @returns A promise that resolves when all are done.
 * @throws {TypeError} If `source` cannot be iterated, or `fn` is not a function.
 * @throws {RangeError} If `concurrency` is not a whole number >= 1 or `Infinity`.
 */
export function forEach<T>(
  source: Source<T>,
  fn: (item: T, index: number) => unknown,
  options: ConcurrencyOptions = {},
): Promise<void> {
  return composedWait(() => each("go through a source", source, { fn, ...options }));
}

/**
 * Calls an async function for each item of a source, and gives the results as they come: an async iterable.
 *
 * Nothing begins before the first result is asked for. A result waits until it is taken, and so does its worker: a slow
 * consumer slows everything down. Leaving the loop early cancels what is running, waits for it, and calls the source's
 * `return()`. The iterable can be gone through once.
 *
 * **Cancellation:** everything is cancelled and waited for.
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
 * @param source The items.
 * @param fn What to do; gets the item and its number, from 0.
 * @param options How many at a time.
 * @returns The results, in the order in which they are ready.
 * @throws {TypeError} If `source` cannot be iterated, or `fn` is not a function.
 * @throws {RangeError} If `concurrency` is not a whole number >= 1 or `Infinity`.
 */
export function asCompleted<T, R>(
  source: Source<T>,
  fn: (item: T, index: number) => R | Promise<R>,
  options: ConcurrencyOptions = {},
): AsyncIterableIterator<R> {
  requireSource("go through results", source, fn, options.concurrency ?? Infinity);
  return new Results(source, fn, options);
}

interface Each<T, R> extends ConcurrencyOptions {
  readonly fn: (item: T, index: number) => R | Promise<R>;
  readonly keep?: (result: R, index: number) => unknown;
}

async function each<T, R>(action: string, source: Source<T>, { fn, keep, concurrency = Infinity }: Each<T, R>) {
  requireSource(action, source, fn, concurrency);
  const work = keep === undefined ? fn : async (item: T, index: number) => keep(await fn(item, index), index);
  await feed(source, { concurrency, work });
}

/** The work runs in a nursery of its own, below the scope in which the iterable was made. */
class Results<T, R> implements AsyncIterableIterator<R>, AsyncDisposable {
  readonly #node = currentNode();
  readonly #start: () => Promise<void>;
  readonly #results: MemoryReceiveChannel<R>;
  #nursery: Nursery | null = null;
  /** Settled when nothing is left running. */
  #running: Promise<void> | null = null;

  constructor(
    source: Source<T>,
    fn: (item: T, index: number) => R | Promise<R>,
    { concurrency = Infinity }: ConcurrencyOptions,
  ) {
    const [send, receive] = openMemoryChannel<R>(0, { name: "results" });
    this.#results = receive;
    const work = async (item: T, index: number) => await send.send(await fn(item, index));
    this.#start = async () => {
      using _send = send;
      await inNursery(async (nursery) => {
        this.#nursery = nursery;
        await feed(source, { concurrency, work });
      });
    };
  }

  next(): Promise<IteratorResult<R>> {
    if (this.#running === null) {
      this.#running = within(this.#node, this.#start, undefined);
      // Whoever asks for the next result, or leaves, gets the error.
      this.#running.catch(() => {});
    }
    return composedWait(() => this.#next(this.#running as Promise<void>));
  }

  return(value?: unknown): Promise<IteratorResult<R>> {
    return composedWait(async () => {
      await this.#stop();
      return { done: true, value } as IteratorResult<R>;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Throws no `Cancelled`, which would hide the error of the block: the next wait throws it again. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#stop();
    } catch (error) {
      if (!isCancelled(error)) throw error;
    }
  }

  async #next(running: Promise<void>): Promise<IteratorResult<R>> {
    try {
      return { done: false, value: await this.#results.receive() };
    } catch (error) {
      if (error instanceof ClosedResourceError) return { done: true, value: undefined };
      // Only this call was cancelled, or cut short by a timeout: the work goes on.
      if (isCancelled(error) && this.#node.cancelled === null) throw error;
      await running;
      if (!(error instanceof EndOfChannel)) throw error;
      return { done: true, value: undefined };
    }
  }

  async #stop(): Promise<void> {
    this.#running ??= Promise.resolve();
    this.#nursery?.cancel("nobody wants the results any more");
    this.#results.close();
    await this.#running;
  }
}
