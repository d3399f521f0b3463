/**
 * What JavaScript people know from `Promise`, in a form in which nothing is left running.
 *
 * They take functions, not promises: only what has not begun can be put into a nursery. Each opens one, so losers are
 * cancelled and waited for. The nursery does not show: the first error is thrown itself, not in a group.
 */

import { requireFunction, requireOptions, show } from "../base/check.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { currentNode } from "../kernel/context.ts";
import { dispose } from "../base/dispose.ts";
import { failureOf } from "../kernel/elsewhere.ts";
import { ErrorGroup } from "../kernel/error_group.ts";
import { NOTHING } from "../base/error_tree.ts";
import { read } from "../base/foreign.ts";
import { type Jobs, nameOf, runJobs } from "../kernel/hidden_nursery.ts";
import { afterFailure, mark } from "../kernel/suppressed.ts";

/**
 * The result of a function that a combinator runs.
 *
 * @category Combinators
 */
export type ResultOfJob<F> = F extends () => infer R ? Awaited<R> : never;

/**
 * The results of a list or tuple of functions, in the same shape.
 *
 * @category Combinators
 */
export type ResultsOf<J extends Iterable<() => unknown>> = J extends readonly (() => unknown)[]
  ? { -readonly [K in keyof J]: ResultOfJob<J[K]> }
  : J extends Iterable<() => infer T> ? Awaited<T>[]
  : never;

/**
 * The result of one function of a list.
 *
 * @category Combinators
 */
export type ResultOf<J extends Iterable<() => unknown>> = J extends Iterable<infer F extends () => unknown>
  ? ResultOfJob<F>
  : never;

/**
 * Options of `race()` and `any()`.
 *
 * @category Combinators
 */
export interface RaceOptions<T> {
  /**
   * Receives a result that comes too late, or that is there when the call fails after all. It runs in the task that had
   * the result, and is waited for. Without it, a result that is a resource is disposed of, by its `Symbol.asyncDispose`
   * or `Symbol.dispose`, and any other result is dropped.
   */
  readonly discard?: (value: T) => unknown;
}

/**
 * The outcomes of a list or tuple of functions, in the same shape.
 *
 * @category Combinators
 */
export type OutcomesOf<J extends Iterable<() => unknown>> = J extends readonly (() => unknown)[]
  ? { -readonly [K in keyof J]: PromiseSettledResult<ResultOfJob<J[K]>> }
  : PromiseSettledResult<ResultOf<J>>[];

/**
 * Runs functions at the same time, and returns all their results in order: `Promise.all` with nothing left running.
 *
 * The first failure cancels the others, waits for them, and is thrown itself; `suppressedErrors()` returns the rest. If
 * a function ends by a cancellation that is not that of the call, such as one of its own task, it has failed with a
 * `CancelledElsewhereError`.
 *
 * **Cancellation:** all functions are cancelled and waited for. In a scope that is already cancelled, none is called.
 *
 * @example Two at the same time
 * ```ts
 * import { all, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const [name, age] = await all([
 *   async () => {
 *     await sleep(1);
 *     return "ann";
 *   },
 *   () => 42,
 * ]);
 * assertEquals([name, age], ["ann", 42]);
 * ```
 *
 * @param jobs The functions.
 * @returns Their results, in order.
 * @throws {TypeError} If one of them is not a function; then none is called.
 * @category Combinators
 */
export function all<const J extends readonly (() => unknown)[] | Iterable<() => unknown>>(
  jobs: J,
): Promise<ResultsOf<J>> {
  return composedWait(async () => {
    const list = requireJobs("run all", jobs);
    const results: unknown[] = new Array(list.length);
    const ran = await runJobs((jobs) =>
      list.forEach((job, index) => jobs.start(async () => void (results[index] = await job()), nameOf(job)))
    );
    ran.requireWhole();
    return results as ResultsOf<J>;
  });
}

/**
 * Runs functions at the same time, and returns how each ended: `Promise.allSettled` with nothing left running.
 *
 * A failure does not disturb the others.
 *
 * **Cancellation:** all functions are cancelled and waited for, and `Cancelled` is thrown. If all of them finish
 * nevertheless, their outcomes are returned. In a scope that is already cancelled, none is called.
 *
 * @example One fails
 * ```ts
 * import { allSettled } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const outcomes = await allSettled([() => 1, () => Promise.reject("no")]);
 * assertEquals(outcomes, [{ status: "fulfilled", value: 1 }, { status: "rejected", reason: "no" }]);
 * ```
 *
 * @param jobs The functions.
 * @returns How each of them ended, in order.
 * @throws {TypeError} If one of them is not a function; then none is called.
 * @category Combinators
 */
export function allSettled<const J extends readonly (() => unknown)[] | Iterable<() => unknown>>(
  jobs: J,
): Promise<OutcomesOf<J>> {
  return composedWait(async () => {
    const list = requireJobs("run all", jobs);
    const outcomes: PromiseSettledResult<unknown>[] = new Array(list.length);
    const ran = await runJobs((jobs) =>
      list.forEach((job, index) =>
        jobs.start(async () => {
          try {
            outcomes[index] = { status: "fulfilled", value: await job() };
          } catch (error) {
            const reason = jobs.failureOf(error);
            if (reason === NOTHING) throw error;
            outcomes[index] = { status: "rejected", reason };
          }
        }, nameOf(job))
      )
    );
    ran.requireWhole();
    return outcomes as OutcomesOf<J>;
  });
}

/**
 * Runs functions at the same time, and ends as the first one does: `Promise.race` with nothing left running.
 *
 * The others are cancelled and waited for. If one of them fails meanwhile, for another reason than the cancellation,
 * its error is thrown instead of the result, or kept in `suppressedErrors()` of the first error. A result that comes
 * too late goes to `discard`, or is disposed of, so nothing that was opened is lost.
 *
 * **Cancellation:** all functions are cancelled and waited for. A result that is already there is still returned. In a
 * scope that is already cancelled, none is called.
 *
 * @example The mirror that answers first
 * ```ts
 * import { race, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const mirror = (name: string, ms: number) => async () => {
 *   await sleep(ms);
 *   return name;
 * };
 * assertEquals(await race([mirror("far", 60_000), mirror("near", 1)]), "near");
 * ```
 *
 * @param jobs The functions.
 * @param options What happens to results that come too late.
 * @returns The result of the first.
 * @throws {RangeError} If there is no function.
 * @throws {TypeError} If one of them, or `discard`, is not a function; then none is called.
 * @category Combinators
 */
export function race<const J extends readonly (() => unknown)[] | Iterable<() => unknown>>(
  jobs: J,
  options: RaceOptions<ResultOf<J>> = {},
): Promise<ResultOf<J>> {
  return composedWait(async () => {
    const list = requireSomeJobs("race", jobs, options);
    const first = new First<ResultOf<J>>(options);
    await first.found((jobs) => {
      for (const job of list) {
        jobs.start(async () => {
          try {
            await first.take(await job() as ResultOf<J>, jobs);
          } catch (error) {
            // Before the nursery hears of it: a result in the same turn is late already.
            if (jobs.failureOf(error) !== NOTHING) first.failed = true;
            throw error;
          }
        }, nameOf(job));
      }
    });
    return first.value;
  });
}

/**
 * Runs functions at the same time, and returns the first success: `Promise.any` with nothing left running.
 *
 * The others are cancelled and waited for. Failures are dropped, before the success and after it. A result that comes
 * too late goes to `discard`, or is disposed of, so nothing that was opened is lost. If that fails, its error is thrown
 * instead of the result.
 *
 * **Cancellation:** all functions are cancelled and waited for. A result that is already there is still returned. In a
 * scope that is already cancelled, none is called.
 *
 * @example The first that works
 * ```ts
 * import { any, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const value = await any([() => Promise.reject(new Error("down")), () => sleep(1).then(() => "up")]);
 * assertEquals(value, "up");
 * ```
 *
 * @example The first of two connections; the other one, if it is made as well, is closed
 * ```ts
 * import { any, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const closed: string[] = [];
 * const connect = (host: string) => async () => {
 *   await sleep(1);
 *   return { host };
 * };
 * const { host } = await any([connect("a"), connect("b")], { discard: ({ host }) => closed.push(host) });
 * assertEquals([host, closed], ["a", ["b"]]);
 * ```
 *
 * @param jobs The functions.
 * @param options What happens to results that come too late.
 * @returns The result of the first that succeeds.
 * @throws {ErrorGroup} If all fail: with their errors, in the order of the functions.
 * @throws {RangeError} If there is no function.
 * @throws {TypeError} If one of them, or `discard`, is not a function; then none is called.
 * @category Combinators
 */
export function any<const J extends readonly (() => unknown)[] | Iterable<() => unknown>>(
  jobs: J,
  options: RaceOptions<ResultOf<J>> = {},
): Promise<ResultOf<J>> {
  return composedWait(async () => {
    const list = requireSomeJobs("try any", jobs, options);
    const first = new First<ResultOf<J>>(options);
    const errors: unknown[] = new Array(list.length);
    const ran = await first.found((jobs) => {
      list.forEach((job, index) =>
        jobs.start(async () => {
          let value: ResultOf<J>;
          try {
            value = await job() as ResultOf<J>;
          } catch (error) {
            const failure = jobs.failureOf(error);
            if (failure === NOTHING) throw error;
            errors[index] = failure;
            return;
          }
          await first.take(value, jobs);
        }, nameOf(job))
      );
    });
    if (first.taken) return first.value;
    ran?.requireWhole();
    throw new ErrorGroup(errors);
  });
}

/** The result of whoever is first; the others are cancelled, and what they have is discarded. */
class First<T> {
  /** The call fails: there is no first any more. */
  failed = false;
  readonly #discard: (value: T) => unknown;
  #result: { readonly value: T } | null = null;

  constructor({ discard = dispose }: RaceOptions<T>) {
    this.#discard = discard;
  }

  get taken(): boolean {
    return this.#result !== null;
  }

  get value(): T {
    return (this.#result as { readonly value: T }).value;
  }

  async take(value: T, jobs: Jobs): Promise<void> {
    if (this.#result === null && !this.failed) {
      this.#result = { value };
      jobs.cancel("another one was first");
    } else if (this.#result === null || !Object.is(this.#result.value, value)) {
      await this.#discard(value);
    }
  }

  /** Runs the competitors. A result that is there is not lost to a cancellation: the next wait will notice it. */
  async found(start: (jobs: Jobs) => void): Promise<Jobs | null> {
    const since = mark();
    try {
      return await runJobs(start);
    } catch (error) {
      if (this.#result === null) throw error;
      const failure = failureOf(currentNode(), error);
      if (failure === NOTHING) return null;
      return await afterFailure(failure, since, async () => void await this.#discard(this.value));
    }
  }
}

function requireJobs(action: string, jobs: Iterable<() => unknown>): readonly (() => unknown)[] {
  if (typeof read(jobs, Symbol.iterator) !== "function") {
    throw new TypeError(`Cannot ${action} as "jobs" must be a list of functions: received ${show(jobs)}`);
  }
  const list = [...jobs];
  list.forEach((job, index) => requireFunction(action, `jobs[${index}]`, job));
  return list;
}

function requireSomeJobs(
  action: string,
  jobs: Iterable<() => unknown>,
  options: RaceOptions<never>,
): readonly (() => unknown)[] {
  requireOptions(action, options);
  const { discard } = options;
  if (discard !== undefined) requireFunction(action, "discard", discard);
  const list = requireJobs(action, jobs);
  if (list.length === 0) {
    throw new RangeError(`Cannot ${action} as "jobs" must have at least one function: it is empty`);
  }
  return list;
}
