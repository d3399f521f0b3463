// deno-lint-ignore-file trefoil/error-message -- the words are those of the host
/** Reading a connection in pieces whose end only the reader knows. */

import type { NetworkConn } from "../../../core/lowlevel.ts";

const CHUNK = 16_384;
const LINE_FEED = 10;

/** What is no HTTP, or no WebSocket: `status` is what a server answers with. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

/** See the header. Used by one at a time, but for `fill()`, which several may wait for. */
export class ByteReader {
  readonly #conn: Pick<NetworkConn, "read">;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(CHUNK);
  #start = 0;
  #end = 0;
  #filling: Promise<boolean> | null = null;
  /** Whether the peer has ended. */
  ended = false;

  constructor(conn: Pick<NetworkConn, "read">) {
    this.#conn = conn;
  }

  /** How many bytes have come and were not taken. */
  get available(): number {
    return this.#end - this.#start;
  }

  /** Waits for more; whether there is any. */
  fill(): Promise<boolean> {
    return this.#filling ??= this.#fill().finally(() => this.#filling = null);
  }

  /** A line without its end, as text; `null` at the end of everything. Throws if it has more than `max` bytes. */
  async line(max: number): Promise<string | null> {
    for (let seen = 0;;) {
      const at = this.#buffer.subarray(this.#start + seen, this.#end).indexOf(LINE_FEED);
      if (at !== -1) {
        const line = latin1(this.#buffer.subarray(this.#start, this.#start + seen + at));
        this.#start += seen + at + 1;
        return line.endsWith("\r") ? line.slice(0, -1) : line;
      }
      seen = this.available;
      if (seen > max) throw new ProtocolError(`a line has more than ${max} bytes`, 431);
      if (await this.fill()) continue;
      if (seen === 0) return null;
      throw new ProtocolError("unexpected end of file");
    }
  }

  /** At most `max` bytes; `null` at the end. */
  async some(max: number): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.available === 0 && !await this.fill()) return null;
    const size = Math.min(max, this.available);
    const bytes = this.#buffer.slice(this.#start, this.#start + size);
    this.#start += size;
    return bytes;
  }

  /** So many bytes. */
  async exactly(size: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(size);
    for (let got = 0; got < size;) {
      const part = await this.some(size - got);
      if (part === null) throw new ProtocolError("unexpected end of file");
      bytes.set(part, got);
      got += part.length;
    }
    return bytes;
  }

  async #fill(): Promise<boolean> {
    if (this.ended) return false;
    if (this.#start === this.#end) this.#start = this.#end = 0;
    if (this.#end === this.#buffer.length) {
      const bigger = this.#start > 0 ? this.#buffer : new Uint8Array(2 * this.#buffer.length);
      bigger.set(this.#buffer.subarray(this.#start, this.#end));
      this.#end -= this.#start;
      this.#start = 0;
      this.#buffer = bigger;
    }
    const size = await this.#conn.read(this.#buffer.subarray(this.#end));
    if (size === null) this.ended = true;
    else this.#end += size;
    return size !== null;
  }
}

/** Each byte a character, as headers are (RFC 9112, section 2.2). */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4_096) text += String.fromCharCode(...bytes.subarray(at, at + 4_096));
  return text;
}

/** Writes all of some bytes. */
export async function writeAll(conn: Pick<NetworkConn, "write">, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(bytes.subarray(sent));
}
