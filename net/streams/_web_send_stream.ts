/**
 * A `WritableStream` as a `SendStream`. No more than one chunk of ours is ever in its queue, however often sends are
 * cancelled.
 *
 * Web streams keep the chunks they are given (a `TransformStream` hands them on long after the write has ended), but a
 * sender may reuse its buffer once `sendAll()` has returned: hence a copy.
 */

import { encodeText } from "../../core/internal.ts";
import { BrokenResourceError } from "../../core/mod.ts";
import { tellHost } from "../host/host_call.ts";
import { messageOf } from "../host/host_errors.ts";
import { SendHalf } from "./_send_half.ts";
import type { HalfCloseableStream, SendStream, TextSender } from "./stream.ts";

type Writer = WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

/** See the header. */
export class WebSendStream implements SendStream, Pick<HalfCloseableStream, "sendEof">, TextSender {
  readonly #writer: Writer;
  readonly #sending: WebSend;

  constructor(stream: WritableStream<Uint8Array<ArrayBuffer>>) {
    this.#writer = stream.getWriter();
    this.#sending = new WebSend(this.#writer);
  }

  sendAll(bytes: Uint8Array): Promise<void> {
    return this.#sending.sendAll(bytes);
  }

  sendText(text: string): Promise<void> {
    return encodeText(text, (bytes) => this.sendAll(bytes));
  }

  sendEof(): Promise<void> {
    return this.#sending.sendEof();
  }

  close(): void {
    const sending = this.#sending;
    if (sending.closedAs !== null) return;
    sending.close();
    const writer = this.#writer;
    // Cut off in the middle, which the other side must not take for a good end.
    if (sending.writing) tellHost(() => writer.abort());
    else if (!sending.ended) tellHost(() => writer.close());
    tellHost(() => writer.releaseLock());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

class WebSend extends SendHalf {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    super("WritableStream");
    this.#writer = writer;
  }

  protected override get label(): string {
    return this.ended ? "close of a WritableStream" : "write to a WritableStream";
  }

  protected override async write(bytes: Uint8Array): Promise<number> {
    await this.#writer.write(bytes.slice());
    return bytes.length;
  }

  protected override writeEnd(): Promise<void> {
    return this.#writer.close();
  }

  protected override explain(error: unknown): Error {
    const message = `Cannot send to a WritableStream as it failed: ${messageOf(error)}`;
    return new BrokenResourceError(message, { cause: error });
  }
}
