/**
 * Ends what is merely idle when a shutdown begins: a wait, or the next step of a loop.
 *
 * Of a loop, each `next()` of the source runs in a scope that a shutdown cancels. A source that waits for operations of
 * this library is done within the turn: with `Cancelled`, or with a value that was handed over before, which must not
 * be lost. What is still pending after that, and does not clean up, waits for something else, and might for ever: it is
 * told by its `return()`, and left. Unlike `SourceReader`, which waits for that `return()` as it can be given a `stop`:
 * a shutdown must not hang on one source.
 */

import { faultOf, requireFunction } from "../base/check.ts";
import { CancelScope, type ScopeOutcome, scopes } from "../kernel/cancel_scope.ts";
import { iteratorOf } from "../kernel/iterator_of.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { currentNode } from "../kernel/context.ts";
import { read } from "../base/foreign.ts";
import { hostImmediate } from "../base/host_time.ts";
import { ignore } from "../base/quiet.ts";
import { promiseOf, settlementOf } from "../kernel/settlement.ts";
import { isBusy } from "../kernel/status.ts";
import type { StatusNode } from "../kernel/node.ts";
import { afterFailure, mark } from "../kernel/suppressed.ts";
import { refuse, yieldTurn } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";

const NEXT: WaitReason = { kind: "next item" };

/**
 * Runs a function that only waits for new work, and cancels it as soon as a shutdown begins.
 *
 * Wrap the wait for new work (the next request, the next connection), not the work itself. Then `scope.shutdown()` ends
 * the idle waits at once and gives the work in progress the grace.
 *
 * **Cancellation:** a shutdown of any scope around it cancels the body, and the outcome says so; a cancellation from
 * outside passes through. What is lost then depends on the body.
 *
 * @example A worker that finishes its job, but takes no new one
 * ```ts
 * import { CancelScope, sleep, sleepForever, untilShutdown } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const scope = new CancelScope();
 * setTimeout(() => scope.shutdown({ grace: 10_000 }), 1);
 * const outcome = await scope.run(async () => {
 *   const next = await untilShutdown(() => sleepForever());
 *   if (next.cancelledCaught) await sleep(2); // finish what is open
 *   return "drained";
 * });
 * assert(outcome.value === "drained");
 * ```
 *
 * @param body What to run.
 * @returns What the body returned, or that the shutdown ended it.
 * @category Scopes and timeouts
 */
export function untilShutdown<T>(body: () => T | Promise<T>): Promise<ScopeOutcome<T>>;
/**
 * Iterates an async iterable, and ends the iteration when a shutdown begins.
 *
 * The loop ends as if the source had ended. The item in progress is finished, and no other is taken: an item that is
 * there already stays in the source. To the source it looks as if the loop had been left by `break`: its iterator's
 * `return()` is called, if it has one. So the end of a memory channel stays open, a subscription of a broadcast channel
 * is closed, and a generator runs its `finally` blocks.
 *
 * **Cancellation:** a shutdown of any scope around the loop ends it; a cancellation from outside passes through. Waits
 * of this library in the source are cancelled; what is lost then depends on the source. If the source waits for
 * something else, its `return()` is called and the loop ends without waiting for it: the item it was about to give is
 * lost.
 *
 * @example A worker that finishes its job when a shutdown begins
 * ```ts
 * import { CancelScope, openMemoryChannel, sleep, untilShutdown } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const [send, jobs] = openMemoryChannel<string>(2);
 * send.trySend("first");
 * send.trySend("second");
 * const done: string[] = [];
 * await new CancelScope().run(async (scope) => {
 *   for await (const job of untilShutdown(jobs)) {
 *     scope.shutdown({ grace: 10_000 });
 *     await sleep(1); // work in progress goes on
 *     done.push(job);
 *   }
 * });
 * assertEquals(done, ["first"]);
 * assertEquals(jobs.tryReceive(), "second");
 * ```
 *
 * @param source The source, which may be a `ReadableStream`.
 * @returns An iterable to loop over. Each loop over it begins a loop over the source.
 * @category Scopes and timeouts
 */
export function untilShutdown<T>(source: AsyncIterable<T>): AsyncIterable<T>;
export function untilShutdown<T>(
  what: (() => T | Promise<T>) | AsyncIterable<T>,
): Promise<ScopeOutcome<T>> | AsyncIterable<T> {
  if (typeof what !== "function" && typeof read(what, Symbol.asyncIterator) === "function") {
    return new UntilShutdown(what as AsyncIterable<T>);
  }
  const body = what as () => T | Promise<T>;
  const fault = faultOf(() => requireFunction("wait until shutdown", "body", body));
  if (fault !== null) return Promise.reject(fault);
  const scope = new CancelScope();
  scopes.endAtShutdown(scope);
  return scope.run(() => body());
}

/**
 * Tells whether a shutdown was requested for the calling code: see `CancelScope.shutdown()`.
 *
 * @example Leaving a loop between two pieces of work
 * ```ts
 * import { moveOnAfter, shutdownRequested } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * await moveOnAfter(1_000, (scope) => {
 *   assert(!shutdownRequested());
 *   scope.shutdown();
 *   assert(shutdownRequested());
 * });
 * ```
 *
 * @returns Whether this code should wind down.
 * @category Scopes and timeouts
 */
export function shutdownRequested(): boolean {
  return currentNode().shutdown;
}

/** Each loop over it begins one over the source. */
class UntilShutdown<T> implements AsyncIterable<T> {
  readonly #source: AsyncIterable<T>;

  constructor(source: AsyncIterable<T>) {
    this.#source = source;
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return new Iteration(this.#source);
  }
}

class Iteration<T> implements AsyncIterator<T> {
  readonly #source: AsyncIterable<T>;
  /** That of the source, once it was asked for. */
  #inner: AsyncIterator<T> | null = null;
  #over = false;
  /** It is still being asked for an item, and nobody in the run can say when that ends. Written by `#ask()`. */
  #stuck = false;

  constructor(source: AsyncIterable<T>) {
    this.#source = source;
  }

  next(): Promise<IteratorResult<T>> {
    const node = currentNode();
    if (node.cancelled !== null) return this.#inner === null ? refuse(node) : composedWait(() => this.#refuse(node));
    return composedWait(async () => {
      if (this.#over || node.shutdown) {
        await yieldTurn(node, undefined);
        return await this.#end();
      }
      const scope = new CancelScope();
      scopes.endAtShutdown(scope);
      let outcome: ScopeOutcome<IteratorResult<T>>;
      try {
        outcome = await scope.run(() => this.#ask());
      } catch (error) {
        if (this.#stuck) await this.#end();
        throw error;
      }
      if (outcome.cancelledCaught) return await this.#end();
      if (outcome.value.done) this.#over = true;
      return outcome.value;
    });
  }

  /** The loop is left. */
  return(): Promise<IteratorResult<T>> {
    return this.#end();
  }

  /** Leaves the source, as a loop does that is left by `break`. */
  async #end(): Promise<IteratorResult<T>> {
    if (!this.#over) {
      this.#over = true;
      const told = promiseOf(() => this.#inner?.return?.());
      // It might wait for ever behind what the source is asked for.
      if (this.#stuck) told.catch(ignore);
      else await told;
    }
    return { done: true, value: undefined };
  }

  /** The loop was cancelled beside a wait for an item: it ends by the error, after which nobody calls `return()`. */
  async #refuse(node: StatusNode): Promise<never> {
    const since = mark();
    try {
      return await refuse(node);
    } catch (error) {
      return await afterFailure(error, since, async () => void await this.#end());
    }
  }

  async #ask(): Promise<IteratorResult<T>> {
    const inner = this.#inner ??= iteratorOf(this.#source) as AsyncIterator<T>;
    const node = currentNode();
    const asked = promiseOf(() => inner.next());
    const question = settlementOf(asked);
    try {
      return await question.wait(node, NEXT);
    } catch (error) {
      if (question.state === "pending") await turn(node);
      // What waits for operations of this library although it is cancelled is cleaning up, and will be done.
      if (question.state !== "pending" || isBusy(node)) return await asked;
      this.#stuck = true;
      throw error;
    }
  }
}

/** What had been granted before has arrived after this, also if it was put off to a later turn, and passed on. */
async function turn(node: StatusNode): Promise<void> {
  await yieldTurn(node, undefined);
  for (let i = 0; i < 2; i++) await new Promise<void>((done) => hostImmediate(done));
}
