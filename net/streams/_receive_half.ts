/**
 * The receiving direction of a stream, whatever it runs over: chunks come one after another, and are given out in parts
 * as large as is wanted. `LeftBehind` says what becomes of a receive that is cancelled.
 */

import type { Waker } from "../../core/lowlevel.ts";
import { faultOfMax, faultOfTarget, LeftBehind, type Owner, splitChunk, type Words } from "../../core/internal.ts";

const WORDS: Words = { action: "receive", what: "the stream", busy: "receiving from this stream" };

/** How many bytes are wanted at most, or the buffer of the caller's into which they are to go. */
export type Wish = number | Uint8Array;

/** What a receive returns: a chunk, or how many bytes are in the buffer; `null` at the end. */
export type Received = Uint8Array | number | null;

/** See the header. `V` is what the host gives. */
export abstract class ReceiveHalf<V> extends LeftBehind<V, Received, Uint8Array, Wish> {
  /** What the receive that waits wants; what that was worth when it began, as a buffer may be transferred meanwhile. */
  #wish: Wish = 0;
  #max = 0;

  constructor(readonly from: string, of?: Owner) {
    super(WORDS, { kind: "receive from", label: from }, of);
  }

  /** Receives what is there, at most `max` bytes, if that is given. */
  receiveSome(max: number = Infinity): Promise<Uint8Array | null> {
    const fault = max === Infinity ? null : faultOfMax(max);
    if (fault !== null) return Promise.reject(fault);
    return this.wait(max) as Promise<Uint8Array | null>;
  }

  /** Receives into a buffer. */
  receiveInto(buffer: Uint8Array): Promise<number | null> {
    const fault = faultOfTarget(buffer);
    if (fault !== null) return Promise.reject(fault);
    return this.wait(buffer) as Promise<number | null>;
  }

  /** Ends what waits, and drops what is kept; the host is told by others. */
  close(closedAs?: string): void {
    this.shut(closedAs);
    this.#wish = 0;
  }

  /** What the receive that waits wants; anything if none does. */
  protected get wish(): Wish {
    return this.#wish;
  }

  protected override admit(wish: Wish): null {
    this.#wish = wish;
    this.#max = typeof wish === "number" ? wish : wish.length;
    return null;
  }

  /** The host has read into the buffer of the receive that waits. */
  protected filled(size: number): void {
    this.#wish = 0;
    this.waiting?.wake(size);
  }

  /** Gives out a chunk that nobody else has, or the beginning of it. */
  protected override give(waiter: Waker<Received>, chunk: Uint8Array): void {
    const wish = this.#wish;
    this.#wish = 0;
    if (typeof wish !== "number" && wish.length < this.#max) {
      this.keep(chunk);
      const message = 'Cannot receive as "buffer" must stay as it is meanwhile: it was transferred or resized';
      return void waiter.fail(new TypeError(message));
    }
    const [part, rest] = splitChunk(chunk, this.#max);
    this.keep(rest);
    if (typeof wish === "number") return void waiter.wake(part);
    wish.set(part);
    waiter.wake(part.length);
  }
}
