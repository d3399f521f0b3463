/**
 * A `ReadableStream` as a `ReceiveStream`.
 *
 * A read of a reader cannot be taken back, so it is treated as `SocketStream` treats reads of the host: a cancelled
 * receive leaves it in flight, and what it brings is kept for the next one.
 */

import {
  beginHostOperation,
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  type HostOperation,
  suspend,
  type WaitReason,
  type Waker,
} from "../../core/mod.ts";
import { chunksOf, divide, faultOfMax, faultOfTarget } from "../_byte_stream.ts";
import type { ReceiveStream } from "../stream.ts";

const RECEIVE: WaitReason = { kind: "receive from", label: "ReadableStream" };
const ignore = (): void => {};

/** A receive that waits. */
interface Receiver {
  readonly waker: Waker<unknown>;
  /** The caller's buffer, or `null` for `receiveSome()`. */
  readonly into: Uint8Array | null;
  readonly max: number;
}

/** See the header. */
export class WebReceiveStream implements ReceiveStream {
  readonly #reader: ReadableStreamDefaultReader<unknown>;
  #receiver: Receiver | null = null;
  /** The read in flight. Written by `#read()` and when it lands. */
  #reading: HostOperation | null = null;
  /** Bytes that landed while nobody was receiving, or were more than wanted. */
  #stash: Uint8Array | null = null;
  #ended = false;
  #fault: Error | null = null;
  #closed = false;

  constructor(stream: ReadableStream<unknown>) {
    this.#reader = stream.getReader();
  }

  receiveSome(max: number = Infinity): Promise<Uint8Array | null> {
    const fault = max === Infinity ? null : faultOfMax(max);
    if (fault !== null) return Promise.reject(fault);
    return this.#receive(null, max) as Promise<Uint8Array | null>;
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    const fault = faultOfTarget(buffer);
    if (fault !== null) return Promise.reject(fault);
    return this.#receive(buffer, buffer.length) as Promise<number | null>;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const receiver = this.#receiver;
    this.#receiver = this.#stash = null;
    // Ends a read in flight, too. What becomes of the source afterwards concerns nobody here.
    this.#reader.cancel().catch(ignore);
    this.#reader.releaseLock();
    receiver?.waker.fail(new ClosedResourceError("Cannot receive as the stream was closed meanwhile"));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return chunksOf(this);
  }

  #receive(into: Uint8Array | null, max: number): Promise<unknown> {
    return suspend<unknown>(RECEIVE, (waker) => {
      if (this.#receiver !== null) {
        const message = "Cannot receive as another task is receiving from this stream: let one task do it";
        return void waker.fail(new BusyResourceError(message));
      }
      if (this.#closed) return void waker.fail(new ClosedResourceError("Cannot receive as the stream is closed"));
      const receiver: Receiver = { waker, into, max };
      const stash = this.#stash;
      if (stash !== null) {
        this.#stash = null;
        this.#deliver(receiver, stash);
      } else if (this.#fault !== null) waker.fail(this.#fault);
      else if (this.#ended) waker.wake(null);
      else {
        this.#receiver = receiver;
        if (this.#reading === null) this.#read();
      }
    }, () => {
      this.#receiver = null;
      return true;
    });
  }

  #read(): void {
    this.#reading = beginHostOperation("read of a ReadableStream");
    this.#reader.read().then(this.#landed, this.#failed);
  }

  readonly #landed = ({ done, value }: ReadableStreamReadResult<unknown>): void => {
    this.#reading?.end();
    this.#reading = null;
    if (this.#closed) return;
    const receiver = this.#receiver;
    if (!done && !ArrayBuffer.isView(value)) {
      return this.#break(
        new TypeError(`Cannot receive as the chunks of a ReadableStream must be Uint8Arrays: received ${kind(value)}`),
      );
    }
    if (!done && (value as Uint8Array).byteLength === 0) {
      // Nothing came, which for a receive would be the end.
      if (receiver !== null) this.#read();
      return;
    }
    this.#receiver = null;
    if (done) {
      this.#ended = true;
      receiver?.waker.wake(null);
      return;
    }
    const view = value as ArrayBufferView<ArrayBuffer>;
    const chunk = view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    if (receiver === null) this.#stash = chunk;
    else this.#deliver(receiver, chunk);
  };

  readonly #failed = (error: unknown): void => {
    this.#reading?.end();
    this.#reading = null;
    if (this.#closed) return;
    const text = error instanceof Error ? error.message : String(error);
    const message = `Cannot receive from a ReadableStream as it failed: ${text}`;
    this.#break(new BrokenResourceError(message, { cause: error }));
  };

  #break(fault: Error): void {
    this.#fault = fault;
    const receiver = this.#receiver;
    this.#receiver = null;
    receiver?.waker.fail(fault);
  }

  #deliver({ waker, into, max }: Receiver, chunk: Uint8Array): void {
    const [part, rest] = divide(chunk, max);
    this.#stash = rest;
    if (into === null) return void waker.wake(part);
    into.set(part);
    waker.wake(part.length);
  }
}

function kind(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
