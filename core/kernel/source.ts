/**
 * Reading a source of items that somebody else has made, in a way that can be left.
 *
 *     ask() ──▶ next() ──▶ item, end or error
 *                │ cancelled meanwhile
 *                ├── with `stop`: it is called, and the question is abandoned
 *                └── else: return() is called at once, and waited for
 *
 * A source that waits for operations of this library ends its `next()` when it is cancelled; any other has to be told.
 * `Deno.watchFs()` and `events.on()` of Node end a pending `next()` when `return()` is called, and never otherwise. A
 * native async generator puts the `return()` behind the `next()` instead: only who made it can end what it waits for,
 * hence `stop`. No iterator is trusted: its methods may throw, give no promise, or a promise that never settles.
 */

import { show } from "../base/check.ts";
import { isAsync, iteratorOf } from "./iterator_of.ts";
import { currentNode } from "./context.ts";
import { failureOf } from "./elsewhere.ts";
import { NOTHING } from "../base/error_tree.ts";
import { isObject, read } from "../base/foreign.ts";
import { hostImmediate } from "../base/host_time.ts";
import { ignore } from "../base/quiet.ts";
import { promiseOf, type Settlement, settlementOf } from "./settlement.ts";
import { isBusy } from "./status.ts";
import type { StatusNode } from "./node.ts";
import { afterFailure, mark } from "./suppressed.ts";
import { refuse } from "./waiter.ts";
import type { WaitReason } from "./wait_reason.ts";

/** Where items come from. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;

/** Requires something that can be iterated. */
export function requireSource(action: string, source: unknown, what: string): void {
  if (isAsync(source) || typeof read(source, Symbol.iterator) === "function") return;
  throw new TypeError(`Cannot ${action} as "source" must be ${what}: received ${show(source)}`);
}

/** See the header. Asked by one at a time. */
export class SourceReader<T> {
  readonly isAsync: boolean;
  readonly #source: Source<T>;
  readonly #reason: WaitReason;
  readonly #stop: (() => unknown) | undefined;
  #iterator: Iterator<T> | AsyncIterator<T> | null = null;
  /** It has ended, failed, or been told to end: nothing more is to be asked of it. Written by all that ask or tell. */
  #over = false;

  constructor(source: Source<T>, reason: WaitReason, stop: (() => unknown) | undefined) {
    this.isAsync = isAsync(source);
    this.#source = source;
    this.#reason = reason;
    this.#stop = stop;
  }

  /** Whether nothing more comes. */
  get over(): boolean {
    return this.#over;
  }

  /** The next item of a source that is not async. */
  take(): IteratorResult<T> {
    if (this.#over) return DONE;
    // Also if it throws.
    this.#over = true;
    const result = requireResult<T>(this.#open().next());
    this.#over = result.done === true;
    return result;
  }

  /** The next item of an async source. The wait does not count, as nobody knows who ends it. */
  async ask(): Promise<IteratorResult<T>> {
    const node = currentNode();
    if (node.cancelled !== null) return await refuse(node);
    if (this.#over) return DONE;
    try {
      const iterator = this.#open();
      const asked = promiseOf(() => iterator.next());
      const question = settlementOf<IteratorResult<T>>(asked);
      try {
        await question.wait(node, this.#reason);
      } catch (error) {
        const { state, result } = question;
        if (state === "rejected" && failureOf(node, result) !== NOTHING) throw result;
        // An item that is given in the very moment of the cancellation is not lost.
        if (state !== "fulfilled") return await this.#leave(node, asked, question, error);
      }
      const result = requireResult<T>(question.result);
      if (result.done === true) this.#over = true;
      return result;
    } catch (error) {
      this.#over = true;
      throw error;
    }
  }

  /** Tells the source that nobody wants the rest; not one that has ended, or failed: it knows. */
  async close(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    await this.#tell(false);
  }

  #open(): Iterator<T> | AsyncIterator<T> {
    return this.#iterator ??= iteratorOf(this.#source);
  }

  /** Cancelled while it is asked. */
  async #leave(node: StatusNode, asked: Promise<unknown>, question: Settlement<unknown>, error: unknown) {
    this.#over = true;
    const since = mark();
    const pending = question.state === "pending";
    const told = this.#tell(pending);
    const abandoned = pending && this.#stop !== undefined;
    // Thrown below, beside what the source itself has failed with.
    const failed = await told.then(() => false, () => true);
    if (!abandoned && question.state === "pending" && await cleansUp(node)) await asked.catch(ignore);
    // What comes of a question after `stop` is the answer to that.
    const cause = question.state === "rejected" && !abandoned ? question.result : error;
    if (question.state === "fulfilled" && !failed) {
      const result = requireResult<T>(question.result);
      if (result.done !== true) return result;
    }
    return await afterFailure(cause, since, () => told);
  }

  /** Calls `stop` and `return()`, as far as they are there. */
  async #tell(pending: boolean): Promise<void> {
    const back = async () => void await this.#iterator?.return?.();
    if (this.#stop === undefined) return await back();
    const since = mark();
    const stopped = promiseOf(this.#stop);
    if (pending) {
      // It may stay without an answer for ever, like the question before it.
      back().catch(ignore);
      return void await stopped;
    }
    try {
      await stopped;
    } catch (error) {
      return await afterFailure(error, since, back);
    }
    await back();
  }
}

/** Whether code of a node still waits for something of this library, although it is cancelled. */
async function cleansUp(node: StatusNode): Promise<boolean> {
  // A turn, in which what was cancelled has come to its next wait.
  await new Promise<void>((resolve) => void hostImmediate(resolve));
  return isBusy(node);
}

/** What `next()` of somebody else's iterator gave. */
export function requireResult<T>(result: unknown): IteratorResult<T> {
  if (isObject(result)) return result as IteratorResult<T>;
  throw new TypeError(`Cannot go on with a source as its next() must give an object: received ${show(result)}`);
}

const DONE: IteratorResult<never> = { done: true, value: undefined };
