/**
 * Working through a source of items with a limited number of tasks.
 *
 *     source ──next()──▶ one worker at a time ──▶ fn(item, index) ──▶ result
 *
 * Workers, not a task per item: each takes an item, works on it, and takes the next, so 100,000 items cost 100 tasks. A
 * worker starts another one after it has got an item, up to the limit: there are never more than there is work for. An
 * async source is asked by one worker at a time, and only when somebody is free: that is the backpressure.
 */

import type { MapOptions } from "./map_options.ts";
import { type Jobs, runJobs } from "../kernel/hidden_nursery.ts";
import { requireCount, requireFunction, requireOptions, show } from "../base/check.ts";
import { currentNode, isolated } from "../kernel/context.ts";
import { failureOf } from "../kernel/elsewhere.ts";
import { ErrorGroup } from "../kernel/error_group.ts";
import { NOTHING } from "../base/error_tree.ts";
import { requireSource, type Source, SourceReader } from "../kernel/source.ts";
import { afterFailure, mark, withSuppressed } from "../kernel/suppressed.ts";
import type { StatusNode } from "../kernel/node.ts";
import { outOfTurn, refuse, yieldTurn } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

const NEXT: WaitReason = { kind: "next item" };

/** Checks the arguments of a function that works through a source. */
export function requireFeed(action: string, source: unknown, fn: unknown, options: MapOptions): void {
  requireOptions(action, options);
  const { concurrency = Infinity, errors = "first", stop } = options;
  requireSource(action, source, "an iterable or async iterable");
  requireFunction(action, "fn", fn);
  requireCount(action, "concurrency", concurrency);
  if (concurrency === 0) throw new RangeError(`Cannot ${action} as "concurrency" must be >= 1: received 0`);
  if (errors !== "first" && errors !== "collect") {
    throw new RangeError(`Cannot ${action} as "errors" must be "first" or "collect": received ${show(errors)}`);
  }
  if (stop !== undefined) requireFunction(action, "stop", stop);
}

/** What is done with an item. */
type Work<T> = (item: T, index: number) => unknown;

/**
 * Works through a source; the first error is thrown itself, or all of them in a group. The source is told if it was not
 * read to its end.
 */
export async function feed<T>(source: Source<T>, options: MapOptions, work: Work<T>): Promise<void> {
  const since = mark();
  const workers = new Workers(source, options, work);
  try {
    const jobs = await runJobs((jobs) => workers.start(jobs));
    jobs.requireWhole();
  } catch (error) {
    return await afterFailure(workers.thrown(error, since), since, () => workers.stop());
  }
  const failed = workers.failed();
  if (failed !== null) throw failed;
}

const READY = Promise.resolve();

/** See the header. */
class Workers<T> {
  readonly #reader: SourceReader<T>;
  readonly #work: Work<T>;
  /** The most usual source runs no code of others. */
  readonly #plain: boolean;
  readonly #concurrency: number;
  readonly #collect: boolean;
  #jobs!: Jobs;
  /** Whether somebody is asking an async source for its next item, and who waits for the turn to do so. */
  #asking = false;
  readonly #waiters = new WaitQueue<void>();
  #count = 0;
  #index = 0;
  /** What is collected. */
  readonly #failures: { readonly index: number; readonly error: unknown }[] = [];

  constructor(source: Source<T>, options: MapOptions, work: Work<T>) {
    this.#reader = new SourceReader(source, NEXT, options.stop);
    this.#work = work;
    this.#plain = Array.isArray(source);
    this.#concurrency = options.concurrency ?? Infinity;
    this.#collect = options.errors === "collect";
  }

  /** All that was collected, in the order of the items. */
  failed(): ErrorGroup | null {
    if (this.#failures.length === 0) return null;
    return new ErrorGroup(this.#failures.sort((a, b) => a.index - b.index).map(({ error }) => error));
  }

  /**
   * What is thrown when something has ended the work: a cancellation is noticed again by the next wait, a failure is
   * not.
   */
  thrown(error: unknown, since: number): unknown {
    const failed = this.failed();
    if (failed === null) return error;
    const failure = failureOf(currentNode(), error);
    return failure === NOTHING ? failed : withSuppressed(failed, [failure], since);
  }

  start(jobs: Jobs): void {
    this.#jobs = jobs;
    this.#add();
  }

  /** When all workers have ended; the source perhaps not. */
  async stop(): Promise<void> {
    await this.#reader.close();
  }

  #add(): void {
    this.#count++;
    this.#jobs.start(() => this.#workOn(), "worker");
  }

  async #workOn(): Promise<void> {
    const node = currentNode();
    const step = (): Promise<boolean> => this.#step(node);
    // In a microtask of its own, each item begins with the async context of the worker, whatever the one before has
    // done to its own (`enterWith()`, as tracers and loggers do). Entering one for each would cost three times as much.
    while (await READY.then(step));
  }

  /** Works on one item; returns whether to go on. */
  async #step(node: StatusNode): Promise<boolean> {
    if (node.cancelled !== null) {
      if (this.#jobs.cancelled) return await refuse(node);
      // The work has cancelled the task that happened to do it; another one goes on with the rest.
      this.#count--;
      this.#add();
      return false;
    }
    let result: IteratorResult<T>;
    try {
      if (this.#reader.isAsync) result = await isolated(node, () => this.#ask());
      else result = this.#plain ? this.#reader.take() : isolated(node, () => this.#reader.take());
    } catch (error) {
      this.#failed(error, Infinity);
      return false;
    }
    if (result.done) return false;
    const index = this.#index++;
    if (this.#count < this.#concurrency && !this.#reader.over) this.#add();
    try {
      await this.#work(result.value, index);
    } catch (error) {
      this.#failed(error, index);
    }
    // Not a checkpoint, but work that waits for nothing must not starve the event loop.
    if (outOfTurn(node)) await yieldTurn(node, undefined);
    return true;
  }

  async #ask(): Promise<IteratorResult<T>> {
    if (this.#asking) await this.#waiters.park(NEXT);
    this.#asking = true;
    try {
      return await this.#reader.ask();
    } finally {
      // The turn stays taken when somebody was woken to have it; also when nothing more comes, which the next one is to
      // hear.
      this.#asking = this.#waiters.wakeFirst();
    }
  }

  /** An item, or with `Infinity` the source, has failed: throws the error or collects it. */
  #failed(error: unknown, index: number): void {
    const failure = this.#jobs.failureOf(error);
    if (failure === NOTHING) throw error;
    if (!this.#collect) throw failure;
    this.#failures.push({ index, error: failure });
  }
}
