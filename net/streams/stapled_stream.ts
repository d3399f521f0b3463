/** Two streams of one direction as one of both. */

import { ClosedResourceError } from "../../core/mod.ts";
import { suspend, type WaitReason } from "../../core/lowlevel.ts";
import { composedWait, encodeText } from "../../core/internal.ts";
import { callStream } from "../base/call_stream.ts";
import { throwFirst } from "../host/close.ts";
import { closeAll } from "../host/host_call.ts";
import type { HalfCloseableStream, ReceiveStream, SendStream, TextSender } from "./stream.ts";

const END: WaitReason = { kind: "end sending" };

/**
 * A stream made of one to send on and one to receive from, such as the two pipes of a process.
 *
 * It takes both over: when it is closed, it closes both.
 *
 * @example The pipes of a process as one stream
 * ```ts
 * import { streamFromReadable, streamFromWritable, StapledStream } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * // As of new Deno.Command("cat", { stdin: "piped", stdout: "piped" }).spawn()
 * const { writable: stdin, readable: stdout } = new TransformStream<Uint8Array, Uint8Array>();
 * await using stream = new StapledStream(streamFromWritable(stdin), streamFromReadable(stdout));
 * const echo = stream.receiveSome();
 * await stream.sendAll(new TextEncoder().encode("hello"));
 * assertEquals(new TextDecoder().decode((await echo)!), "hello");
 * await stream.sendEof();
 * assertEquals(await stream.receiveSome(), null);
 * ```
 *
 * @category Streams
 */
export class StapledStream<S extends SendStream = SendStream, R extends ReceiveStream = ReceiveStream>
  implements HalfCloseableStream, TextSender {
  /** The stream it sends on. */
  readonly sendStream: S;
  /** The stream it receives from. */
  readonly receiveStream: R;
  #closed = false;

  /**
   * Takes two streams over.
   *
   * @param sendStream The stream to send on.
   * @param receiveStream The stream to receive from.
   * @throws {TypeError} If `sendStream` cannot send, or `receiveStream` cannot receive.
   */
  constructor(sendStream: S, receiveStream: R) {
    if (typeof sendStream?.sendAll !== "function") {
      throw new TypeError('Cannot staple two streams as "sendStream" must be a SendStream: it has no sendAll()');
    }
    if (typeof receiveStream?.receiveSome !== "function") {
      throw new TypeError(
        'Cannot staple two streams as "receiveStream" must be a ReceiveStream: it has no receiveSome()',
      );
    }
    this.sendStream = sendStream;
    this.receiveStream = receiveStream;
  }

  /**
   * Sends all bytes, in order.
   *
   * **Cancellation:** throws `Cancelled`; an unknown part has been sent, as with the `sendAll()` of `sendStream`.
   *
   * @param bytes What to send; may be empty.
   */
  sendAll(bytes: Uint8Array): Promise<void> {
    return callStream(() => this.sendStream.sendAll(bytes));
  }

  /**
   * Sends a text, as UTF-8.
   *
   * **Cancellation:** throws `Cancelled`; an unknown part has been sent, as with the `sendAll()` of `sendStream`.
   *
   * @example To the input of a process
   * ```ts
   * import { StapledStream, streamFromReadable, streamFromWritable } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * const { writable, readable } = new TransformStream<Uint8Array, Uint8Array>();
   * await using stream = new StapledStream(streamFromWritable(writable), streamFromReadable(readable));
   * const echo = stream.receiveSome();
   * await stream.sendText("hello");
   * assertEquals(new TextDecoder().decode((await echo)!), "hello");
   * ```
   *
   * @param text What to send; may be empty. Half a surrogate pair is sent as U+FFFD.
   * @throws {TypeError} If `text` is not a string.
   */
  sendText(text: string): Promise<void> {
    return encodeText(text, (bytes) => this.sendAll(bytes));
  }

  /**
   * Tells the peer that nothing more will be sent; receiving goes on. Idempotent.
   *
   * If `sendStream` has no `sendEof()`, it is closed instead: it can do nothing else any more.
   *
   * **Cancellation:** throws `Cancelled`; the end is sent all the same.
   *
   * @throws {ClosedResourceError} If this stream is closed.
   */
  sendEof(): Promise<void> {
    const stream: SendStream & Partial<HalfCloseableStream> = this.sendStream;
    if (typeof stream.sendEof === "function") return callStream(() => stream.sendEof!());
    return suspend<void>(END, (waker) => {
      if (this.#closed) return void waker.fail(new ClosedResourceError("Cannot send as the stream is closed"));
      stream.close();
      waker.wake();
    }, () => true);
  }

  /**
   * Receives what is there, at least one byte; `null` at the end.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost.
   *
   * @param max The most to receive, in bytes.
   * @returns The bytes, which belong to the caller, or `null` when the peer has sent everything.
   */
  receiveSome(max?: number): Promise<Uint8Array | null> {
    return callStream(() => this.receiveStream.receiveSome(max));
  }

  /**
   * Receives into a buffer of the caller: the way without copies and allocations.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost. But the buffer stays on loan to the stream, which may
   * still write into it, until the next receive has returned or the stream is closed.
   *
   * @param buffer Where the bytes go; at least one byte long.
   * @returns How many bytes were received, or `null` when the peer has sent everything.
   */
  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return callStream(() => this.receiveStream.receiveInto(buffer));
  }

  /**
   * Closes both streams, `sendStream` first; blocked operations fail with `ClosedResourceError`. Idempotent.
   *
   * If the `close()` of one throws, the other one is closed all the same. The first error is thrown, and
   * `suppressedErrors()` has the second.
   */
  close(): void {
    this.#closed = true;
    throwFirst(closeAll(this.sendStream, this.receiveStream));
  }

  /** Closes both, as `close()` does. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes both by their `Symbol.asyncDispose`, one after the other. Errors are treated as by `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    return composedWait(async () => {
      const errors: unknown[] = [];
      for (const stream of [this.sendStream, this.receiveStream]) {
        try {
          await stream[Symbol.asyncDispose]();
        } catch (error) {
          errors.push(error);
        }
      }
      throwFirst(errors);
    });
  }

  /** Gives chunks until the peer has sent everything. Leaving the loop does not close the stream. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.receiveStream[Symbol.asyncIterator]();
  }
}
