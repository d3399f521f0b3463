/** A `ReadableStream` as a `ReceiveStream`. A read of a reader cannot be taken back either. */

import { BrokenResourceError } from "../../core/mod.ts";
import { iterate, type Owner, show } from "../../core/internal.ts";
import { ownerOfStream } from "../base/streams_in_memory.ts";
import { tellHost } from "../host/host_call.ts";
import { messageOf } from "../host/host_errors.ts";
import { ReceiveHalf } from "./_receive_half.ts";
import type { ReceiveStream } from "./stream.ts";

/** See the header. */
export class WebReceiveStream implements ReceiveStream {
  readonly #reader: ReadableStreamDefaultReader<unknown>;
  readonly #receiving: WebReceive;

  constructor(stream: ReadableStream<unknown>) {
    this.#reader = stream.getReader();
    this.#receiving = new WebReceive(this.#reader, ownerOfStream(stream));
  }

  receiveSome(max?: number): Promise<Uint8Array | null> {
    return this.#receiving.receiveSome(max);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return this.#receiving.receiveInto(buffer);
  }

  close(): void {
    if (this.#receiving.closedAs !== null) return;
    this.#receiving.close();
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
    return iterate(() => this.receiveSome());
  }
}

class WebReceive extends ReceiveHalf<ReadableStreamReadResult<unknown>> {
  readonly #reader: ReadableStreamDefaultReader<unknown>;

  constructor(reader: ReadableStreamDefaultReader<unknown>, of: Owner) {
    super("ReadableStream", of);
    this.#reader = reader;
  }

  protected override get label(): string {
    return "read of a ReadableStream";
  }

  override begin(): Promise<ReadableStreamReadResult<unknown>> {
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
