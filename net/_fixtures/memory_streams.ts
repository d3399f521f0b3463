/** Streams in memory for tests: what they give and take is a script, in virtual time. */

import { BusyResourceError, ClosedResourceError, sleep } from "../../core/mod.ts";
import { currentRun, suspend, type Waker } from "../../core/lowlevel.ts";
import type { HalfCloseableStream, ReceiveStream, SendStream } from "../streams/stream.ts";

const encoder = new TextEncoder();

/** Text or numbers, as bytes. */
export function bytes(data: string | readonly number[]): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : new Uint8Array(data);
}

/** Bytes, as text. */
export function text(data: Uint8Array | null): string | null {
  return data === null ? null : new TextDecoder().decode(data);
}

/** What a scripted stream does next: gives bytes, lets time pass, fails. After the script it ends. */
export type Step = Uint8Array | string | { readonly wait: number } | { readonly fail: Error };

/**
 * Gives what a script says. Like a socket it goes on with a read that nobody waits for any more, and writes into the
 * buffer of that read, which is still on loan; whoever uses that memory for something else will see it.
 */
export class ScriptedReceiveStream implements ReceiveStream {
  /** The sizes of the buffers it was given. */
  readonly asked: number[] = [];
  closed = 0;
  readonly #script: Step[];
  #receiver: { readonly waker: Waker<number | null>; readonly into: Uint8Array } | null = null;
  #reading = false;
  #stash: Uint8Array = bytes("");

  constructor(...script: readonly Step[]) {
    this.#script = [...script];
  }

  async receiveSome(max: number = 65_536): Promise<Uint8Array | null> {
    const buffer = new Uint8Array(max);
    const size = await this.receiveInto(buffer);
    return size === null ? null : buffer.slice(0, size);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return suspend<number | null>({ kind: "receive from script" }, (waker) => {
      if (this.closed > 0) return void waker.fail(new ClosedResourceError("Cannot receive as the stream is closed"));
      if (this.#receiver !== null) return void waker.fail(new BusyResourceError("Cannot receive as another task does"));
      this.asked.push(buffer.length);
      this.#receiver = { waker, into: buffer };
      if (this.#stash.length > 0) this.#land();
      else if (!this.#reading) this.#read(buffer);
    }, () => {
      this.#receiver = null;
      return true;
    });
  }

  #read(buffer: Uint8Array): void {
    const step = this.#script.shift();
    if (step !== undefined && typeof step === "object" && "wait" in step) {
      this.#reading = true;
      const { clock } = currentRun();
      // No wait of the library: like the host's, it goes on when the receive is cancelled.
      clock.at(clock.now() + step.wait, () => {
        this.#reading = false;
        if (this.closed === 0) this.#read(buffer);
      }, undefined);
      return;
    }
    if (step === undefined) return this.#settle((waker) => waker.wake(null));
    if (typeof step === "object" && "fail" in step) {
      this.#script.unshift(step);
      return this.#settle((waker) => waker.fail(step.fail));
    }
    const data = typeof step === "string" ? bytes(step) : step;
    const part = data.subarray(0, buffer.length);
    if (part.length < data.length) this.#script.unshift(data.subarray(part.length));
    this.#stash = part.slice();
    buffer.fill(0xee);
    if (this.#receiver !== null) this.#land();
  }

  #land(): void {
    const stash = this.#stash;
    this.#settle((waker, into) => {
      this.#stash = stash.subarray(into.length);
      into.set(stash.subarray(0, into.length));
      waker.wake(Math.min(stash.length, into.length));
    });
  }

  #settle(how: (waker: Waker<number | null>, into: Uint8Array) => void): void {
    const receiver = this.#receiver;
    this.#receiver = null;
    if (receiver !== null) how(receiver.waker, receiver.into);
  }

  close(): void {
    if (this.closed++ > 0) return;
    this.#settle((waker) => waker.fail(new ClosedResourceError("Cannot receive as the stream was closed meanwhile")));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.receiveSome(); chunk !== null; chunk = await this.receiveSome()) yield chunk;
  }
}

/** How a `RecordingSendStream` behaves. */
export interface RecordingOptions {
  /** How long a send takes, in virtual milliseconds. */
  readonly delay?: number;
  /** What sends fail with. */
  readonly fail?: Error;
}

/** Remembers what was sent on it. */
export class RecordingSendStream implements SendStream, Pick<HalfCloseableStream, "sendEof"> {
  readonly sent: number[] = [];
  /** The most a send handed over at once. */
  largest = 0;
  eofs = 0;
  closed = 0;
  readonly #options: RecordingOptions;

  constructor(options: RecordingOptions = {}) {
    this.#options = options;
  }

  async sendAll(data: Uint8Array): Promise<void> {
    if (this.closed > 0) throw new ClosedResourceError("Cannot send as the stream is closed");
    const { delay = 0, fail } = this.#options;
    await sleep(delay);
    if (fail !== undefined) throw fail;
    this.sent.push(...data);
    this.largest = Math.max(this.largest, data.length);
  }

  async sendEof(): Promise<void> {
    await sleep(0);
    this.eofs++;
  }

  close(): void {
    this.closed++;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}
