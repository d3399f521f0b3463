/** A `ReadableStream` as a `ReceiveStream`. A read of a reader cannot be taken back either. */

import { BrokenResourceError } from "../../core/mod.ts";
import { show } from "../../core/internal.ts";
import { chunksOf } from "../base/byte_stream.ts";
import { tellHost } from "../host/host_call.ts";
import { messageOf } from "../host/host_errors.ts";
import { ReceiveHalf } from "./_receive_half.ts";
import type { ReceiveStream } from "./stream.ts";

/** See the header. */
export class WebReceiveStream extends ReceiveHalf<ReadableStreamReadResult<unknown>> implements ReceiveStream {
  readonly #reader: ReadableStreamDefaultReader<unknown>;

  constructor(stream: ReadableStream<unknown>) {
    super("ReadableStream");
    this.#reader = stream.getReader();
  }

  override receiveSome(max: number = Infinity): Promise<Uint8Array | null> {
    return max === Infinity ? this.receiveAny() : super.receiveSome(max);
  }

  override close(): void {
    if (this.closedAs !== null) return;
    super.close();
    // Ends a read in flight, too. What becomes of the source afterwards concerns nobody here.
    tellHost(() => this.#reader.cancel());
    tellHost(() => this.#reader.releaseLock());
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

  protected override get label(): string {
    return "read of a ReadableStream";
  }

  protected override begin(): Promise<ReadableStreamReadResult<unknown>> {
    return this.#reader.read();
  }

  protected override landed({ done, value }: ReadableStreamReadResult<unknown>): void {
    if (done) return this.over({ value: null });
    if (!ArrayBuffer.isView(value)) {
      const message = `Cannot receive as the chunks of a ReadableStream must be Uint8Arrays: received ${show(value)}`;
      return this.over({ error: new TypeError(message) });
    }
    if (value.byteLength > 0) {
      const { buffer, byteOffset, byteLength } = value;
      this.arrived(value instanceof Uint8Array ? value : new Uint8Array(buffer, byteOffset, byteLength));
      // Nothing came, which for a receive would be the end.
    } else if (this.waiting !== null) this.start();
  }

  protected override failed(error: unknown): void {
    const message = `Cannot receive from a ReadableStream as it failed: ${messageOf(error)}`;
    this.over({ error: new BrokenResourceError(message, { cause: error }) });
  }
}
