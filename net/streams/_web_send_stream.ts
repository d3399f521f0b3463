/**
 * A `WritableStream` as a `SendStream`.
 *
 * A write cannot be taken back, so a cancelled send leaves it in flight, and the next send waits for it: no more than
 * one chunk of ours is ever in the queue of the stream, however often sends are cancelled.
 *
 * Web streams keep the chunks they are given (a `TransformStream` hands them on long after the write has ended), but a
 * sender may reuse its buffer once `sendAll()` has returned: hence a copy.
 */

import { BrokenResourceError, BusyResourceError, ClosedResourceError } from "../../core/mod.ts";
import { type HostOperation, suspend, type WaitReason, type Waker } from "../../core/lowlevel.ts";
import { encodeText, faultOfBytes } from "../base/byte_stream.ts";
import { callHost, tellHost } from "../host/host_call.ts";
import { textOf } from "../host/host_errors.ts";
import type { SendStream, TextSender } from "./stream.ts";

const SEND: WaitReason = { kind: "send to", label: "WritableStream" };
const OF_THE_HOST = {};

/** A send that waits. */
interface Sender {
  readonly waker: Waker<void>;
  /** `null` for `sendEof()`. */
  readonly bytes: Uint8Array | null;
  /** Whether its bytes are in the write in flight; if not, that one is what a cancelled send left behind. */
  started: boolean;
}

/** See the header. */
export class WebSendStream implements SendStream, TextSender {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  #sender: Sender | null = null;
  /** The write in flight. Written by `#write()` and when it lands. */
  #writing: HostOperation | null = null;
  #ending: HostOperation | null = null;
  #eofSent = false;
  #fault: BrokenResourceError | null = null;
  #closed = false;

  constructor(stream: WritableStream<Uint8Array<ArrayBuffer>>) {
    this.#writer = stream.getWriter();
  }

  sendAll(bytes: Uint8Array): Promise<void> {
    const wrong = faultOfBytes(bytes);
    if (wrong !== null) return Promise.reject(wrong);
    return suspend<void>(SEND, (waker) => {
      const fault = this.#eofSent
        ? new ClosedResourceError("Cannot send as sendEof() was called before")
        : this.#problem();
      if (fault !== null) return void waker.fail(fault);
      if (bytes.length === 0) return void waker.wake();
      this.#sender = { waker, bytes, started: false };
      if (this.#writing === null) this.#write(this.#sender);
    }, this.#abandon);
  }

  sendText(text: string): Promise<void> {
    return encodeText(text, (bytes) => this.sendAll(bytes));
  }

  sendEof(): Promise<void> {
    return suspend<void>(SEND, (waker) => {
      const fault = this.#problem();
      if (fault !== null) return void waker.fail(fault);
      if (this.#eofSent) return void waker.wake();
      this.#eofSent = true;
      const sender: Sender = { waker, bytes: null, started: true };
      this.#sender = sender;
      // The stream puts it behind a write in flight by itself.
      this.#ending = callHost(OF_THE_HOST, "close of a WritableStream", () => this.#writer.close(), () => {
        this.#ending?.end();
        if (this.#sender === sender) this.#sender = null;
        waker.wake();
      }, (error) => {
        this.#ending?.end();
        this.#broke(error);
      });
    }, this.#abandon);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const sender = this.#sender;
    this.#sender = null;
    sender?.waker.fail(new ClosedResourceError("Cannot send as the stream was closed meanwhile"));
    const writer = this.#writer;
    // Cut off in the middle, which the other side must not take for a good end.
    if (this.#writing !== null) tellHost(() => writer.abort());
    else if (!this.#eofSent) tellHost(() => writer.close());
    tellHost(() => writer.releaseLock());
    // Nobody waits for them any more, and a sink that hangs would never end them.
    this.#writing?.end();
    this.#ending?.end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** The write in flight stays; a send that has not begun never will. */
  readonly #abandon = (): boolean => {
    this.#sender = null;
    return true;
  };

  #problem(): Error | null {
    if (this.#sender !== null) {
      return new BusyResourceError("Cannot send as another task is sending on this stream: let one task do it");
    }
    if (this.#closed) return new ClosedResourceError("Cannot send as the stream is closed");
    return this.#fault;
  }

  #write(sender: Sender): void {
    sender.started = true;
    const write = () => this.#writer.write((sender.bytes as Uint8Array).slice());
    this.#writing = callHost(OF_THE_HOST, "write to a WritableStream", write, this.#written, this.#failed);
  }

  readonly #written = (): void => {
    this.#writing?.end();
    this.#writing = null;
    const sender = this.#sender;
    // Closed or cancelled, or it is sendEof() that waits.
    if (sender === null || sender.bytes === null) return;
    if (!sender.started) return this.#write(sender);
    this.#sender = null;
    sender.waker.wake();
  };

  readonly #failed = (error: unknown): void => {
    this.#writing?.end();
    this.#writing = null;
    this.#broke(error);
  };

  #broke(error: unknown): void {
    if (this.#closed) return;
    const message = `Cannot send to a WritableStream as it failed: ${textOf(error)}`;
    this.#fault ??= new BrokenResourceError(message, { cause: error });
    const sender = this.#sender;
    this.#sender = null;
    sender?.waker.fail(this.#fault);
  }
}
