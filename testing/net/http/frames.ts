/** Frames of WebSockets (RFC 6455, section 5.2), with the limits and the words of Deno 2.9.6. */

import type { ByteReader } from "./byte_reader.ts";

/** What a frame is. */
export const TEXT = 1;
/** See `TEXT`. */
export const BINARY = 2;
/** See `TEXT`. */
export const CLOSE = 8;
/** See `TEXT`. */
export const PING = 9;
/** See `TEXT`. */
export const PONG = 10;

/** A whole message, or a control frame. */
export interface Message {
  readonly kind: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The most that a message holds. */
const MOST = 64 * 1024 * 1024;
/** The most that a control frame holds. */
const MOST_CONTROL = 125;

/** Puts a whole message into a frame; `mask` is what a client has to use. */
export function formatFrame(kind: number, bytes: Uint8Array, mask: number | null): Uint8Array {
  const size = bytes.length;
  const extra = size < 126 ? 0 : size < 65_536 ? 2 : 8;
  const start = 2 + extra + (mask === null ? 0 : 4);
  const frame = new Uint8Array(start + size);
  const view = new DataView(frame.buffer);
  frame[0] = 0x80 | kind;
  frame[1] = (mask === null ? 0 : 0x80) | (extra === 0 ? size : extra === 2 ? 126 : 127);
  if (extra === 2) view.setUint16(2, size);
  if (extra === 8) view.setBigUint64(2, BigInt(size));
  frame.set(bytes, start);
  if (mask !== null) {
    view.setUint32(start - 4, mask);
    applyMask(frame.subarray(start), frame.subarray(start - 4, start));
  }
  return frame;
}

/** Reads messages, put together from their fragments. Throws what the host says of what is none. */
export class FrameReader {
  readonly #source: ByteReader;
  readonly #parts: Uint8Array<ArrayBuffer>[] = [];
  #kind = 0;
  #size = 0;

  constructor(source: ByteReader) {
    this.#source = source;
  }

  /** The next message, or control frame; `null` if the connection ends. */
  async next(): Promise<Message | null> {
    while (true) {
      if (!(await this.#has(2))) return null;
      const [first, second] = this.#source.buffered as unknown as [number, number];
      if ((first & 0x70) !== 0) throw invalid("Reserved bits are not zero");
      const kind = first & 15;
      const isControl = kind >= 8;
      if (![0, TEXT, BINARY, CLOSE, PING, PONG].includes(kind)) throw invalid("Invalid value");
      const short = second & 0x7f;
      const extra = short < 126 ? 0 : short === 126 ? 2 : 8;
      if (isControl && (extra > 0 || (first & 0x80) === 0)) {
        throw invalid(kind === PING ? "Ping frame too large" : "Control frame too large, or in fragments");
      }
      const start = 2 + extra + (second & 0x80 ? 4 : 0);
      if (!(await this.#has(start))) return null;
      const head = this.#source.take(start);
      const view = new DataView(head.buffer);
      const size = extra === 0 ? short : extra === 2 ? view.getUint16(2) : Number(view.getBigUint64(2));
      if (size > MOST || this.#size + size > MOST) throw invalid("Frame too large");
      const bytes = await this.#payload(size);
      if (bytes === null) return null;
      if (second & 0x80) applyMask(bytes, head.subarray(start - 4));
      if (isControl) return { kind, bytes };
      if (kind === 0 ? this.#kind === 0 : this.#kind !== 0) {
        throw invalid(kind === 0 ? "Invalid continuation frame" : "Invalid fragment");
      }
      const isLast = (first & 0x80) !== 0;
      if (isLast && kind !== 0) return { kind, bytes };
      if (kind !== 0) this.#kind = kind;
      this.#parts.push(bytes);
      this.#size += size;
      if (isLast) return this.#whole();
    }
  }

  #whole(): Message {
    const bytes = new Uint8Array(this.#size);
    let at = 0;
    for (const part of this.#parts.splice(0)) {
      bytes.set(part, at);
      at += part.length;
    }
    const kind = this.#kind;
    this.#kind = this.#size = 0;
    return { kind, bytes };
  }

  /** Made as large as what comes, not as what is announced. */
  async #payload(size: number): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.#source.size >= size) return this.#source.take(size);
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (let left = size; left > 0;) {
      if (this.#source.size === 0 && !(await this.#source.more())) return null;
      const part = this.#source.take(Math.min(left, this.#source.size));
      left -= part.length;
      parts.push(part);
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  async #has(size: number): Promise<boolean> {
    while (this.#source.size < size) if (!(await this.#source.more())) return false;
    return true;
  }
}

/** Whether a control frame can hold so much. */
export function fitsControl(size: number): boolean {
  return size <= MOST_CONTROL;
}

/** Makes an error. */
export function invalid(what: string): Error {
  return new Error(what);
}

function applyMask(bytes: Uint8Array, mask: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i]! ^= mask[i & 3] as number;
}
