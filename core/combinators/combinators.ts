/**
 * What JavaScript people know from `Promise`, in a form in which nothing is left running.
 *
 * They take functions, not promises: only what has not begun can be put into a nursery. Each opens one, so losers are
 * cancelled and waited for. The nursery does not show: the first error is thrown itself, not in a group.
 */

import { inNursery, isOver, type NoteFailure } from "../_in_nursery.ts";
import { requireFunction, show } from "../_check.ts";
import { ErrorGroup } from "../error_group.ts";
import { isCancelled } from "../errors.ts";
import type { Nursery } from "../nursery.ts";
import { composedWait } from "../_composed_wait.ts";
import type { TaskImpl } from "../_task.ts";

/** What a combinator runs. */
export type Job<T> = () => T | Promise<T>;

/** What one of them gives. */
export type ResultOfJob<F> = F extends () => infer R ? Awaited<R> : never;

/** The results of a list or tuple of jobs, in its shape. */
export type ResultsOf<J extends Iterable<Job<unknown>>> = J extends readonly Job<unknown>[]
  ? { -readonly [K in keyof J]: ResultOfJob<J[K]> }
  : J extends Iterable<Job<infer T>> ? Awaited<T>[]
  : never;

/** One result of a list of jobs. */
export type ResultOf<J extends Iterable<Job<unknown>>> = J extends Iterable<infer F extends Job<unknown>>
  ? ResultOfJob<F>
  : never;

/** The outcomes of a list or tuple of jobs, in its shape. */
export type OutcomesOf<J extends Iterable<Job<unknown>>> = J extends readonly Job<unknown>[]
  ? { -readonly [K in keyof J]: PromiseSettledResult<ResultOfJob<J[K]>> }
  : PromiseSettledResult<ResultOf<J>>[];

/**
 * Runs functions at the same time, and returns all their results in order: `Promise.all` with nothing left running.
 *
 * The first failure cancels the others, waits for them, and is thrown itself; `suppressedErrors()` has the rest. A job
 * that ends by a `Cancelled` of its own, as of a task it has joined, has failed with that.
 *
 * **Cancellation:** all are cancelled, and waited for.
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
 */
export function all<const J extends readonly Job<unknown>[] | Iterable<Job<unknown>>>(jobs: J): Promise<ResultsOf<J>> {
  return composedWait(async () => {
    const list = check("run all", jobs);
    const tasks: TaskImpl<unknown>[] = [];
    await inNursery((nursery) => {
      for (const job of list) tasks.push(nursery.startSoon(job) as TaskImpl<unknown>);
    });
    for (const { state, outcome } of tasks) if (state === "cancelled") throw outcome;
    return tasks.map(({ outcome }) => outcome) as ResultsOf<J>;
  });
}

/**
 * Runs functions at the same time, and says of each how it ended: `Promise.allSettled`.
 *
 * A failure does not disturb the others.
 *
 * **Cancellation:** all are cancelled and waited for, and `Cancelled` is thrown.
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
 * @returns How each has ended, in order.
 * @throws {TypeError} If one of them is not a function; then none is called.
 */
export function allSettled<const J extends readonly Job<unknown>[] | Iterable<Job<unknown>>>(
  jobs: J,
): Promise<OutcomesOf<J>> {
  return composedWait(async () => {
    const list = check("run all", jobs);
    const outcomes: PromiseSettledResult<unknown>[] = new Array(list.length);
    await inNursery((nursery) => {
      list.forEach((job, index) =>
        nursery.startSoon(async () => {
          try {
            outcomes[index] = { status: "fulfilled", value: await job() };
          } catch (reason) {
            if (isCancelled(reason) && isOver(nursery)) throw reason;
            outcomes[index] = { status: "rejected", reason };
          }
        }, { name: job.name })
      );
    });
    return outcomes as OutcomesOf<J>;
  });
}

/**
 * Runs functions at the same time, and returns or throws as the first one to end does: `Promise.race` with nothing
 * left running.
 *
 * The others are cancelled and waited for. If one of them fails meanwhile, by something else than the cancellation,
 * that error is not lost: it is thrown instead of the result, or kept in `suppressedErrors()` of the error.
 *
 * **Cancellation:** all are cancelled, and waited for.
 *
 * @example Whichever mirror answers first
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
 * @returns The result of the first.
 * @throws {RangeError} If there is none.
 * @throws {TypeError} If one of them is not a function; then none is called.
 */
export function race<const J extends readonly Job<unknown>[] | Iterable<Job<unknown>>>(jobs: J): Promise<ResultOf<J>> {
  return composedWait(async () => {
    const list = checkSome("race", jobs);
    const first = new First<ResultOf<J>>();
    await first.found((nursery, failed) => {
      for (const job of list) {
        nursery.startSoon(async () => {
          try {
            first.take(await job() as ResultOf<J>, nursery);
          } catch (error) {
            throw failed(error);
          }
        }, { name: job.name });
      }
    });
    return first.value;
  });
}

/**
 * Runs functions at the same time, and returns the result of the first that succeeds: `Promise.any` with nothing left
 * running.
 *
 * The others are cancelled and waited for; their failures are dropped, as those before the success are.
 *
 * **Cancellation:** all are cancelled, and waited for.
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
 * @param jobs The functions.
 * @returns The result of the first that succeeds.
 * @throws {ErrorGroup} If all fail: with their errors, in the order of the functions.
 * @throws {RangeError} If there is none.
 * @throws {TypeError} If one of them is not a function; then none is called.
 */
export function any<const J extends readonly Job<unknown>[] | Iterable<Job<unknown>>>(jobs: J): Promise<ResultOf<J>> {
  return composedWait(async () => {
    const list = checkSome("try any", jobs);
    const first = new First<ResultOf<J>>();
    const errors: unknown[] = new Array(list.length);
    await first.found((nursery) => {
      list.forEach((job, index) =>
        nursery.startSoon(async () => {
          try {
            first.take(await job() as ResultOf<J>, nursery);
          } catch (error) {
            if (isCancelled(error) && isOver(nursery)) throw error;
            errors[index] = error;
          }
        }, { name: job.name })
      );
    });
    if (first.taken) return first.value;
    // A group holds no `Cancelled`.
    const real = errors.filter((error) => !isCancelled(error));
    throw real.length > 0 ? new ErrorGroup(real) : errors[0];
  });
}

/** The result of whoever is first; the others are cancelled. */
class First<T> {
  #result: { readonly value: T } | null = null;

  get taken(): boolean {
    return this.#result !== null;
  }

  get value(): T {
    return (this.#result as { readonly value: T }).value;
  }

  take(value: T, nursery: Nursery): void {
    this.#result ??= { value };
    nursery.cancel("another one was first");
  }

  /** Runs the competitors. A result that is there is not lost to a cancellation: the next wait will notice it. */
  async found(body: (nursery: Nursery, failed: NoteFailure) => void): Promise<void> {
    try {
      await inNursery(body);
    } catch (error) {
      if (!this.taken || !isCancelled(error)) throw error;
    }
  }
}

function check(action: string, jobs: Iterable<Job<unknown>>): readonly Job<unknown>[] {
  if (typeof (jobs as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] !== "function") {
    throw new TypeError(`Cannot ${action} as "jobs" must be a list of functions: received ${show(jobs)}`);
  }
  const list = [...jobs];
  list.forEach((job, index) => requireFunction(action, `jobs[${index}]`, job));
  return list;
}

function checkSome(action: string, jobs: Iterable<Job<unknown>>): readonly Job<unknown>[] {
  const list = check(action, jobs);
  if (list.length === 0) {
    throw new RangeError(`Cannot ${action} as "jobs" must have at least one function: it is empty`);
  }
  return list;
}
