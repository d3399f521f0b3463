/** Bodies on a connection: one that comes in, by its framing, and one that goes out, in chunks. */

import type { NetworkConn } from "../../../core/lowlevel.ts";
import { type ByteReader, writeAll } from "./byte_reader.ts";
import { asBytes, type Framing, malformed } from "./message.ts";

/** The longest line that says how large a chunk is, and the longest trailers. */
const LONGEST_SIZE = 1_024;
const LONGEST_TRAILERS = 65_536;
/** So much of a body is read that nobody wants. */
const SHORT = 65_536;
const CRLF = asBytes("\r\n");

/** A body that comes in. */
export class BodyReader {
  readonly #source: ByteReader;
  readonly #framing: Framing;
  /** What is left of it, or of its chunk. */
  #left: number;
  /** Whether the line after a chunk has to come. */
  #inChunk = false;
  /** Whether all of it was read. */
  done: boolean;

  constructor(source: ByteReader, framing: Framing) {
    this.#source = source;
    this.#framing = framing;
    this.#left = typeof framing === "number" ? framing : 0;
    this.done = framing === 0;
  }

  /** Whether the rest of it is here already. */
  get isHere(): boolean {
    return this.done || (typeof this.#framing === "number" && this.#left <= this.#source.size);
  }

  /** Whether the rest of it is so short that it is better read than the connection closed. */
  get isShort(): boolean {
    return this.done || this.#framing === "chunked" || this.#left <= SHORT;
  }

  /** Reads the rest, which nobody wants; `false` if that is too much. */
  async drain(): Promise<boolean> {
    for (let size = 0; !this.done; size += (await this.read())?.length ?? 0) if (size > SHORT) return false;
    return true;
  }

  /** Reads some of it; `null` at the end. Rejects if the connection ends before. */
  async read(): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.done) return null;
    if (this.#framing === "until the end") {
      if (this.#source.size === 0 && !(await this.#source.more())) {
        this.done = true;
        return null;
      }
      return this.#source.take(this.#source.size);
    }
    if (this.#framing === "chunked" && this.#left === 0 && !(await this.#nextChunk())) return null;
    if (this.#source.size === 0) await this.#more();
    const part = this.#source.take(Math.min(this.#left, this.#source.size));
    this.#left -= part.length;
    this.done = this.#framing !== "chunked" && this.#left === 0;
    return part;
  }

  /** Begins with the next chunk; `false` if there is none. */
  async #nextChunk(): Promise<boolean> {
    if (this.#inChunk && (await this.#line(2)) !== "") throw malformed("invalid chunk parsed");
    this.#inChunk = true;
    const size = (await this.#line(LONGEST_SIZE)).split(";")[0]!.trim();
    if (!/^[0-9a-f]{1,12}$/i.test(size)) throw malformed("invalid chunk size parsed");
    this.#left = parseInt(size, 16);
    if (this.#left > 0) return true;
    for (let room = LONGEST_TRAILERS;;) {
      const trailer = await this.#line(room);
      room -= trailer.length + 2;
      if (trailer === "") break;
    }
    this.done = true;
    return false;
  }

  async #line(most: number): Promise<string> {
    while (true) {
      const end = this.#source.buffered.indexOf(10);
      if (end > most || (end < 0 && this.#source.size > most)) throw malformed("invalid chunk parsed");
      if (end >= 0) return String.fromCharCode(...this.#source.take(end + 1)).replace(/\r?\n$/, "");
      await this.#more();
    }
  }

  async #more(): Promise<void> {
    if (!(await this.#source.more())) throw malformed("end of file before message length reached");
  }
}

/** Sends a chunk of a body of which nobody knows the length. */
export async function writeChunk(conn: Pick<NetworkConn, "write">, bytes: Uint8Array): Promise<void> {
  if (bytes.length === 0) return;
  await writeAll(conn, joined(asBytes(`${bytes.length.toString(16)}\r\n`), bytes, CRLF));
}

/** The end of such a body. */
export const LAST_CHUNK: Uint8Array = asBytes("0\r\n\r\n");

/** Several pieces in one: what is written together is one segment on the way. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
