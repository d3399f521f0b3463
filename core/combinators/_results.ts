/** Work that gives results one by one, as an iterator. */

import type { MemoryReceiveChannel } from "../channels/channel.ts";
import { openMemoryChannel } from "../channels/memory_channel.ts";
import { NOTHING } from "../base/error_tree.ts";
import { ignore } from "../base/quiet.ts";
import { ClosedResourceError, EndOfChannel } from "../errors/errors.ts";
import { CancelScope } from "../kernel/cancel_scope.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { currentNode, within } from "../kernel/context.ts";
import { failureOf } from "../kernel/elsewhere.ts";
import { refuse } from "../kernel/waiter.ts";
import type { CompletedResults } from "./completed_results.ts";

/** The results that some work hands to `send()`, which waits until they are taken. */
export function resultsOf<R>(work: (send: (result: R) => Promise<void>) => Promise<void>): CompletedResults<R> {
  return new Results(work);
}

/** The work runs below the scope in which the iterable was made. It begins when the first result is asked for. */
class Results<R> implements CompletedResults<R> {
  readonly #node = currentNode();
  readonly #scope = new CancelScope();
  readonly #results: MemoryReceiveChannel<R>;
  readonly #work: () => Promise<void>;
  /** Settled when nothing is left running. */
  #running: Promise<unknown> | null = null;
  /** The error with which the work has ended was thrown by one of the calls. */
  #told = false;

  constructor(work: (send: (result: R) => Promise<void>) => Promise<void>) {
    const [send, receive] = openMemoryChannel<R>(0, { name: "results" });
    this.#results = receive;
    this.#work = async () => {
      // Not "using", which not every host of the core knows yet.
      try {
        await work((result) => send.send(result));
      } finally {
        send.close();
      }
    };
  }

  next(): Promise<IteratorResult<R>> {
    const node = currentNode();
    if (this.#running === null) {
      if (node.cancelled !== null) return refuse(node);
      this.#running = within(this.#node, (work) => this.#scope.run(work), this.#work);
      // Whoever asks for the next result, or leaves, gets the error.
      this.#running.catch(ignore);
    }
    return composedWait(() => this.#next());
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  async #next(): Promise<IteratorResult<R>> {
    try {
      return { done: false, value: await this.#results.receive() };
    } catch (error) {
      const over = error instanceof EndOfChannel || error instanceof ClosedResourceError;
      // Only this call was cancelled, or cut short by a timeout: the work goes on.
      if (!over && this.#node.cancelled === null) throw error;
      await this.#end();
      if (!over) throw error;
      return { done: true, value: undefined };
    }
  }

  /** Waits for the work, and throws its error, once: whoever gets it first has it. */
  async #end(): Promise<void> {
    try {
      await this.#running;
    } catch (error) {
      if (this.#told) return;
      this.#told = true;
      throw error;
    }
  }

  /** Throws no cancellation, which would hide the error of the block: the next wait throws it again. */
  async #stop(): Promise<void> {
    this.#running ??= Promise.resolve();
    this.#scope.cancel("nobody wants the results any more");
    this.#results.close();
    try {
      await this.#end();
    } catch (error) {
      const failure = failureOf(this.#node, error);
      if (failure !== NOTHING) throw failure;
    }
  }
}
