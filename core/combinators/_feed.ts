/**
 * Working through a source of items with a limited number of tasks.
 *
 *     source ──next()──▶ one worker at a time ──▶ fn(item, index) ──▶ result
 *
 * Workers, not a task per item: each takes an item, works on it, and takes the next, so 100,000 items cost 100 tasks. A
 * worker starts another one after it has got an item, up to the limit: there are never more than there is work for. An
 * async source is asked by one worker at a time, and only when somebody is free: that is the backpressure.
 */

import type { Source } from "./map.ts";
import { inNursery, type NoteFailure } from "../_in_nursery.ts";
import { requireCount, requireFunction, show } from "../_check.ts";
import { currentNode } from "../_context.ts";
import { isCancelled } from "../errors.ts";
import type { Nursery } from "../nursery.ts";
import { afterFailure } from "../suppressed_errors.ts";
import { outOfTurn, pass, refuse, type WaitReason } from "../_waiter.ts";
import { isAsync, iteratorOf } from "../channels/web_streams.ts";
import { WaitQueue } from "../_wait_queue.ts";

const NEXT_ITEM: WaitReason = { kind: "next item" };

/** Checks the arguments of a function that works through a source. */
export function requireSource(action: string, source: unknown, fn: unknown, concurrency: number): void {
  const iterable = source as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined;
  if (typeof (iterable?.[Symbol.asyncIterator] ?? iterable?.[Symbol.iterator]) !== "function") {
    throw new TypeError(`Cannot ${action} as "source" must be an iterable or async iterable: received ${show(source)}`);
  }
  requireFunction(action, "fn", fn);
  requireCount(action, "concurrency", concurrency);
  if (concurrency === 0) throw new RangeError(`Cannot ${action} as "concurrency" must be >= 1: received 0`);
}

/** How a source is worked through. */
export interface FeedOptions<T> {
  readonly concurrency: number;
  readonly work: (item: T, index: number) => unknown;
}

/** Works through a source; the first error is thrown itself. The source is told if it was not read to its end. */
export async function feed<T>(source: Source<T>, options: FeedOptions<T>): Promise<void> {
  const workers = new Workers(source, options);
  try {
    await inNursery((nursery, failed) => workers.start(nursery, failed));
  } catch (error) {
    throw await afterFailure(error, () => workers.stop());
  }
  await workers.stop();
}

/** See the header. */
class Workers<T> {
  readonly #source: Source<T>;
  readonly #options: FeedOptions<T>;
  #nursery: Nursery | null = null;
  #failed: NoteFailure = (error) => error;
  #iterator: Iterator<T> | AsyncIterator<T> | null = null;
  #isAsync = false;
  /** Whether somebody is asking an async source for its next item, and who waits for the turn to do so. */
  #asking = false;
  readonly #line = new WaitQueue<void>();
  #count = 0;
  #index = 0;
  /** The source has ended or failed: nothing more is to be asked of it. */
  #ended = false;

  constructor(source: Source<T>, options: FeedOptions<T>) {
    this.#source = source;
    this.#options = options;
  }

  start(nursery: Nursery, failed: NoteFailure): void {
    this.#nursery = nursery;
    this.#failed = failed;
    this.#isAsync = isAsync(this.#source);
    this.#iterator = iteratorOf(this.#source);
    this.#add();
  }

  /** When all workers have ended. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#iterator?.return?.();
  }

  #add(): void {
    this.#count++;
    (this.#nursery as Nursery).startSoon(() => this.#worker(), { name: "worker" });
  }

  async #worker(): Promise<void> {
    try {
      await this.#work();
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async #work(): Promise<void> {
    const node = currentNode();
    const { concurrency, work } = this.#options;
    while (true) {
      if (node.cancelled !== null) return await refuse(node);
      const result = this.#isAsync ? await this.#ask() : this.#take();
      if (result.done) return;
      const index = this.#index++;
      if (this.#count < concurrency && !this.#ended) this.#add();
      await work(result.value, index);
      // Not a checkpoint, but work that waits for nothing must not starve the event loop.
      if (outOfTurn(node)) await pass(node, undefined);
    }
  }

  #take(): IteratorResult<T> {
    if (this.#ended) return DONE;
    // Ended also if it throws.
    this.#ended = true;
    const result = (this.#iterator as Iterator<T>).next();
    this.#ended = result.done === true;
    return result;
  }

  async #ask(): Promise<IteratorResult<T>> {
    if (this.#asking) await this.#line.park(NEXT_ITEM);
    if (this.#ended) {
      // Nobody asks any more: who comes later must not wait for a turn.
      this.#asking = this.#line.wakeFirst();
      return DONE;
    }
    this.#asking = true;
    let ended = true;
    try {
      const result = await (this.#iterator as AsyncIterator<T>).next();
      ended = result.done === true;
      return result;
    } catch (error) {
      // A source that failed is done for; one whose wait we have cancelled may hold something still.
      ended = !isCancelled(error);
      throw error;
    } finally {
      this.#ended = ended;
      // The turn stays taken when somebody was woken to have it.
      this.#asking = this.#line.wakeFirst();
    }
  }
}

const DONE: IteratorResult<never> = { done: true, value: undefined };
