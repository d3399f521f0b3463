/** Bytes of a connection, read ahead as far as they come in one piece. */

import type { NetworkConn } from "../../../core/lowlevel.ts";

/** What one read takes at first, and at most. */
const FIRST = 4_096;
const MOST = 65_536;

/** See the header. */
export class ByteReader {
  readonly #conn: Pick<NetworkConn, "read">;
  #bytes = new Uint8Array(FIRST);
  #start = 0;
  #end = 0;
  /** The read that is under way: whoever wants more waits for the same. */
  #reading: Promise<boolean> | null = null;

  constructor(conn: Pick<NetworkConn, "read">) {
    this.#conn = conn;
  }

  /** What has been read and not taken; valid until more is read. */
  get buffered(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** How much that is. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** Reads more; `false` at the end. Rejects if the connection is broken, or closed. */
  more(): Promise<boolean> {
    return this.#reading ??= this.#more().finally(() => this.#reading = null);
  }

  /** Takes bytes that have been read, as the caller's own. */
  take(size: number): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(this.#start, this.#start + size);
    this.#start += taken.length;
    return taken;
  }

  /** Passes over bytes that have been read. */
  skip(size: number): void {
    this.#start += size;
  }

  async #more(): Promise<boolean> {
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      // Whatever fills the room wants more of it.
      if (this.#bytes.length < MOST && this.#full) this.#bytes = new Uint8Array(this.#bytes.length * 4);
    } else if (this.#end === this.#bytes.length) {
      const room = this.#start > this.#bytes.length / 2 ? this.#bytes : new Uint8Array(this.#bytes.length * 2);
      room.set(this.buffered);
      this.#bytes = room;
      this.#end -= this.#start;
      this.#start = 0;
    }
    const at = this.#end;
    const size = await this.#conn.read(this.#bytes.subarray(at));
    if (size === null) return false;
    this.#end = at + size;
    this.#full = this.#end === this.#bytes.length;
    return true;
  }

  #full = false;
}

/** Writes everything; rejects if the connection breaks, or is closed. */
export async function writeAll(conn: Pick<NetworkConn, "write">, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(at === 0 ? bytes : bytes.subarray(at));
}

/** Closes a connection, whatever has become of it. */
export function closeQuietly(conn: Pick<NetworkConn, "close">): void {
  try {
    conn.close();
  } catch {
    // Closed before.
  }
}
