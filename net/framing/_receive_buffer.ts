/**
 * Bytes that were received and not yet asked for, in one piece of memory:
 *
 *     0          start               end                 length
 *     ├──────────┼───────────────────┼───────────────────┤
 *      consumed   held                lent to a receive
 *
 * A cancelled receive leaves its part on loan: the stream may still write there. So nothing is ever moved to the right
 * of `end`, and memory of which a part is on loan is not given away.
 */

/** The capacity of those who receive much at a time, unless a single message needs more. */
import { SMALL_CHUNK } from "../../core/internal.ts";
export const CHUNK: number = 128 * 1024;
/** How much more is taken when a receive has filled all there was. */
const GROWTH = 4;
/** Bytes up to this number are copied out; more of them may take the memory with them. As in `SocketStream`. */
const COPY_UP_TO = 8 * 1024;

const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** See the header. */
export class ReceiveBuffer {
  /** Made when first needed, and let go when it is empty and larger than usual. */
  bytes: Uint8Array<ArrayBuffer> = NOTHING;
  start = 0;
  end = 0;
  /** The usual capacity. Written by `landed()`. */
  #usual = SMALL_CHUNK;
  /** How much is lent. Written by `lend()` and `landed()`. */
  #lent = 0;

  /** How many bytes are held. */
  get size(): number {
    return this.end - this.start;
  }

  /** Memory for the next receive, such that no more than `most` bytes are held after it; more than are held now. */
  lend(most: number): Uint8Array {
    const { size } = this;
    if (this.start > 0 && this.bytes.length - this.end < this.bytes.length / 2) {
      this.bytes.copyWithin(0, this.start, this.end);
      this.start = 0;
      this.end = size;
    }
    if (this.end === this.bytes.length || (size === 0 && this.bytes.length < this.#usual)) {
      // Doubled as bytes come in: what a peer merely announces costs no memory.
      const larger = new Uint8Array(Math.max(this.#usual, Math.min(most, 2 * size)));
      larger.set(this.bytes.subarray(this.start, this.end));
      this.bytes = larger;
      this.start = 0;
      this.end = size;
    }
    const lent = this.bytes.subarray(this.end, this.start + most);
    this.#lent = lent.length;
    return lent;
  }

  /** The receive has returned, and put so many bytes into what it was lent. */
  landed(size: number): void {
    if (size === this.#lent) this.#usual = Math.min(GROWTH * this.#usual, CHUNK);
    this.#lent = 0;
    this.end += size;
  }

  /** Takes bytes out. They belong to the caller. */
  take(size: number): Uint8Array {
    const { bytes, start } = this;
    // Handed over where it is mostly this; a lent part must stay ours, as the caller may transfer the memory.
    const whole = size === this.size && size > COPY_UP_TO && size >= bytes.length / 2 && this.#lent === 0;
    if (whole) {
      this.clear();
      return bytes.subarray(start, start + size);
    }
    const copy = bytes.slice(start, start + size);
    this.skip(size);
    return copy;
  }

  /** Lets bytes go. */
  skip(size: number): void {
    this.start += size;
    if (this.start < this.end) return;
    this.start = this.end = 0;
    if (this.bytes.length > CHUNK) this.bytes = NOTHING;
  }

  /** Lets everything go. */
  clear(): void {
    this.bytes = NOTHING;
    this.start = this.end = 0;
  }

  /**
   * Where the delimiter begins, counted from the first byte held, or -1 if it is not among the first `until` bytes; the
   * first `from` of them are known not to begin it.
   */
  find(delimiter: Uint8Array, from: number, until: number): number {
    const { bytes, start, end } = this;
    const first = delimiter[0] as number;
    const held = bytes.subarray(start, Math.min(end, start + until));
    for (let at = held.indexOf(first, from); at !== -1; at = held.indexOf(first, at + 1)) {
      let same = 1;
      while (same < delimiter.length && held[at + same] === delimiter[same]) same++;
      if (same === delimiter.length) return at;
    }
    return -1;
  }
}
