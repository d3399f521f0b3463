/**
 * A `WritableStream` as a `SendStream`. No more than one chunk of ours is ever in its queue, however often sends are
 * cancelled.
 *
 * Web streams keep the chunks they are given (a `TransformStream` hands them on long after the write has ended), but a
 * sender may reuse its buffer once `sendAll()` has returned: hence a copy.
 */

import { BrokenResourceError } from "../../core/mod.ts";
import { encodeText } from "../base/byte_stream.ts";
import { tellHost } from "../host/host_call.ts";
import { messageOf } from "../host/host_errors.ts";
import { SendHalf } from "./_send_half.ts";
import type { SendStream, TextSender } from "./stream.ts";

/** See the header. */
export class WebSendStream extends SendHalf implements SendStream, TextSender {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  constructor(stream: WritableStream<Uint8Array<ArrayBuffer>>) {
    super("WritableStream");
    this.#writer = stream.getWriter();
  }

  sendText(text: string): Promise<void> {
    return encodeText(text, (bytes) => this.sendAll(bytes));
  }

  override close(): void {
    if (this.closedAs !== null) return;
    const { writing } = this;
    super.close();
    const writer = this.#writer;
    // Cut off in the middle, which the other side must not take for a good end.
    if (writing) tellHost(() => writer.abort());
    else if (!this.ended) tellHost(() => writer.close());
    tellHost(() => writer.releaseLock());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
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
