/**
 * A stream whose other end is a script.
 *
 * The script is a list of steps with a position. Nothing runs in the background: an operation on the stream first walks
 * over the steps that have come to pass (replies, pauses that are over), then either goes on or waits for whatever may
 * change that, which is the clock, the other operation, or `close()`.
 *
 * Over 400 lines, of which a third is the contract.
 */

import {
  composedWait,
  encodeText,
  faultOfBytes,
  faultOfMax,
  faultOfTarget,
  isError,
  iterate,
  requireTimeout,
  show,
  throwFault,
} from "../../core/internal.ts";
import { BrokenResourceError, checkpoint, ClosedResourceError, currentTime, Event, moveOnAt } from "../../core/mod.ts";
import type { HalfCloseableStream, TextSender } from "../../net/mod.ts";
import { hexRows } from "./_hex.ts";
import { type Tracked, trackOpen } from "../driver/leaks.ts";
import { busyReceiving, busySending } from "./_pipe.ts";

/**
 * Thrown when code does not follow the script of its stream.
 *
 * @example Sending something else
 * ```ts
 * import { scriptedStream, ScriptError } from "@trefoil/io/testing";
 * import { assertRejects } from "@std/assert";
 *
 * const stream = scriptedStream().expect("HELO\r\n");
 * await assertRejects(() => stream.sendAll(new TextEncoder().encode("EHLO\r\n")), ScriptError);
 * ```
 *
 * @category Memory streams
 */
export class ScriptError extends Error {
  /** The name of the class. */
  override readonly name = "ScriptError";
  /** The number of the step, from 1; one more than there are steps if the script had ended. */
  readonly step: number;

  /**
   * Makes the error.
   *
   * @param message What the script expects, and what happened.
   * @param step The number of the step.
   */
  constructor(message: string, step: number) {
    super(message);
    this.step = step;
  }
}

/**
 * A stream with a script, to which steps can be added: see `scriptedStream()`.
 *
 * @category Memory streams
 */
export interface ScriptedStream extends HalfCloseableStream, TextSender {
  /**
   * Adds a step: the code under test must send exactly these bytes next, in whatever pieces.
   *
   * @param bytes The bytes, at least one; a string stands for its UTF-8.
   * @returns The same stream.
   */
  expect(bytes: Uint8Array | string): ScriptedStream;
  /**
   * Adds a step: the peer sends these bytes. The script goes on at once, whether or not they have been received.
   *
   * @param bytes The bytes, at least one; a string stands for its UTF-8.
   * @returns The same stream.
   */
  reply(bytes: Uint8Array | string): ScriptedStream;
  /**
   * Adds a step: the peer does nothing for a while, and takes no bytes. The time counts from the end of the step
   * before, on the run's clock.
   *
   * @param ms How long, in milliseconds.
   * @returns The same stream.
   */
  wait(ms: number): ScriptedStream;
  /**
   * Adds the last step: the connection breaks. Every operation fails with this error from then on; a receive first
   * gives the replies from before.
   *
   * @param error The error, by default a `BrokenResourceError`.
   * @returns The same stream.
   */
  fail(error?: Error): ScriptedStream;
  /**
   * Adds a step: the peer ends its direction. It can still expect bytes.
   *
   * @returns The same stream.
   */
  eof(): ScriptedStream;
  /**
   * Requires that the script was followed to its end, and that every reply was received.
   *
   * @throws {ScriptError} If a step or a reply is left, or an operation has failed with a `ScriptError` before.
   */
  done(): void;
}

/**
 * Makes a stream whose peer follows a script, to test one end of a protocol.
 *
 * The code under test must send what the script expects, byte for byte. If it does not, the send fails with a
 * `ScriptError` that shows both as hex and as text, and so does every later operation. `close()` throws one, too, if a
 * part of the script is left over: call `done()` where the code under test does not close the stream. A stream that is
 * neither closed nor done when a simulation ends is reported as a leak.
 *
 * @example A greeting, half a second later
 * ```ts
 * import { currentTime, simulate } from "@trefoil/io";
 * import { scriptedStream } from "@trefoil/io/testing";
 * import { assertEquals } from "@std/assert";
 *
 * await simulate(async () => {
 *   using stream = scriptedStream().expect("HELO\r\n").wait(500).reply("250 ok\r\n").eof();
 *   await stream.sendAll(new TextEncoder().encode("HELO\r\n"));
 *   assertEquals(new TextDecoder().decode((await stream.receiveSome())!), "250 ok\r\n");
 *   assertEquals([await stream.receiveSome(), currentTime()], [null, 500]);
 * });
 * ```
 *
 * @returns A stream with an empty script.
 * @category Memory streams
 */
export function scriptedStream(): ScriptedStream {
  return new Script();
}

type Step =
  | { readonly kind: "expect"; readonly bytes: Uint8Array }
  | { readonly kind: "reply"; readonly bytes: Uint8Array }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "fail"; readonly error: Error }
  | { readonly kind: "eof" };

/** Bytes of a reply that have not been received. */
interface Reply {
  readonly step: number;
  readonly rest: Uint8Array;
}

class Script implements ScriptedStream {
  readonly #steps: Step[] = [];
  /** A leak until it is closed, or found to be done. */
  readonly #open: Tracked = trackOpen("scripted stream");
  /** The step the script is at. Written by `#walk` and `#compare`. */
  #at = 0;
  /** How much of an `expect` has been sent. */
  #met = 0;
  /** When the step before the current one ended; set when the stream is first used. */
  #since: number | null = null;
  #replies: Reply[] = [];
  #ended = false;
  /** The error of a `fail`. */
  #broken: Error | null = null;
  /** The code did not follow the script. */
  #mismatch: ScriptError | null = null;
  #sending = false;
  #receiving = false;
  #eofSent = false;
  #closed = false;
  /** Set, and replaced, when an operation that waits must look again. */
  #changed = new Event();

  expect(bytes: Uint8Array | string): ScriptedStream {
    return this.#add({ kind: "expect", bytes: bytesOf(bytes) });
  }

  reply(bytes: Uint8Array | string): ScriptedStream {
    if (this.#steps.some(({ kind }) => kind === "eof")) {
      throw new TypeError("Cannot add a step to the script as reply() must come before eof()");
    }
    return this.#add({ kind: "reply", bytes: bytesOf(bytes) });
  }

  wait(ms: number): ScriptedStream {
    requireTimeout("add a step to the script", "ms", ms);
    return this.#add({ kind: "wait", ms });
  }

  fail(error: Error = new BrokenResourceError("Cannot go on as the script broke the connection")): ScriptedStream {
    if (!isError(error)) {
      throw new TypeError(`Cannot add a step to the script as "error" must be an Error: received ${show(error)}`);
    }
    return this.#add({ kind: "fail", error });
  }

  eof(): ScriptedStream {
    return this.#add({ kind: "eof" });
  }

  sendAll(bytes: Uint8Array): Promise<void> {
    return composedWait(() => this.#sendAll(bytes));
  }

  async #sendAll(bytes: Uint8Array): Promise<void> {
    throwFault(faultOfBytes(bytes));
    await checkpoint();
    const fault = this.#sendFault();
    if (fault !== null) throw fault;
    this.#sending = true;
    try {
      let rest = bytes;
      while (true) {
        if (this.#closed) throw new ClosedResourceError("Cannot send as the stream was closed meanwhile");
        this.#walk();
        this.#throwIfOver();
        const step = this.#steps[this.#at];
        if (rest.length > 0 && step?.kind === "wait") {
          await this.#untilChanged();
          continue;
        }
        if (rest.length > 0) rest = this.#compare(rest, step);
        if (rest.length === 0) return;
      }
    } finally {
      this.#sending = false;
    }
  }

  sendText(text: string): Promise<void> {
    return encodeText(text, (bytes) => this.sendAll(bytes));
  }

  sendEof(): Promise<void> {
    return composedWait(() => this.#sendEof());
  }

  async #sendEof(): Promise<void> {
    await checkpoint();
    if (this.#sending) throw busySending();
    if (this.#closed) throw new ClosedResourceError("Cannot send as the stream is closed");
    this.#walk();
    this.#throwIfOver();
    if (this.#eofSent) return;
    const at = this.#steps.findIndex((step, index) => index >= this.#at && step.kind === "expect");
    if (at >= 0) {
      throw this.#mismatched(`step ${at + 1} expects bytes: sendEof() was called before they were sent`, at);
    }
    this.#eofSent = true;
  }

  receiveSome(max = Infinity): Promise<Uint8Array | null> {
    return composedWait(async () => {
      if (max !== Infinity) throwFault(faultOfMax(max));
      return await this.#receive(max);
    });
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return composedWait(async () => {
      throwFault(faultOfTarget(buffer));
      const chunk = await this.#receive(buffer.length);
      if (chunk === null) return null;
      buffer.set(chunk);
      return chunk.length;
    });
  }

  done(): void {
    this.#open.close();
    if (this.#mismatch !== null) throw this.#mismatch;
    if (this.#since !== null) this.#walk();
    // After a break nothing that is left could have been done.
    if (this.#broken !== null) return;
    const left = this.#left();
    if (left !== null) throw left;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#open.close();
    this.#wakeAll();
    // A mismatch has been thrown where it happened; done() shows it to those who caught it there.
    if (this.#mismatch === null) this.done();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // deno-lint-ignore require-await -- so that it rejects
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return iterate(() => this.receiveSome());
  }

  #add(step: Step): ScriptedStream {
    if (this.#steps.at(-1)?.kind === "fail") {
      throw new TypeError("Cannot add a step to the script as nothing can follow fail()");
    }
    // The script had ended, and goes on now.
    if (this.#since !== null && this.#at === this.#steps.length) this.#since = currentTime();
    this.#steps.push(step);
    this.#wakeAll();
    return this;
  }

  async #receive(max: number): Promise<Uint8Array | null> {
    await checkpoint();
    if (this.#receiving) throw busyReceiving();
    if (this.#closed) throw new ClosedResourceError("Cannot receive as the stream is closed");
    this.#receiving = true;
    try {
      while (true) {
        if (this.#closed) throw new ClosedResourceError("Cannot receive as the stream was closed meanwhile");
        this.#walk();
        if (this.#mismatch === null && this.#replies.length > 0) return this.#take(max);
        this.#throwIfOver();
        if (this.#ended) return null;
        if (this.#at === this.#steps.length) {
          throw this.#mismatched(
            `it has ended after ${this.#steps.length} steps: a receive would wait for ever; add reply() or eof()`,
            this.#at,
          );
        }
        await this.#untilChanged();
      }
    } finally {
      this.#receiving = false;
    }
  }

  /** Takes what was replied: one step at a time. */
  #take(max: number): Uint8Array {
    const { step, rest } = this.#replies[0] as Reply;
    const chunk = rest.slice(0, max);
    if (chunk.length < rest.length) this.#replies[0] = { step, rest: rest.subarray(chunk.length) };
    else this.#replies.shift();
    return chunk;
  }

  /** Goes over the steps that have come to pass. */
  #walk(): void {
    const now = currentTime();
    this.#since ??= now;
    for (let step = this.#steps[this.#at]; step !== undefined; step = this.#steps[this.#at]) {
      if (step.kind === "expect") return;
      if (step.kind === "wait") {
        if (this.#since + step.ms > now) return;
        this.#since += step.ms;
      } else if (step.kind === "reply") this.#replies.push({ step: this.#at + 1, rest: step.bytes });
      else if (step.kind === "eof") this.#ended = true;
      else this.#broken = step.error;
      this.#at++;
      this.#wakeAll();
    }
  }

  /** Compares bytes that are sent with the current step; returns what is left of them. */
  #compare(bytes: Uint8Array, step: Step | undefined): Uint8Array {
    if (step?.kind !== "expect") {
      const text = `it has ended after ${this.#steps.length} steps: ${bytes.length} bytes more were sent`;
      throw this.#mismatched(`${text}\n${hexRows({ sent: bytes })}`, this.#at);
    }
    const expected = step.bytes.subarray(this.#met);
    const size = Math.min(expected.length, bytes.length);
    const wrong = expected.findIndex((byte, index) => index < size && byte !== bytes[index]);
    if (wrong >= 0) {
      // What of this step was sent before is shown as well.
      const sent = new Uint8Array(this.#met + bytes.length);
      sent.set(step.bytes.subarray(0, this.#met));
      sent.set(bytes, this.#met);
      const mark = this.#met + wrong;
      const rows = hexRows({ expected: step.bytes, sent }, mark);
      throw this.#mismatched(`step ${this.#at + 1} expects other bytes: byte ${mark} differs\n${rows}`, this.#at);
    }
    this.#met += size;
    if (this.#met === step.bytes.length) {
      this.#met = 0;
      this.#at++;
      this.#since = currentTime();
      this.#walk();
      this.#wakeAll();
    }
    return bytes.subarray(size);
  }

  /** What is left of the script, as an error. */
  #left(): ScriptError | null {
    const reply = this.#replies[0];
    if (reply !== undefined) {
      const text = `the reply of step ${reply.step} was not received: ${reply.rest.length} bytes are left`;
      return scriptError(`${text}\n${hexRows({ left: reply.rest })}`, reply.step - 1);
    }
    const step = this.#steps[this.#at];
    if (step === undefined) return null;
    const where = `step ${this.#at + 1} of ${this.#steps.length} did not happen`;
    if (step.kind !== "expect") return scriptError(`${where}: ${step.kind}()`, this.#at);
    const text = `${where}: it expects ${step.bytes.length} bytes, of which ${this.#met} were sent`;
    return scriptError(`${text}\n${hexRows({ left: step.bytes.subarray(this.#met) })}`, this.#at);
  }

  #sendFault(): Error | null {
    if (this.#eofSent) return new ClosedResourceError("Cannot send as sendEof() was called before");
    if (this.#sending) return busySending();
    if (this.#closed) return new ClosedResourceError("Cannot send as the stream is closed");
    return null;
  }

  #throwIfOver(): void {
    const over = this.#mismatch ?? this.#broken;
    if (over !== null) throw over;
  }

  #mismatched(text: string, at: number): ScriptError {
    this.#mismatch = scriptError(text, at);
    this.#wakeAll();
    return this.#mismatch;
  }

  /** Waits for whatever may let the script go on: the other operation, the clock, `close()`. */
  async #untilChanged(): Promise<void> {
    const step = this.#steps[this.#at];
    const due = step?.kind === "wait" ? (this.#since as number) + step.ms : Infinity;
    await moveOnAt(due, () => this.#changed.wait());
  }

  #wakeAll(): void {
    const changed = this.#changed;
    if (changed.statistics().tasksWaiting === 0) return;
    this.#changed = new Event();
    changed.set();
  }
}

function bytesOf(bytes: Uint8Array | string): Uint8Array {
  if (typeof bytes !== "string" && !(bytes instanceof Uint8Array)) {
    throw new TypeError(
      `Cannot add a step to the script as "bytes" must be a Uint8Array or a string: received ${typeof bytes}`,
    );
  }
  if (bytes.length === 0) {
    throw new RangeError('Cannot add a step to the script as "bytes" must hold at least one byte');
  }
  return typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes.slice();
}

function scriptError(text: string, at: number): ScriptError {
  return new ScriptError(`Cannot go on as the script must be followed: ${text}`, at + 1);
}
