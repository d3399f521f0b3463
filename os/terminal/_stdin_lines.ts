/**
 * The lines of standard input. Each call takes the bytes of one line and puts the rest back, so wherever somebody stops,
 * whether by a break, an error or a cancellation, everything beyond is there for whoever goes on. A buffered stream is
 * faster, but what it holds is lost with an iterator that nobody ends, such as that of `stdinLines().next()`.
 */

import { composedWait } from "../../core/internal.ts";
import { checkpoint } from "../../core/mod.ts";
import { MessageTooLongError } from "../../net/mod.ts";
import type { StdinStream } from "./_stdin_stream.ts";

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Nothing is dropped, as lines are not the beginning of a text. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** See the header. */
export class StdinLines implements AsyncIterableIterator<string> {
  readonly #stdin: StdinStream;
  readonly #max: number;
  #over = false;

  constructor(stdin: StdinStream, max: number) {
    this.#stdin = stdin;
    this.#max = max;
  }

  next(): Promise<IteratorResult<string>> {
    return composedWait(async () => {
      if (this.#over) await checkpoint();
      else {
        const line = await this.#line();
        if (line !== null) return { done: false, value: line };
        this.#over = true;
      }
      return { done: true, value: undefined };
    });
  }

  return(value?: unknown): Promise<IteratorResult<string>> {
    this.#over = true;
    return Promise.resolve({ done: true, value });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #line(): Promise<string | null> {
    /** What was taken and is no line yet. */
    let parts: Uint8Array[] = [];
    let size = 0;
    try {
      while (true) {
        const chunk = await this.#stdin.receiveSome();
        if (chunk === null) {
          if (size === 0) return null;
          if (size > this.#max) throw tooLong(this.#max);
          const rest = decoder.decode(joined(parts));
          parts = [];
          return rest;
        }
        const end = chunk.indexOf(LINE_FEED);
        const part = end === -1 ? chunk : chunk.subarray(0, end);
        parts.push(part);
        size += part.length;
        const ended = end !== -1;
        // A carriage return is not part of the line if a line feed follows, or may still follow.
        const last = part.at(-1) ?? parts.at(-2)?.at(-1);
        const length = last === CARRIAGE_RETURN ? size - 1 : size;
        if (length > this.#max) {
          // All of it, for the finally below.
          parts[parts.length - 1] = chunk;
          throw tooLong(this.#max);
        }
        if (!ended) continue;
        if (end + 1 < chunk.length) this.#stdin.putBack(chunk.subarray(end + 1));
        const line = decoder.decode(joined(parts).subarray(0, length));
        parts = [];
        return line;
      }
    } finally {
      if (parts.length > 0) this.#stdin.putBack(joined(parts));
    }
  }
}

/** One array of several. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const all = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function tooLong(max: number): MessageTooLongError {
  const message = `Cannot receive a line as it must be at most ${max} bytes long: stdin has more without a line feed`;
  return new MessageTooLongError(message, { max });
}
