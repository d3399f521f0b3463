/**
 * Messages out of a stream of bytes: of a known size, up to a delimiter, lines, numbers. How they are waited for is in
 * `_message_receiver.ts`.
 *
 * Over 400 lines, of which most are the contract of the public methods.
 */

import { checkpoint, currentEffectiveDeadline } from "../../core/mod.ts";
import { checkpointIfCancelled } from "../../core/lowlevel.ts";
import {
  composedWait,
  faultOf,
  faultOfMax,
  faultOfOptions,
  faultOfTarget,
  iterate,
  requireFunction,
  requireOptions,
  show,
} from "../../core/internal.ts";
import { callStream } from "../base/call_stream.ts";
import { IncompleteReceiveError, MessageTooLongError } from "./framing_errors.ts";
import { MessageReceiver } from "./_message_receiver.ts";
import { CHUNK, type ReceiveBuffer } from "./_receive_buffer.ts";
import type { ReceiveStream } from "../streams/stream.ts";

/**
 * Options of `receiveUntil()`, `receiveMessage()`, `receiveLine()` and `lines()`.
 *
 * @category Framing
 */
export interface MessageOptions {
  /**
   * The most bytes that a message may have, without what ends it.
   *
   * @default {65_536}
   */
  readonly max?: number;
}

/**
 * Options of `receiveUint16()`, `receiveUint32()` and `receiveUint64()`.
 *
 * @category Framing
 */
export interface ByteOrderOptions {
  /**
   * Which end comes first: the `"big"` one, as in most network protocols, or the `"little"` one.
   *
   * @default {"big"}
   */
  readonly endian?: "big" | "little";
}

/**
 * What a parser has found: see `BufferedReceiver.receiveMessage()`.
 *
 * @category Framing
 */
export interface ParsedMessage<T> {
  /** The message. */
  readonly value: T;
  /** How many bytes it took, at least 1. */
  readonly size: number;
}

const DEFAULT_MAX = 64 * 1024;
const asIs = (line: string | null): string | null => line;
const encoder = new TextEncoder();

/**
 * A stream from which whole messages can be received.
 *
 * It takes over the stream it is made of: use no other way to receive from that, and close this one. It is a stream to
 * receive from itself; `BufferedStream` sends as well.
 *
 * An operation that fails, for whatever reason, has taken no byte. One task may receive at a time.
 *
 * **Cost:** a tenth of a microsecond per line, two thirds of which are `for await` and its promise; half a microsecond
 * for other messages that are there already. They are copied out of the buffer once, large ones not at all. Holds at
 * most `max` bytes or 128 KiB, whichever is larger; 8 KiB for a peer that sends little.
 *
 * @example A protocol of lengths and texts
 * ```ts
 * import { BufferedReceiver, streamFromReadable } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new Blob([new Uint8Array([0, 5]), "hello", "bye\r\n"]);
 * using stream = new BufferedReceiver(streamFromReadable(bytes.stream()));
 * const length = await stream.receiveUint16();
 * assertEquals(new TextDecoder().decode(await stream.receiveExactly(length)), "hello");
 * assertEquals(await stream.receiveLine(), "bye");
 * assertEquals(await stream.receiveLine(), null);
 * ```
 *
 * @category Framing
 */
export class BufferedReceiver<S extends ReceiveStream = ReceiveStream> implements ReceiveStream {
  /** The stream it is made of. Do not receive from it. */
  readonly stream: S;
  readonly #receiver: MessageReceiver;

  /**
   * Takes a stream over.
   *
   * @param stream The stream to receive from.
   * @throws {TypeError} If it is not a stream.
   */
  constructor(stream: S) {
    if (typeof stream?.receiveInto !== "function") {
      throw new TypeError(
        `Cannot buffer a stream as "stream" must be a ReceiveStream: received ${
          show(stream)
        }; wrap a ReadableStream with streamFromReadable()`,
      );
    }
    this.stream = stream;
    this.#receiver = new MessageReceiver(stream);
  }

  /** How many received bytes are waiting to be asked for. */
  get buffered(): number {
    this.#receiver.lines.settle();
    return this.#receiver.buffer.size;
  }

  /**
   * Receives an exact number of bytes.
   *
   * Memory grows with what comes in, not with what is asked for; all the same, check a length that the peer sent.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost.
   *
   * @example A header of fixed size
   * ```ts
   * import { BufferedReceiver, streamFromReadable } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * using stream = new BufferedReceiver(streamFromReadable(new Blob(["abcdef"]).stream()));
   * assertEquals((await stream.receiveExactly(4)).length, 4);
   * assertEquals((await stream.receiveExactly(2)).length, 2);
   * ```
   *
   * @param size How many bytes; `0` gives none.
   * @returns The bytes, which belong to the caller.
   * @throws {IncompleteReceiveError} If the stream ends before; the bytes stay in the buffer.
   * @throws {RangeError} If `size` is not a whole number >= 0.
   */
  receiveExactly(size: number): Promise<Uint8Array> {
    const fault = faultOfCount("receive", "size", size, 0);
    if (fault !== null) return Promise.reject(fault);
    return this.#exactly(size, () => this.#receiver.buffer.take(size));
  }

  /**
   * Shows the next bytes without taking them.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost.
   *
   * @example Telling two protocols apart
   * ```ts
   * import { BufferedReceiver, streamFromReadable } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * using stream = new BufferedReceiver(streamFromReadable(new Blob(["GET / HTTP/1.1\r\n"]).stream()));
   * const [first] = await stream.peek(1);
   * assertEquals(first, "G".charCodeAt(0));
   * assertEquals(await stream.receiveLine(), "GET / HTTP/1.1");
   * assertEquals((await stream.peek(1)).length, 0, "at the end");
   * ```
   *
   * @param size How many bytes to wait for.
   * @returns A copy of them; fewer only if the stream ends before, none at its end.
   * @throws {RangeError} If `size` is not a whole number >= 1.
   */
  peek(size: number): Promise<Uint8Array> {
    const fault = faultOfCount("peek", "size", size, 1);
    if (fault !== null) return Promise.reject(fault);
    const { buffer } = this.#receiver;
    const held = () => buffer.bytes.slice(buffer.start, buffer.start + Math.min(size, buffer.size));
    return this.#receiver.receive({
      most: Math.max(CHUNK, size),
      ready: () => buffer.size >= size,
      take: held,
      atEnd: held,
    });
  }

  /**
   * Receives up to a delimiter, and takes the delimiter, too.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost.
   *
   * @example Records that end with a zero byte
   * ```ts
   * import { BufferedReceiver, streamFromReadable } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * using stream = new BufferedReceiver(streamFromReadable(new Blob(["one\0two\0"]).stream()));
   * assertEquals(new TextDecoder().decode(await stream.receiveUntil("\0")), "one");
   * assertEquals(new TextDecoder().decode(await stream.receiveUntil("\0", { max: 100 })), "two");
   * ```
   *
   * @param delimiter What ends the message; text stands for its UTF-8 bytes.
   * @param options How long the message may be.
   * @returns The bytes before the delimiter, which belong to the caller.
   * @throws {IncompleteReceiveError} If the stream ends before the delimiter; the bytes stay in the buffer.
   * @throws {MessageTooLongError} If there is no delimiter after `max` bytes; the bytes stay in the buffer.
   * @throws {RangeError} If `delimiter` is empty.
   */
  receiveUntil(delimiter: Uint8Array | string, options: MessageOptions = {}): Promise<Uint8Array> {
    const wrong = faultOfOptions("receive", options);
    if (wrong !== null) return Promise.reject(wrong);
    const { max = DEFAULT_MAX } = options;
    const fault = faultOfDelimiter(delimiter) ?? faultOfCount("receive", "max", max, 0);
    if (fault !== null) return Promise.reject(fault);
    const end = typeof delimiter === "string" ? encoder.encode(delimiter) : delimiter;
    const { buffer } = this.#receiver;
    let scanned = 0;
    let found = -1;
    return this.#receiver.receive({
      most: Math.max(CHUNK, max + end.length),
      ready: () => {
        found = buffer.find(end, scanned, max + end.length);
        if (found === -1 && buffer.size >= max + end.length) {
          throw new MessageTooLongError(
            `Cannot receive a message as it must be at most ${max} bytes long: the peer sent more without the delimiter`,
            { max },
          );
        }
        // Its first bytes may be there already.
        scanned = Math.max(0, buffer.size - end.length + 1);
        return found !== -1;
      },
      take: () => {
        const message = buffer.take(found);
        buffer.skip(end.length);
        return message;
      },
      atEnd: () => {
        throw incomplete("a message up to its delimiter", buffer);
      },
    });
  }

  /**
   * Receives a message that only a parser can tell the end of, as a whole or not at all.
   *
   * Messages that are received in several steps (a length, then that many bytes) can be cut in two by a cancellation
   * between the steps. Here the parser sees everything that has come, and is asked again when there is more.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost.
   *
   * **Cost:** the parser begins anew for each piece that comes; let it look at lengths first.
   *
   * @example Texts with their length in front
   * ```ts
   * import { BufferedReceiver, streamFromReadable } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * function parse(bytes: Uint8Array) {
   *   const size = 1 + bytes[0]!;
   *   return bytes.length < size ? null : { value: new TextDecoder().decode(bytes.subarray(1, size)), size };
   * }
   * using stream = new BufferedReceiver(streamFromReadable(new Blob(["\x05hello\x02me"]).stream()));
   * assertEquals([await stream.receiveMessage(parse), await stream.receiveMessage(parse)], ["hello", "me"]);
   * ```
   *
   * @param parse Gets the bytes that are there, at least one, on loan for this call; returns the message, or `null` if
   * it is not complete. What it throws is thrown, and no byte is taken.
   * @param options How long the message may be.
   * @returns What the parser made of it.
   * @throws {IncompleteReceiveError} If the stream ends before the message is complete; the bytes stay in the buffer.
   * @throws {MessageTooLongError} If it is not complete after `max` bytes; the bytes stay in the buffer.
   * @throws {RangeError} If the parser says that the message took more bytes than it was shown, or none.
   */
  receiveMessage<T>(parse: (bytes: Uint8Array) => ParsedMessage<T> | null, options: MessageOptions = {}): Promise<T> {
    const wrong = faultOfOptions("receive a message", options);
    if (wrong !== null) return Promise.reject(wrong);
    const { max = DEFAULT_MAX } = options;
    const action = "receive a message";
    const fault = faultOf(() => requireFunction(action, "parse", parse)) ?? faultOfCount(action, "max", max, 1);
    if (fault !== null) return Promise.reject(fault);
    const { buffer } = this.#receiver;
    let parsed: ParsedMessage<T> | null = null;
    return this.#receiver.receive({
      most: Math.max(CHUNK, max),
      ready: () => {
        const held = Math.min(buffer.size, max);
        if (held === 0) return false;
        parsed = parse(buffer.bytes.subarray(buffer.start, buffer.start + held));
        if (parsed === null) {
          if (held < max) return false;
          throw new MessageTooLongError(
            `Cannot receive a message as it must be at most ${max} bytes long: the parser asks for more`,
            { max },
          );
        }
        // Without types a parser may return anything, a promise say.
        const size = (parsed as Partial<ParsedMessage<T>> | undefined)?.size as number;
        if (Number.isInteger(size) && size >= 1 && size <= held) return true;
        throw new RangeError(
          `Cannot receive a message as its "size" must be a whole number from 1 to ${held}, what the parser was shown: received ${size}`,
        );
      },
      take: () => {
        const { value, size } = parsed as ParsedMessage<T>;
        buffer.skip(size);
        return value;
      },
      atEnd: () => {
        throw incomplete("a message", buffer);
      },
    });
  }

  /**
   * Receives a line of UTF-8 text; `null` at the end.
   *
   * Lines end with `\n` or `\r\n`, which is not part of the line; the last one need not end. (Where a line that was
   * cut off must not pass for one, say `receiveUntil("\\r\\n")`.) Bytes that are not UTF-8 become U+FFFD.
   *
   * Lines are decoded several at a time, so one that is kept for long may keep up to 16 KiB of its neighbours in
   * memory. Where many are kept, decode what `receiveUntil("\\n")` gives instead.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost.
   *
   * @example A request line
   * ```ts
   * import { BufferedReceiver, streamFromReadable } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * using stream = new BufferedReceiver(streamFromReadable(new Blob(["HELO me\r\nQUIT"]).stream()));
   * assertEquals(await stream.receiveLine({ max: 512 }), "HELO me");
   * assertEquals(await stream.receiveLine(), "QUIT");
   * assertEquals(await stream.receiveLine(), null);
   * ```
   *
   * @param options How long the line may be, in bytes.
   * @returns The line, or `null` when there are no more.
   * @throws {MessageTooLongError} If the line is longer than `max`; its bytes stay in the buffer.
   */
  receiveLine(options: MessageOptions = {}): Promise<string | null> {
    const wrong = faultOfOptions("receive a line", options);
    if (wrong !== null) return Promise.reject(wrong);
    const { max = DEFAULT_MAX } = options;
    const fault = faultOfCount("receive a line", "max", max, 0);
    if (fault !== null) return Promise.reject(fault);
    const receiver = this.#receiver;
    if (receiver.lines.has(max) && !receiver.receiving) {
      if (currentEffectiveDeadline() === -Infinity) return checkpointIfCancelled() as Promise<never>;
      return Promise.resolve(receiver.lines.next());
    }
    return this.#line(max, asIs);
  }

  /**
   * Iterates over the lines, as `receiveLine()` gives them.
   *
   * Leaving the loop takes no byte beyond the last line: go on with any other operation. As with `receiveLine()`, a
   * line that is kept may keep its neighbours in memory.
   *
   * **Cancellation:** throws `Cancelled` between any two lines; no line is lost.
   *
   * @example Headers, then a body
   * ```ts
   * import { BufferedReceiver, streamFromReadable } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * using stream = new BufferedReceiver(streamFromReadable(new Blob(["Length: 4\r\n\r\nbody"]).stream()));
   * const headers: string[] = [];
   * for await (const line of stream.lines({ max: 8_192 })) {
   *   if (line === "") break;
   *   headers.push(line);
   * }
   * assertEquals(headers, ["Length: 4"]);
   * assertEquals(new TextDecoder().decode(await stream.receiveExactly(4)), "body");
   * ```
   *
   * @param options How long a line may be, in bytes.
   * @returns An iterator, whose `next()` throws what `receiveLine()` throws.
   * @throws {RangeError} If `max` is not a whole number >= 0.
   */
  lines(options: MessageOptions = {}): AsyncIterableIterator<string> {
    requireOptions("receive lines", options);
    const { max = DEFAULT_MAX } = options;
    const fault = faultOfCount("receive lines", "max", max, 0);
    if (fault !== null) throw fault;
    const receiver = this.#receiver;
    const batch = receiver.lines;
    let over = false;
    const result = (line: string | null): IteratorResult<string> => {
      if (line !== null) return { done: false, value: line };
      over = true;
      return { done: true, value: undefined };
    };
    const lines: AsyncIterableIterator<string> = {
      next: () => {
        if (over) return composedWait(async () => (await checkpoint(), { done: true, value: undefined }));
        // Nearly every line comes from here: no waiter, one promise (that which `for await` waits for), and no call of
        // `result()`, which would cost a fifth of all.
        if (batch.has(max) && !receiver.receiving) {
          if (currentEffectiveDeadline() === -Infinity) return checkpointIfCancelled() as Promise<never>;
          return Promise.resolve({ done: false, value: batch.next() });
        }
        return this.#line(max, result);
      },
      return: () => {
        over = true;
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]: () => lines,
    };
    return lines;
  }

  /**
   * Receives an unsigned number of 8 bits.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost.
   *
   * @example A type byte
   * ```ts
   * import { BufferedReceiver, streamFromReadable } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * using stream = new BufferedReceiver(streamFromReadable(new Blob([new Uint8Array([7])]).stream()));
   * assertEquals(await stream.receiveUint8(), 7);
   * ```
   *
   * @returns A number from 0 to 255.
   * @throws {IncompleteReceiveError} If the stream ends before.
   */
  receiveUint8(): Promise<number> {
    return this.#number(1, (view) => view.getUint8(0));
  }

  /**
   * Receives an unsigned number of 16 bits.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost.
   *
   * @example Both orders
   * ```ts
   * import { BufferedReceiver, streamFromReadable } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * using stream = new BufferedReceiver(streamFromReadable(new Blob([new Uint8Array([1, 0, 1, 0])]).stream()));
   * assertEquals(await stream.receiveUint16(), 256);
   * assertEquals(await stream.receiveUint16({ endian: "little" }), 1);
   * ```
   *
   * @param options The order of the bytes.
   * @returns A number from 0 to 65,535.
   * @throws {IncompleteReceiveError} If the stream ends before; the bytes stay in the buffer.
   */
  receiveUint16(options: ByteOrderOptions = {}): Promise<number> {
    return this.#number(2, (view, little) => view.getUint16(0, little), options);
  }

  /**
   * Receives an unsigned number of 32 bits.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost.
   *
   * @example A length
   * ```ts
   * import { BufferedReceiver, streamFromReadable } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * using stream = new BufferedReceiver(streamFromReadable(new Blob([new Uint8Array([0, 0, 1, 0])]).stream()));
   * assertEquals(await stream.receiveUint32(), 256);
   * ```
   *
   * @param options The order of the bytes.
   * @returns A number from 0 to 4,294,967,295.
   * @throws {IncompleteReceiveError} If the stream ends before; the bytes stay in the buffer.
   */
  receiveUint32(options: ByteOrderOptions = {}): Promise<number> {
    return this.#number(4, (view, little) => view.getUint32(0, little), options);
  }

  /**
   * Receives an unsigned number of 64 bits.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost.
   *
   * @example A large number
   * ```ts
   * import { BufferedReceiver, streamFromReadable } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * using stream = new BufferedReceiver(streamFromReadable(new Blob([new Uint8Array(8).fill(255)]).stream()));
   * assertEquals(await stream.receiveUint64(), 2n ** 64n - 1n);
   * ```
   *
   * @param options The order of the bytes.
   * @returns A `bigint`, as a number could not hold it.
   * @throws {IncompleteReceiveError} If the stream ends before; the bytes stay in the buffer.
   */
  receiveUint64(options: ByteOrderOptions = {}): Promise<bigint> {
    return this.#number(8, (view, little) => view.getBigUint64(0, little), options);
  }

  /**
   * Receives what is there, at least one byte; `null` at the end.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost, the next receive gets them.
   *
   * @param max The most to receive, in bytes.
   * @returns The bytes, which belong to the caller, or `null` when the peer has sent everything.
   * @throws {RangeError} If `max` is not a whole number >= 1.
   */
  receiveSome(max: number = CHUNK): Promise<Uint8Array | null> {
    const fault = faultOfMax(max);
    if (fault !== null) return Promise.reject(fault);
    const receiver = this.#receiver;
    const { buffer } = receiver;
    if (receiver.isEmpty()) return callStream(() => this.stream.receiveSome(max));
    return receiver.takeReady(() => buffer.take(Math.min(max, buffer.size)));
  }

  /**
   * Receives into a buffer of the caller: the way without copies, once what is buffered has been taken.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost. But the buffer stays on loan to the stream, which may
   * still write into it, until the next receive has returned or the stream is closed.
   *
   * @param buffer Where the bytes go; at least one byte long.
   * @returns How many bytes were received, or `null` when the peer has sent everything.
   * @throws {RangeError} If `buffer` is empty.
   */
  receiveInto(buffer: Uint8Array): Promise<number | null> {
    const receiver = this.#receiver;
    const held = receiver.buffer;
    // The stream checks the argument.
    if (receiver.isEmpty()) return callStream(() => this.stream.receiveInto(buffer));
    const fault = faultOfTarget(buffer);
    if (fault !== null) return Promise.reject(fault);
    return receiver.takeReady(() => {
      const size = Math.min(buffer.length, held.size);
      buffer.set(held.bytes.subarray(held.start, held.start + size));
      held.skip(size);
      return size;
    });
  }

  /** Closes the stream it is made of, too; blocked operations fail with `ClosedResourceError`. Idempotent. */
  close(): void {
    this.#receiver.shut();
    this.stream.close();
  }

  /** Closes the stream. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the stream, as the one it is made of does it. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#receiver.shut();
    return composedWait(async () => await this.stream[Symbol.asyncDispose]());
  }

  /** Gives chunks until the peer has sent everything. Leaving the loop does not close the stream. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return iterate(() => this.receiveSome());
  }

  #exactly<T>(size: number, take: () => T): Promise<T> {
    const { buffer } = this.#receiver;
    return this.#receiver.receive({
      most: Math.max(CHUNK, size),
      ready: () => buffer.size >= size,
      take,
      atEnd: () => {
        throw incomplete(size === 1 ? "1 byte" : `${size} bytes`, buffer);
      },
    });
  }

  #number<T>(size: number, get: (view: DataView, little: boolean) => T, options: ByteOrderOptions = {}): Promise<T> {
    const wrong = faultOfOptions("read a number", options);
    if (wrong !== null) return Promise.reject(wrong);
    const { endian = "big" } = options;
    if (endian !== "big" && endian !== "little") {
      const message = `Cannot receive a number as "endian" must be "big" or "little": received ${show(endian)}`;
      return Promise.reject(new RangeError(message));
    }
    const { buffer } = this.#receiver;
    return this.#exactly(size, () => {
      const number = get(new DataView(buffer.bytes.buffer, buffer.start, size), endian === "little");
      buffer.skip(size);
      return number;
    });
  }

  #line<T>(max: number, result: (line: string | null) => T): Promise<T> {
    const { buffer, lines } = this.#receiver;
    return this.#receiver.receiveLine({
      most: Math.max(CHUNK, max + 2),
      ready: () => lines.fill(max),
      take: () => result(lines.next()),
      atEnd: () => result(buffer.size === 0 ? null : lines.rest(max)),
    });
  }
}

function incomplete(what: string, { bytes, start, end, size }: ReceiveBuffer): IncompleteReceiveError {
  const message = `Cannot receive ${what} as the stream ended after ${size === 1 ? "1 byte" : `${size} bytes`}`;
  return new IncompleteReceiveError(message, { partial: bytes.slice(start, end) });
}

function faultOfCount(action: string, name: string, value: unknown, least: number): Error | null {
  if (typeof value !== "number") {
    return new TypeError(`Cannot ${action} as "${name}" must be a number: received ${show(value)}`);
  }
  if (Number.isSafeInteger(value) && value >= least) return null;
  return new RangeError(`Cannot ${action} as "${name}" must be a whole number >= ${least}: received ${value}`);
}

function faultOfDelimiter(delimiter: unknown): Error | null {
  if (typeof delimiter !== "string" && !(delimiter instanceof Uint8Array)) {
    return new TypeError(
      `Cannot receive as "delimiter" must be a string or a Uint8Array: received ${show(delimiter)}`,
    );
  }
  return delimiter.length > 0 ? null : new RangeError('Cannot receive as "delimiter" must hold at least one byte');
}
