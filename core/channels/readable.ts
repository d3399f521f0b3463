/** Values between channels and Web Streams, both ways with backpressure. */

import { show } from "../base/check.ts";
import { askerOf } from "../kernel/asker.ts";
import { EndOfChannel } from "../errors/errors.ts";
import type { ReceiveChannel } from "./channel.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { isInstance, read } from "../base/foreign.ts";
import { LeftBehind, type Words } from "../kernel/left_behind.ts";
import { withSuppressed } from "../kernel/suppressed.ts";
import type { ForeignReason } from "../kernel/wait_reason.ts";
import type { Waker } from "../kernel/suspend.ts";

const READING: ForeignReason = { kind: "read from stream", foreign: true };
const WORDS: Words = { action: "receive", what: "this receiving end", busy: null };

/**
 * What `receiverFromReadable()` gives: a receiving end whose values come from a `ReadableStream`.
 *
 * @category Channels
 */
export interface ReadableReceiver<out T> extends ReceiveChannel<T> {
  /**
   * Receives the next chunk.
   *
   * **Cancellation:** throws `Cancelled`; the chunk is not lost, the next call gets it.
   *
   * @returns The chunk.
   * @throws {EndOfChannel} If the stream has ended.
   * @throws {ClosedResourceError} If this end is closed.
   * @throws {unknown} What the stream failed with.
   */
  receive(): Promise<T>;
  /**
   * Cancels the stream, so that its source can stop. Idempotent.
   *
   * **Cancellation:** none: as a cleanup it waits, even in a cancelled scope, until the source has confirmed it.
   */
  close(): Promise<void>;
}

/**
 * Receives from a `ReadableStream`, in a way that can be cancelled without losing a chunk.
 *
 * The stream is locked until `close()`, which `await using` calls.
 *
 * @example A stream under a timeout
 * ```ts
 * import { failAfter, receiverFromReadable } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using chunks = receiverFromReadable(ReadableStream.from(["a", "b"]));
 * assertEquals(await failAfter(1_000, () => chunks.receive()), "a");
 * ```
 *
 * @param readable The stream.
 * @returns The receiving end.
 * @throws {TypeError} If `readable` is not a `ReadableStream`, or locked.
 * @category Channels
 */
export function receiverFromReadable<T>(readable: ReadableStream<T>): ReadableReceiver<T> {
  if (!isInstance(readable, ReadableStream)) {
    throw new TypeError(`Cannot receive as "readable" must be a ReadableStream: received ${show(readable)}`);
  }
  if (readable.locked) throw new TypeError("Cannot receive as the ReadableStream must not be locked: it has a reader");
  return new Receiver(readable.getReader());
}

/**
 * Offers what is received from a channel as a `ReadableStream`.
 *
 * A value is received when the reader asks for one. At the end of the channel, when receiving fails, and when the
 * stream is cancelled, the receiving end is closed.
 *
 * **Cancellation:** a read waits in the scope of the code that reads. Two exceptions: the first read right after the
 * stream was made waits in the scope of the code that made it, and a read that begins while another is pending waits in
 * that one's. When the scope is cancelled, the read and all later ones reject with its `Cancelled`.
 *
 * @example The body of a response
 * ```ts
 * import { openMemoryChannel, readableFromChannel } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const [send, receive] = openMemoryChannel<string>(2);
 * send.trySend("hello ");
 * send.trySend("world");
 * send.close();
 * const response = new Response(readableFromChannel(receive).pipeThrough(new TextEncoderStream()));
 * assertEquals(await response.text(), "hello world");
 * ```
 *
 * @param channel The receiving end, which belongs to the stream from now on.
 * @returns The stream.
 * @throws {TypeError} If `channel` is no receiving end.
 * @category Channels
 */
export function readableFromChannel<T>(channel: ReceiveChannel<T>): ReadableStream<T> {
  for (const method of ["receive", "close"] as const) {
    if (typeof read(channel, method) === "function") continue;
    throw new TypeError(
      `Cannot make a stream as "channel" must be the receiving end of a channel: received ${
        show(channel)
      } without ${method}()`,
    );
  }
  let receiving = false;
  let cancelled = false;
  return new ReadableStream<T>({
    // Returns at once: until a pull is over, the next one is made in its context, and so in its scope.
    pull(controller) {
      if (receiving) return;
      receiving = true;
      // What is not ours may throw at once.
      Promise.try(() => channel.receive()).then((value) => {
        receiving = false;
        controller.enqueue(value);
      }).catch(async (error) => {
        let fault = error instanceof EndOfChannel ? null : { error };
        try {
          await channel.close();
        } catch (second) {
          fault = { error: fault === null ? second : withSuppressed(error, [second]) };
        }
        // Nothing can be done with a stream that was cancelled since, and trying would end the process.
        if (cancelled) return;
        if (fault === null) controller.close();
        else controller.error(fault.error);
      });
    },
    async cancel() {
      cancelled = true;
      await channel.close();
    },
  }, { highWaterMark: 0 });
}

class Receiver<T> implements ReadableReceiver<T> {
  readonly #reader: ReadableStreamDefaultReader<T>;
  readonly #reads: Reads<T>;
  #closed: Promise<void> | null = null;
  #failed = false;

  constructor(reader: ReadableStreamDefaultReader<T>) {
    this.#reader = reader;
    this.#reads = new Reads(reader);
    // A failure is seen by whoever receives.
    reader.closed.catch(() => void (this.#failed = true));
  }

  receive(): Promise<T> {
    return this.#reads.wait(undefined, askerOf());
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#reads.shut();
    try {
      await this.#reader.cancel();
    } catch (error) {
      // A stream that had failed fails again when it is cancelled: whoever received has that error already.
      if (!this.#failed) throw error;
    } finally {
      this.#reader.releaseLock();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return {
      next: () =>
        composedWait(async (): Promise<IteratorResult<T>> => {
          try {
            return { done: false, value: await this.receive() };
          } catch (error) {
            if (error instanceof EndOfChannel) return { done: true, value: undefined };
            throw error;
          }
        }),
    };
  }
}

type Read<T> = ReadableStreamReadResult<T>;

/** Several waits at once get a chunk each, in order. */
class Reads<T> extends LeftBehind<Read<T>, T, Read<T>> {
  readonly #reader: ReadableStreamDefaultReader<T>;

  constructor(reader: ReadableStreamDefaultReader<T>) {
    super(WORDS, READING);
    this.#reader = reader;
  }

  protected override get label(): string {
    return READING.kind;
  }

  override begin(): Promise<Read<T>> {
    return this.#reader.read();
  }

  protected override landed(result: Read<T>): void {
    if (result.done) this.over({ error: new EndOfChannel("Cannot receive as the stream has ended") });
    else this.arrived(result);
  }

  protected override give(waiter: Waker<T>, { value }: Read<T>): void {
    waiter.wake(value as T);
  }

  protected override failed(error: unknown): void {
    this.over({ error });
  }
}
