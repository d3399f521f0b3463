/**
 * The sending direction of a stream, whatever it runs over: what one write does not take goes into the next, and the
 * end comes behind everything.
 *
 * The write of a cancelled send is left behind, as `LeftBehind` has it. It lands before anything else is sent, and what
 * it does not take is never sent. The end is sent in any case, once `sendEof()` was called.
 */

import { ClosedResourceError } from "../../core/mod.ts";
import { beginHostOperation, type Waker } from "../../core/lowlevel.ts";
import {
  type End,
  faultOfBytes,
  faultOfSize,
  hostImmediate,
  LeftBehind,
  type Owner,
  type Words,
} from "../../core/internal.ts";

const WORDS: Words = { action: "send", what: "the stream", busy: "sending on this stream" };

const NOTHING: Uint8Array = new Uint8Array(0);
const DONE: End<void> = { value: undefined };

/** How many writes that were not taken whole lie between two turns of the event loop. */
const PARTIAL_WRITES = 256;
let partialWrites = 0;

/** See the header. What the host gives is how many bytes it has taken, or nothing in particular for the end. */
export abstract class SendHalf extends LeftBehind<unknown, void, never, Uint8Array | null> {
  /** What the host has not taken yet of the send that waits. */
  #rest = NOTHING;
  /**
   * The send whose write is in flight; if it is not the one that waits, it was cancelled. Written when that begins and
   * lands.
   */
  #writer: Waker<void> | null = null;
  /** Written by `admit()` when the end is wanted, and by `begin()` when the host is told. */
  #eof: "no" | "wanted" | "told" = "no";
  readonly #inMemory: boolean;

  constructor(readonly to: string, of?: Owner) {
    super(WORDS, { kind: "send to", label: to }, of);
    this.#inMemory = of?.inMemory === true;
  }

  /** Writes bytes, and gives how many of them were taken. */
  protected abstract write(bytes: Uint8Array): PromiseLike<number>;
  /** Ends the direction. */
  protected abstract writeEnd(): PromiseLike<unknown>;
  /** What a failure of the host is to who sends. */
  protected abstract explain(error: unknown): Error;

  /** Sends all bytes, in order. */
  sendAll(bytes: Uint8Array): Promise<void> {
    const fault = faultOfBytes(bytes);
    return fault === null ? this.wait(bytes) : Promise.reject(fault);
  }

  /** Says that nothing more will be sent. */
  sendEof(): Promise<void> {
    return this.wait(null);
  }

  /** Ends what waits; the host is told by others. */
  close(closedAs?: string): void {
    this.shut(closedAs);
    this.#rest = NOTHING;
  }

  /** Whether `sendEof()` was called. */
  get ended(): boolean {
    return this.#eof !== "no";
  }

  /** Whether bytes are in flight, of a send that waits or was cancelled. */
  get writing(): boolean {
    return this.inFlight && this.#eof !== "told";
  }

  protected override admit(bytes: Uint8Array | null): End<void> | null {
    if (this.end !== null) return this.end;
    if (bytes === null) {
      if (this.ended) return DONE;
      this.#eof = "wanted";
      return null;
    }
    if (this.ended) return { error: new ClosedResourceError("Cannot send as sendEof() was called before") };
    if (bytes.length === 0) return DONE;
    this.#rest = bytes;
    return null;
  }

  override begin(): PromiseLike<unknown> {
    this.#writer = this.waiting;
    if (this.#eof === "no") return this.write(this.#rest);
    this.#eof = "told";
    return this.writeEnd();
  }

  protected override landed(size: unknown): void {
    const sender = this.waiting;
    const writer = this.#writer;
    this.#writer = null;
    if (this.#eof === "told") sender?.wake();
    else if (sender !== writer || sender === null) {
      // The write of a cancelled send has landed. What waits for it now begins: a send, or the end.
      if (sender !== null || this.#eof === "wanted") this.start();
      else this.#rest = NOTHING;
    } else {
      const rest = this.#rest;
      const fault = faultOfSize(size, rest.length);
      if (fault !== null) return this.failed(fault);
      this.#rest = size === rest.length ? NOTHING : rest.subarray(size as number);
      if (this.#rest === NOTHING) sender.wake();
      else this.#writeOn(sender);
    }
  }

  protected override failed(error: unknown): void {
    this.#rest = NOTHING;
    this.over({ error: this.explain(error) });
  }

  /**
   * Goes on with what the last write did not take; now and then in a later turn, as a host may be ready for ever. One
   * in memory is not, and has no turns.
   */
  #writeOn(sender: Waker<void>): void {
    if (this.#inMemory || ++partialWrites % PARTIAL_WRITES !== 0) return this.start();
    const operation = beginHostOperation("write");
    hostImmediate(() => {
      operation.end();
      // Unless it was cancelled, closed or has failed meanwhile.
      if (this.waiting === sender && !this.inFlight) this.start();
    });
  }
}
