/** Iterating what somebody else has made. */

import { isInstance, read } from "../base/foreign.ts";
import { type ReadableReceiver, receiverFromReadable } from "../channels/readable.ts";

/**
 * The iterator of a source. A stream gets one of ours: that of the host cannot be left while it reads, as its
 * `return()` waits for the read in flight.
 */
export function iteratorOf<T>(source: Iterable<T> | AsyncIterable<T>): Iterator<T> | AsyncIterator<T> {
  if (isInstance(source, ReadableStream<T>)) return new StreamIterator<T>(receiverFromReadable<T>(source));
  const iterable = source as AsyncIterable<T> & Iterable<T>;
  return isAsync(source) ? iterable[Symbol.asyncIterator]() : iterable[Symbol.iterator]();
}

/** Whether a source gives promises. */
export function isAsync(source: unknown): boolean {
  return typeof read(source, Symbol.asyncIterator) === "function";
}

class StreamIterator<T> implements AsyncIterator<T> {
  readonly #receiver: ReadableReceiver<T>;
  readonly #inner: AsyncIterator<T>;

  constructor(receiver: ReadableReceiver<T>) {
    this.#receiver = receiver;
    this.#inner = receiver[Symbol.asyncIterator]();
  }

  async next(): Promise<IteratorResult<T>> {
    const result = await this.#inner.next();
    if (result.done) await this.#receiver.close();
    return result;
  }

  async return(): Promise<IteratorResult<T>> {
    await this.#receiver.close();
    return { done: true, value: undefined };
  }
}
