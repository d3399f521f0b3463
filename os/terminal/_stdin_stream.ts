/**
 * Standard input as a stream. What was not received stays with the source, not with the stream: several may be opened
 * one after another, and each goes on where the last one stopped.
 *
 * Nothing is taken for a task before it is there to be given, so a cancelled receive loses nothing.
 */

import { BrokenResourceError, ClosedResourceError } from "../../core/mod.ts";
import { type StandardInput, suspend, type Waker } from "../../core/lowlevel.ts";
import { busyWith, faultOfMax, faultOfTarget, inspectable, iterate, splitChunk } from "../../core/internal.ts";
import type { ReceiveStream } from "../../net/mod.ts";
import { keepAlive } from "../base/keep_alive.ts";

/** Sources that a task waits for, by whatever stream. */
const waitedFor = new WeakSet<StandardInput>();

/** See the header. */
export class StdinStream implements ReceiveStream {
  static {
    inspectable(StdinStream, "Stdin", (stream) => ({ closed: stream.#closed ? true : undefined }));
  }

  readonly #source: StandardInput;
  #closed = false;
  /** The receive that waits. Written by `#receive()` and `#leave()`. */
  #waker: Waker<never> | null = null;
  /** Ends what the receive that waits keeps open. */
  #stop = (): void => {};

  constructor(source: StandardInput) {
    this.#source = source;
  }

  receiveSome(max: number = Infinity): Promise<Uint8Array | null> {
    const fault = max === Infinity ? null : faultOfMax(max);
    if (fault !== null) return Promise.reject(fault);
    return this.#receive(() => max, (part) => part);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    const fault = faultOfTarget(buffer);
    if (fault !== null) return Promise.reject(fault);
    const { length } = buffer;
    const room = (): number => {
      if (buffer.length >= length) return length;
      throw new TypeError('Cannot receive as "buffer" must stay as it is meanwhile: it was transferred or resized');
    };
    return this.#receive(room, (part) => {
      buffer.set(part);
      return part.length;
    });
  }

  /** Puts back what was received, for the next receive, of whatever stream. */
  putBack(bytes: Uint8Array): void {
    this.#source.putBack(bytes);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#leave()?.fail(new ClosedResourceError("Cannot receive as the stream was closed meanwhile"));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return iterate(() => this.receiveSome());
  }

  #receive<T>(room: () => number, give: (part: Uint8Array) => T): Promise<T | null> {
    const source = this.#source;
    return suspend<T | null>({ kind: "receive from", label: "stdin" }, (waker) => {
      if (this.#closed) return void waker.fail(new ClosedResourceError("Cannot receive as the stream is closed"));
      if (waitedFor.has(source)) return void waker.fail(busyWith("receive", "receiving from stdin"));
      this.#look(waker, room, give);
    }, () => {
      this.#leave();
      return true;
    });
  }

  /** Takes what is there, or waits for it. */
  #look<T>(waker: Waker<T | null>, room: () => number, give: (part: Uint8Array) => T): void {
    const source = this.#source;
    let chunk: Uint8Array | null | undefined;
    try {
      // Asked first: what is taken has to go somewhere.
      const max = room();
      try {
        chunk = source.take();
      } catch (cause) {
        throw new BrokenResourceError("Cannot receive as stdin must be readable: it is not", { cause });
      }
      if (chunk === null) return void waker.wake(null);
      if (chunk !== undefined) {
        const [part, rest] = splitChunk(chunk, max);
        if (rest !== null) source.putBack(rest);
        return void waker.wake(give(part));
      }
    } catch (error) {
      return void waker.fail(error);
    }
    const release = source.inMemory ? () => {} : keepAlive("read stdin");
    waitedFor.add(source);
    this.#waker = waker as Waker<never>;
    const stop = source.wait(() => {
      this.#leave();
      this.#look(waker, room, give);
    });
    this.#stop = () => {
      waitedFor.delete(source);
      stop();
      release();
    };
  }

  /** The receive that waits waits no more; returns its waker. */
  #leave(): Waker<never> | null {
    const waker = this.#waker;
    this.#waker = null;
    this.#stop();
    this.#stop = () => {};
    return waker;
  }
}
