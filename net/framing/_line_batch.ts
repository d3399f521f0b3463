/**
 * Lines decoded ahead, many at a time: calling the decoder and waiting once a line would cost more than all the rest.
 *
 * The bytes of a batch stay in the buffer until its last line is given out, so they are not lost when the caller leaves
 * the loop in the middle, say to receive a body after headers: `settle()` counts the lines given out in the bytes,
 * which works as UTF-8 has the byte 10 for line feeds only. What was decoded in vain is bounded by what was used: a
 * batch is at most twice as long as the one before, if that was used up, and short otherwise.
 */

import { MessageTooLongError } from "./framing_errors.ts";
import type { ReceiveBuffer } from "./_receive_buffer.ts";

/** Bytes of the first batch. */
const SHORT = 512;
/** Bytes of the longest; longer ones are not faster, and a line that is kept keeps the whole batch in memory. */
const LONG = 16 * 1024;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Bytes that are not UTF-8 become U+FFFD. Nothing is dropped, as lines are not the beginning of a text. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** See the header. */
export class LineBatch {
  readonly #buffer: ReceiveBuffer;
  /** Decoded lines, each with its line feed. Empty if there are none. */
  #text = "";
  /** Where in it the next line begins. */
  #at = 0;
  /**
   * The bytes of all of it, which are the first ones in the buffer. 0 if there are no lines: cheaper to test than `""`.
   */
  #length = 0;
  #window = SHORT;
  /** So many bytes of the buffer hold no line feed. Reset by whatever takes bytes out. */
  #scanned = 0;

  constructor(buffer: ReceiveBuffer) {
    this.#buffer = buffer;
  }

  /** Whether a line is decoded that is surely no longer than `max` bytes. */
  has(max: number): boolean {
    return this.#length > 0 && this.#length - 1 <= max;
  }

  /** Gives out the next decoded line: only after `has()` or `fill()` said that there is one. */
  next(): string {
    const text = this.#text;
    const start = this.#at;
    const end = text.indexOf("\n", start);
    const line = text.substring(start, end > start && text.charCodeAt(end - 1) === CARRIAGE_RETURN ? end - 1 : end);
    this.#at = end + 1;
    if (this.#at === text.length) {
      this.#window = Math.min(2 * this.#window, LONG);
      this.#drop(this.#length);
    }
    return line;
  }

  /**
   * Decodes some of the complete lines that are there, unless `has()`. Returns whether there are any.
   *
   * @throws {MessageTooLongError} If the next line is longer than `max` bytes.
   */
  fill(max: number): boolean {
    // Decoded under a larger limit.
    if (this.#length > 0) this.settle();
    const { bytes, start, end } = this.#buffer;
    // Each line in here has at most `max` bytes, as its line feed is in here, too.
    const until = Math.min(end, start + Math.min(this.#window, max + 1));
    const last = bytes.subarray(start + this.#scanned, until).lastIndexOf(LINE_FEED);
    if (last !== -1) {
      this.#decode(this.#scanned + last + 1);
      return true;
    }
    // Further on there can be no line feed of a line that is short enough.
    const furthest = Math.min(end, start + max + 2);
    const found = bytes.subarray(start + this.#scanned, furthest).indexOf(LINE_FEED);
    const length = found === -1 ? furthest - start : this.#scanned + found;
    // A carriage return is not part of the line if a line feed follows, or may still follow.
    const payload = bytes[start + length - 1] === CARRIAGE_RETURN && length > 0 ? length - 1 : length;
    if (payload > max) throw tooLong(max);
    if (found === -1) {
      this.#scanned = length;
      return false;
    }
    this.#decode(length + 1);
    return true;
  }

  /**
   * Takes the rest as a line that does not end: all there is at the end of the stream.
   *
   * @throws {MessageTooLongError} If it is longer than `max` bytes.
   */
  rest(max: number): string {
    const { size } = this.#buffer;
    if (size > max) throw tooLong(max);
    this.#decode(size);
    const text = this.#text;
    this.#drop(size);
    return text;
  }

  /** Makes the buffer begin after the last line given out; what was decoded beyond is forgotten. */
  settle(): void {
    this.#scanned = 0;
    if (this.#length === 0) return;
    const { bytes, start } = this.#buffer;
    let until = start;
    for (let at = 0; at < this.#at; at = this.#text.indexOf("\n", at) + 1) until = bytes.indexOf(LINE_FEED, until) + 1;
    this.#window = SHORT;
    this.#drop(until - start);
  }

  #decode(length: number): void {
    const { bytes, start } = this.#buffer;
    this.#text = decoder.decode(bytes.subarray(start, start + length));
    this.#at = 0;
    this.#length = length;
  }

  #drop(length: number): void {
    this.#text = "";
    this.#length = 0;
    this.#scanned = 0;
    this.#buffer.skip(length);
  }
}

function tooLong(max: number): MessageTooLongError {
  return new MessageTooLongError(
    `Cannot receive a line as it must be at most ${max} bytes long: the peer sent more without a line feed`,
    { max },
  );
}
