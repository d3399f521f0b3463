/**
 * Reading from a socket of the host, into the buffer of the caller's or one of its own.
 *
 * After a reset Deno reports the error once, to a read or a write, and then a read gives `null`, which must not pass
 * for a clean end: so a stream that broke while sending breaks at the end of what it receives, too.
 */

import { CHUNK, faultOfSize, SMALL_CHUNK } from "../../core/internal.ts";
import { BrokenResourceError, type SocketAddress } from "../../core/mod.ts";
import type { NetworkConn } from "../../core/lowlevel.ts";
import { formatSocketAddress } from "../base/address.ts";
import { socketFault } from "../host/host_errors.ts";
import { ReceiveHalf } from "./_receive_half.ts";
import type { SendHalf } from "./_send_half.ts";

/** See the header. */
export class SocketReceive extends ReceiveHalf<number | null> {
  readonly #conn: NetworkConn<SocketAddress>;
  readonly #sending: SendHalf;
  /** The buffer of the read in flight; how long that was; whether it is the caller's. Written by `begin()`. */
  #reading: Uint8Array | null = null;
  #lent = 0;
  #loaned = false;
  /** The read buffer of its own, made when first needed, and how large it is made. */
  #own: Uint8Array | null = null;
  #ownSize = SMALL_CHUNK;

  constructor(conn: NetworkConn<SocketAddress>, sending: SendHalf) {
    super(formatSocketAddress(conn.remoteAddr), conn);
    this.#conn = conn;
    this.#sending = sending;
  }

  protected override get label(): string {
    return "read";
  }

  override begin(): Promise<number | null> {
    const wish = this.wish;
    this.#loaned = typeof wish !== "number";
    const buffer = typeof wish === "number" ? this.#buffer(wish) : wish;
    this.#reading = buffer;
    this.#lent = buffer.length;
    return this.#conn.read(buffer);
  }

  protected override landed(size: number | null): void {
    const buffer = this.#reading as Uint8Array;
    this.#reading = null;
    if (size === null) {
      const { fault } = this.#sending;
      if (fault === null) this.over({ value: null });
      else this.failed((fault as Error).cause);
    } else if (size > buffer.length && buffer.length < this.#lent) {
      this.over({
        error: new BrokenResourceError(
          "Cannot receive as the buffer on loan to the stream must stay as it is: it was transferred or resized, and the " +
            "bytes that came are lost",
        ),
      });
    } else if (faultOfSize(size, buffer.length) !== null) this.failed(faultOfSize(size, buffer.length));
    else if (this.wish === buffer && this.waiting !== null) this.filled(size);
    else this.arrived(this.#takeOut(buffer, size));
  }

  protected override failed(error: unknown): void {
    this.#reading = null;
    this.over({ error: socketFault(`Cannot receive from ${this.from}`, error) });
  }

  #buffer(max: number): Uint8Array {
    const own = this.#own ??= new Uint8Array(this.#ownSize);
    return max < own.length ? own.subarray(0, max) : own;
  }

  /** The bytes of a read as a chunk of their own; a large one takes the read buffer with it. */
  #takeOut(buffer: Uint8Array, size: number): Uint8Array {
    if (this.#loaned) return buffer.slice(0, size);
    if (size === SMALL_CHUNK && this.#ownSize === SMALL_CHUNK) {
      // More than a small one holds seems to be coming.
      this.#ownSize = CHUNK;
    } else if (size <= SMALL_CHUNK) return buffer.slice(0, size);
    this.#own = null;
    return buffer.subarray(0, size);
  }
}
