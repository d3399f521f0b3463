/**
 * A `ReadableStream` as a `ReceiveStream`.
 *
 * A read of a reader cannot be taken back, so it is treated as `SocketStream` treats reads of the host: a cancelled
 * receive leaves it in flight, and what it brings is kept for the next one.
 */

import { BrokenResourceError, BusyResourceError, ClosedResourceError } from "../../core/mod.ts";
import { type HostOperation, suspend, type WaitReason, type Waker } from "../../core/lowlevel.ts";
import { show } from "../../core/internal.ts";
import { chunksOf, faultOfMax, faultOfTarget, splitChunk } from "../base/byte_stream.ts";
import { callHost, tellHost } from "../host/host_call.ts";
import { textOf } from "../host/host_errors.ts";
import type { ReceiveStream } from "./stream.ts";

const RECEIVE: WaitReason = { kind: "receive from", label: "ReadableStream" };
const LABEL = "read of a ReadableStream";
const OF_THE_HOST = {};

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
    receiver?.waker.fail(new ClosedResourceError("Cannot receive as the stream was closed meanwhile"));
    // Ends a read in flight, too. What becomes of the source afterwards concerns nobody here.
    tellHost(() => this.#reader.cancel());
    tellHost(() => this.#reader.releaseLock());
    this.#reading?.end();
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
    this.#reading = callHost(OF_THE_HOST, LABEL, () => this.#reader.read(), this.#landed, this.#failed);
    if (this.#closed) this.#reading.end();
  }

  readonly #landed = (result: ReadableStreamReadResult<unknown>): void => {
    this.#reading?.end();
    this.#reading = null;
    if (this.#closed) return;
    const receiver = this.#receiver;
    let chunk: Uint8Array | null;
    try {
      chunk = chunkOf(result);
    } catch (error) {
      return this.#break(error as Error);
    }
    if (chunk !== null && chunk.length === 0) {
      // Nothing came, which for a receive would be the end.
      if (receiver !== null) this.#read();
      return;
    }
    this.#receiver = null;
    if (chunk === null) {
      this.#ended = true;
      receiver?.waker.wake(null);
    } else if (receiver === null) this.#stash = chunk;
    else this.#deliver(receiver, chunk);
  };

  readonly #failed = (error: unknown): void => {
    this.#reading?.end();
    this.#reading = null;
    if (this.#closed) return;
    const message = `Cannot receive from a ReadableStream as it failed: ${textOf(error)}`;
    this.#break(new BrokenResourceError(message, { cause: error }));
  };

  #break(fault: Error): void {
    this.#fault = fault;
    const receiver = this.#receiver;
    this.#receiver = null;
    receiver?.waker.fail(fault);
  }

  #deliver({ waker, into, max }: Receiver, chunk: Uint8Array): void {
    const [part, rest] = splitChunk(chunk, max);
    this.#stash = rest;
    if (into === null) return void waker.wake(part);
    into.set(part);
    waker.wake(part.length);
  }
}

/** What a read brought, as bytes; `null` at the end. */
function chunkOf({ done, value }: ReadableStreamReadResult<unknown>): Uint8Array | null {
  if (done) return null;
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw new TypeError(`Cannot receive as the chunks of a ReadableStream must be Uint8Arrays: received ${show(value)}`);
}
