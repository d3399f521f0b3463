/**
 * Waiting for promises and iterables that know nothing of scopes.
 *
 * Over 400 lines, as both are one function to their users, and half of it is what it says of itself.
 */

import { faultOf, requireFunction, requireOptions, requireTimeout, show } from "../base/check.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { currentNode, within } from "../kernel/context.ts";
import { isAsync, iteratorOf } from "../kernel/iterator_of.ts";
import { failureOf } from "../kernel/elsewhere.ts";
import { NOTHING } from "../base/error_tree.ts";
import type { Cancelled } from "../kernel/cancelled.ts";
import { read } from "../base/foreign.ts";
import { ignore } from "../base/quiet.ts";
import { reportHook } from "../base/report_hook.ts";
import type { ForeignReason, WaitReason } from "../kernel/wait_reason.ts";
import { promiseOf, Settlement, settlementOf } from "../kernel/settlement.ts";
import { requireResult } from "../kernel/source.ts";
import type { StatusNode } from "../kernel/node.ts";
import { beginHostOperation } from "../seams/host_operation.ts";
import type { Runtime } from "../kernel/runtime.ts";
import { shielded } from "./shielded.ts";
import { refuse, yieldTurn } from "../kernel/waiter.ts";

/**
 * How long whoever was told to cancel may take by default, in milliseconds: as long as most clients wait for a server.
 */
const TELLING_TIMEOUT = 5_000;

/**
 * Options of `cancellable()`.
 *
 * @category Interop
 */
export interface CancellableOptions<T = unknown> {
  /**
   * Tells the code that does the work that its result is no longer wanted. Called once, when the wait is cancelled. It
   * runs in its own shield, so it may wait.
   */
  readonly cancel?: (cancelled: Cancelled) => unknown;
  /**
   * How long the wait may go on after it was cancelled, in milliseconds, until `cancel` is done and the work has ended.
   * The default is 5,000 with `cancel`, and 0 without it, as work that was not told to end goes on.
   */
  readonly timeout?: number;
  /** The label of the wait in the task tree. */
  readonly label?: string;
  /**
   * Who settles the promise, if you know; the wait then counts as one of its task.
   *
   * - `"run"`: other code of the run. If none of it can go on any more, that is a deadlock; and virtual time goes on
   *   meanwhile.
   * - `"host"`: the outside world. Virtual time stands still while somebody waits.
   * - `"network"`: somebody at the other end of a connection, as with a client of a database. Where the network of the run
   *   is one in memory, as in a simulation, that is `"run"`, and else `"host"`.
   *
   * By default nobody knows: a simulation gives the promise some real time, and then goes on.
   */
  readonly settledBy?: "run" | "host" | "network";
  /**
   * Called with the value if it comes after the wait was cancelled, to close what nobody will get. It is called as if
   * by the main task of the run, outside all other scopes. An error of it is printed.
   */
  readonly onAbandoned?: (value: T) => unknown;
}

/**
 * Waits for a foreign promise in a way that can be cancelled.
 *
 * Cancelling ends the wait, not the work behind the promise. The work goes on, and its result or error is dropped. To
 * end the work as well, give it a `currentSignal()`, or pass `cancel`, which tells it to end. With `cancel`, the call
 * then waits until the promise has settled, for `timeout` at most.
 *
 * The library does not know who will settle the promise, even with a `label`: say so in `settledBy`. Then deadlocks are
 * found, and virtual time behaves. A promise may be waited for any number of times; nothing is kept of a wait that is
 * over, but `onAbandoned`.
 *
 * **Cancellation:** throws `Cancelled`; the result of the promise is lost, or goes to `onAbandoned`. If the promise is fulfilled within the
 * `timeout`, its value is returned after all. If it is rejected then, that counts as the answer to `cancel`, and
 * `Cancelled` is thrown. An error of `cancel` itself is thrown.
 *
 * @example A promise that never settles
 * ```ts
 * import { cancellable, moveOnAfter } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const outcome = await moveOnAfter(1, () => cancellable(new Promise(() => {})));
 * assert(outcome.cancelledCaught);
 * ```
 *
 * @example A query that the database is told to cancel
 * ```ts
 * import { cancellable, moveOnAfter } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const log: string[] = [];
 * const { promise: query, reject } = Promise.withResolvers<string>();
 * const outcome = await moveOnAfter(1, () =>
 *   cancellable(query, {
 *     label: "select",
 *     timeout: 1_000,
 *     cancel: () => {
 *       log.push("told");
 *       reject(new Error("canceling statement due to user request"));
 *     },
 *   }));
 * assertEquals([outcome.cancelledCaught, log], [true, ["told"]]);
 * ```
 *
 * @param promise The promise, or anything with a `then`.
 * @param options How to end the work, how long to wait for its end, and a label.
 * @returns The value of the promise.
 * @throws {TypeError} If `promise` has no `then`, or an option is of the wrong type.
 * @throws {RangeError} If `timeout` is negative or `NaN`.
 * @category Interop
 */
export function cancellable<T>(promise: PromiseLike<T>, options?: CancellableOptions<T>): Promise<T>;
/**
 * Iterates a foreign async iterable in a way that can be cancelled.
 *
 * Use it for iterables that wait for something this library does not know, such as `Deno.watchFs()` or the subscription
 * of a driver. A plain loop over such an iterable is cancelled only when the next item comes. Leaving the loop calls
 * the iterable's `return()`. For an iterable that waits for operations of this library, use `toChannel()`: it also
 * keeps an item whose wait was cancelled.
 *
 * **Cancellation:** ends the iteration with `Cancelled`. It calls `cancel`, if given, and the iterable's `return()` at
 * once. The item that was being waited for is lost, or goes to `onAbandoned`. The loop waits until these calls and that item are done, for
 * `timeout` at most.
 *
 * @example Watching a folder for a while
 * ```ts
 * import { cancellable, moveOnAfter } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * // Gives one event, and then waits for ever, as a watcher does.
 * async function* watch(): AsyncGenerator<string> {
 *   yield "created";
 *   await new Promise(() => {});
 * }
 * const events: string[] = [];
 * const outcome = await moveOnAfter(5, async () => {
 *   for await (const event of cancellable(watch())) events.push(event);
 * });
 * assertEquals([outcome.cancelledCaught, events], [true, ["created"]]);
 * ```
 *
 * @param iterable The iterable.
 * @param options How to end the work, how long to wait for its end, and a label.
 * @returns An iterator over the same items; it can be iterated once.
 * @throws {TypeError} If an option is of the wrong type.
 * @throws {RangeError} If `timeout` is negative or `NaN`.
 * @category Interop
 */
export function cancellable<T>(iterable: AsyncIterable<T>, options?: CancellableOptions<T>): CancellableIterator<T>;
export function cancellable<T>(
  source: PromiseLike<T> | AsyncIterable<T>,
  options: CancellableOptions<T> = {},
): Promise<T> | CancellableIterator<T> {
  const iterable = typeof read(source, "then") !== "function" && isAsync(source);
  const fault = faultOf(() => requireForeign(source, iterable, options));
  if (iterable) {
    if (fault !== null) throw fault;
    return new ForeignIterator(source as AsyncIterable<T>, options);
  }
  if (fault !== null) return Promise.reject(fault);
  const node = currentNode();
  try {
    // Asked in any case, so that from now on its rejection is nobody's.
    const settlement = settlementOf(source as PromiseLike<T>);
    const { cancel, timeout = 0, onAbandoned } = options;
    if (cancel !== undefined || timeout > 0 || settlerOf(node, options) === "host" || onAbandoned !== undefined) {
      return composedWait(() => waitAndTell(node, settlement, options));
    }
    return node.cancelled !== null ? refuse(node) : waitFor(settlement, node, options);
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * The iterator that `cancellable()` makes of an async iterable.
 *
 * @category Interop
 */
export interface CancellableIterator<T> extends AsyncIterableIterator<T>, AsyncDisposable {
}

function requireForeign<T>(source: unknown, iterable: boolean, options: CancellableOptions<T>): void {
  requireOptions("wait", options);
  const { cancel, timeout = 0, label = "", settledBy, onAbandoned } = options;
  if (!iterable && typeof read(source, "then") !== "function") {
    throw new TypeError(`Cannot wait as "promise" must be a promise: received ${show(source)}`);
  }
  if (cancel !== undefined) requireFunction("wait", "cancel", cancel);
  requireTimeout("wait", "timeout", timeout);
  if (typeof label !== "string") {
    throw new TypeError(`Cannot wait as "label" must be a string: received ${show(label)}`);
  }
  if (settledBy !== undefined && !SETTLERS.includes(settledBy)) {
    throw new RangeError(`Cannot wait as "settledBy" must be "run", "host" or "network": received ${show(settledBy)}`);
  }
  if (onAbandoned !== undefined) requireFunction("wait", "onAbandoned", onAbandoned);
}

const SETTLERS: readonly unknown[] = ["run", "host", "network"];

/** Who settles a promise, as far as the run is concerned. */
function settlerOf(node: StatusNode, { settledBy }: CancellableOptions<never>): "run" | "host" | undefined {
  if (settledBy !== "network") return settledBy;
  return (node.task.runtime as Runtime).network?.inMemory === true ? "run" : "host";
}

/** What is waited for, in the task tree. */
interface Kind {
  readonly foreign: ForeignReason;
  readonly known: string;
}

const A_PROMISE: Kind = { foreign: { kind: "foreign promise", foreign: true }, known: "promise" };
const AN_ITEM: Kind = { foreign: { kind: "foreign iterable", foreign: true }, known: "item" };

/** Waits for a settlement, known or not. */
function waitFor<T>(
  settlement: Settlement<T>,
  node: StatusNode,
  options: CancellableOptions<never>,
  kind = A_PROMISE,
): Promise<T> {
  const { label } = options;
  const settledBy = settlerOf(node, options);
  if (settledBy === undefined) {
    return settlement.wait(node, label === undefined ? kind.foreign : { ...kind.foreign, label });
  }
  const reason: WaitReason = { kind: kind.known, ...label === undefined ? undefined : { label } };
  if (settledBy === "run") return settlement.waitKnown(node, reason);
  const operation = beginHostOperation(label ?? kind.known);
  return composedWait(async () => {
    try {
      return await settlement.waitKnown(node, reason);
    } finally {
      operation.end();
    }
  });
}

/** Nobody waits any more: what may still come goes to `onAbandoned`, as if the main task had called it. */
function abandon<R, T>(
  node: StatusNode,
  settlement: Settlement<R>,
  onAbandoned: ((value: T) => unknown) | undefined,
  valueOf: (result: R) => T | typeof NOTHING,
): void {
  if (onAbandoned === undefined || settlement.state === "rejected") return;
  const { root } = node.task.runtime as Runtime;
  const tell = (result: R): void => {
    const value = valueOf(result);
    if (value === NOTHING) return;
    within(root, () => promiseOf(() => onAbandoned(value as T)), undefined)
      .catch((error) => reportHook("Cannot let go of what came too late as onAbandoned() threw", error));
  };
  if (settlement.state === "pending") settlement.tellOfValue(tell);
  else tell(settlement.result as R);
}

/** Waits; if that is cancelled, tells whoever does the work, and gives it some time. */
async function waitAndTell<T>(node: StatusNode, settlement: Settlement<T>, options: CancellableOptions<T>): Promise<T> {
  let { cancelled } = node;
  const begun = cancelled === null;
  if (cancelled === null) {
    try {
      return await waitFor(settlement, node, options);
    } catch (error) {
      // An end that comes in the very moment of the cancellation is not lost.
      if (settlement.state === "rejected") throw settlement.result;
      cancelled = error as Cancelled;
    }
  }
  const { cancel, timeout = 0, onAbandoned } = options;
  const abandoned = (): void => abandon(node, settlement, onAbandoned, (value) => value);
  if (cancel === undefined && timeout === 0) {
    abandoned();
    if (!begun) return await refuse(node);
    throw cancelled;
  }
  try {
    if (settlement.state === "pending") await tell(node, () => cancel?.(cancelled), options, settlement);
  } catch (error) {
    abandoned();
    throw error;
  }
  if (settlement.state === "fulfilled") return settlement.result as T;
  abandoned();
  throw cancelled;
}

/**
 * Tells whoever does the work, and waits for a while until that is done and the work has ended. Throws what the telling
 * does.
 */
async function tell(
  node: StatusNode,
  call: () => unknown,
  { cancel, timeout = cancel === undefined ? 0 : TELLING_TIMEOUT }: CancellableOptions<never>,
  work: Settlement<unknown> | null,
): Promise<void> {
  let told!: Settlement<unknown>;
  await shielded(async () => {
    const inner = currentNode();
    told = new Settlement(promiseOf(call));
    for (const each of [told, work]) {
      if (each?.state === "pending" && inner.cancelled === null) {
        await each.wait(inner, A_PROMISE.foreign).catch(ignore);
      }
    }
  }, { timeout });
  const failure = told.state === "rejected" ? failureOf(node, told.result) : NOTHING;
  if (failure !== NOTHING) throw failure;
}

/** See `cancellable()`. */
class ForeignIterator<T> implements CancellableIterator<T> {
  readonly #iterable: AsyncIterable<T>;
  readonly #options: CancellableOptions<T>;
  #iterator: AsyncIterator<T> | null = null;
  /** It has ended, failed, or been told to end. Written by all that ask or tell. */
  #over = false;

  constructor(iterable: AsyncIterable<T>, options: CancellableOptions<T>) {
    this.#iterable = iterable;
    this.#options = options;
  }

  next(): Promise<IteratorResult<T>> {
    return composedWait(() => this.#next());
  }

  return(value?: unknown): Promise<IteratorResult<T>> {
    return composedWait(async () => {
      const end = { done: true, value } as IteratorResult<T>;
      if (this.#over) return end;
      this.#over = true;
      await this.#iterator?.return?.();
      return end;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #next(): Promise<IteratorResult<T>> {
    const node = currentNode();
    const { cancelled } = node;
    if (cancelled !== null && this.#iterator === null) return await refuse(node);
    if (this.#over) {
      await yieldTurn(node, undefined);
      return { done: true, value: undefined };
    }
    if (cancelled !== null) return await this.#leave(node, cancelled, null);
    const iterator = this.#iterator ??= iteratorOf(this.#iterable) as AsyncIterator<T>;
    const question = settlementOf(promiseOf(() => iterator.next()));
    try {
      await waitFor(question, node, this.#options, AN_ITEM);
    } catch (error) {
      if (question.state === "pending") return await this.#leave(node, error as Cancelled, question);
    }
    // Also if what it gave is no result.
    this.#over = true;
    if (question.state === "rejected") throw question.result;
    const result = requireResult<T>(question.result);
    this.#over = read(result, "done") === true;
    return result;
  }

  /** The wait for the next item was cancelled, or is not begun as the scope is cancelled. */
  async #leave(node: StatusNode, cancelled: Cancelled, question: Settlement<unknown> | null): Promise<never> {
    if (!this.#over) {
      this.#over = true;
      const { cancel } = this.#options;
      const end = () => this.#iterator?.return?.();
      await tell(
        node,
        () => {
          if (cancel === undefined) return end();
          const told = promiseOf(() => cancel(cancelled));
          // It may wait for ever behind what the iterable is asked for.
          promiseOf(end).catch(ignore);
          return told;
        },
        this.#options,
        question,
      ).finally(() => this.#abandon(node, question));
    }
    throw cancelled;
  }

  #abandon(node: StatusNode, question: Settlement<unknown> | null): void {
    if (question === null) return;
    abandon(node, question, this.#options.onAbandoned, (result) => {
      return read(result, "done") === true ? NOTHING : read(result, "value") as T;
    });
  }
}
