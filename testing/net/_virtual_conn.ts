/**
 * One end of a connection in memory.
 *
 *     SILENT ──established──▶ OPEN ──reset──▶ BROKEN
 *                              └──close()──▶ CLOSED (what was sent still arrives; what comes is answered by a reset)
 *
 * The errors are those of Deno 2.9.6 on Linux, down to its oddities: a reset is told once, to a read or a write, and
 * later reads give the end; after the peer's end a reset breaks writes only; closing with unread bytes ends the
 * stream as any close does, and breaks what the peer writes.
 */

import type { SocketAddress } from "../../core/mod.ts";
import type { Alarm, NetworkConn } from "../../core/lowlevel.ts";
import type { Flow, Item, Wire } from "./_flow.ts";
import { hostError, type HostErrorName } from "./_host_errors.ts";

interface Read {
  readonly buffer: Uint8Array;
  readonly resolve: (size: number | null) => void;
  readonly reject: (error: Error) => void;
}

/** `bytes` is `null` for the end. */
interface Write {
  readonly bytes: Uint8Array | null;
  readonly resolve: (size: number) => void;
  readonly reject: (error: Error) => void;
}

/**
 * How long TCP sends again what nobody acknowledges, in milliseconds. Linux: 15 minutes or so; here what a test can
 * wait for.
 */
const UNACKNOWLEDGED = 120_000;

/** See the header. */
export class VirtualConn<A extends SocketAddress = SocketAddress> implements NetworkConn<A> {
  readonly inMemory = true;
  readonly localAddr: A;
  readonly remoteAddr: A;
  /** What this end sends, and what comes to it. Set by the connection. */
  out!: Flow;
  in!: Flow;
  closed = false;
  /** Whether the peer has sent its end, and this one its own. */
  ended = false;
  eofSent = false;
  /** Why nothing goes on any more. Written by `break()`. */
  broken: HostErrorName | null = null;
  /** Bytes that have arrived and were not read. */
  unread = 0;
  /** Called when this end is closed, or broken. Written by the connection. */
  onGone: () => void = () => {};
  /** Called when this end is closed. Written by the network. */
  onClose: () => void = () => {};
  /** The host it is an end on; while that stands still, nobody there is told anything. Written by the connection. */
  host: { readonly time: { readonly paused: boolean } } | null = null;
  readonly #wire: Wire;
  readonly #reads: Read[] = [];
  readonly #writes: Write[] = [];
  /** What has arrived: chunks, the first one from `#head`. */
  readonly #chunks: Uint8Array[] = [];
  #head = 0;
  /** Bytes sent of which this end does not know that they were read. */
  #outstanding = 0;
  /** Bytes read of which the peer was not told. */
  #freed = 0;
  /** Whether the reset was told. */
  #told = false;
  #rstSent = false;
  #stall: Alarm | null = null;

  constructor(wire: Wire, localAddr: A, remoteAddr: A) {
    this.#wire = wire;
    this.localAddr = localAddr;
    this.remoteAddr = remoteAddr;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (buffer.length === 0) return Promise.resolve(0);
    if (this.closed) return Promise.reject(hostError("BadResource"));
    return new Promise((resolve, reject) => {
      this.#reads.push({ buffer, resolve, reject });
      this.#serveReads();
    });
  }

  write(data: Uint8Array): Promise<number> {
    return this.#write(data);
  }

  async closeWrite(): Promise<void> {
    await this.#write(null);
  }

  close(): void {
    if (this.closed) throw hostError("BadResource");
    this.closed = true;
    for (const { reject } of [...this.#reads.splice(0), ...this.#writes.splice(0)]) reject(hostError("Interrupted"));
    if (this.broken === null) {
      if (!this.eofSent) this.out.send("fin");
      this.eofSent = true;
      if (this.unread > 0) this.#sendReset();
    }
    this.#chunks.length = this.unread = 0;
    this.onClose();
    this.#gone();
  }

  /** Something has arrived. */
  take({ kind, bytes, credit }: Item): void {
    if (this.broken !== null) {
      // The system does not know this connection any more.
      if (kind === "data" || kind === "fin") this.#sendReset();
      return;
    }
    if (kind === "rst") return this.break("ConnectionReset");
    if (kind === "credit") {
      this.#outstanding -= credit;
      return this.#serveWrites();
    }
    if (this.closed) {
      // As every system answers bytes that nobody will read.
      if (kind === "data") this.#sendReset();
    } else if (kind === "data") {
      this.#chunks.push(bytes);
      this.unread += bytes.length;
      this.#serveReads();
    }
    if (kind === "fin") {
      this.ended = true;
      this.#serveReads();
    }
  }

  /** Nothing goes on any more; what has arrived can still be read. */
  break(why: HostErrorName): void {
    if (this.broken !== null) return;
    // After the peer's end, a reset says no more than that nobody receives any more.
    this.broken = why === "ConnectionReset" && this.ended ? "BrokenPipe" : why;
    this.#serveReads();
    this.#serveWrites();
    this.#gone();
  }

  /** Its host has crashed: what is on its way is lost, and nobody is told. */
  vanish(): void {
    this.out.drop();
    this.break("ConnectionReset");
  }

  /** Resets the connection, as the system does for a program that was killed. */
  abort(why: HostErrorName): void {
    if (this.broken !== null) return;
    this.#sendReset();
    this.break(why);
  }

  /** Its host may go on: what has arrived is there for its programs. */
  resumed(): void {
    this.#serveReads();
    this.#serveWrites();
  }

  /** The window may be wider. */
  rulesChanged(): void {
    this.#serveWrites();
  }

  /** The links were cut or healed: begins or ends the wait for acknowledgements. */
  watch(sending = this.out.inFlight > 0): void {
    const cut = this.out.link.partitions.size + this.in.link.partitions.size > 0;
    if (!cut || this.broken !== null || this.closed) {
      this.#stall?.cancel();
      this.#stall = null;
    } else if (sending) {
      this.#stall ??= this.#wire.clock.at(this.#wire.clock.now() + UNACKNOWLEDGED, timedOut, this as VirtualConn);
    }
  }

  #gone(): void {
    this.watch();
    this.onGone();
  }

  #sendReset(): void {
    if (this.#rstSent) return;
    this.#rstSent = true;
    this.out.send("rst");
  }

  #write(bytes: Uint8Array | null): Promise<number> {
    if (this.closed) return Promise.reject(hostError("BadResource"));
    return new Promise((resolve, reject) => {
      this.#writes.push({ bytes, resolve, reject });
      this.#serveWrites();
    });
  }

  #serveReads(): void {
    const reads = this.#reads;
    if (this.host?.time.paused) return;
    while (reads.length > 0) {
      if (this.unread > 0) {
        const { buffer, resolve } = reads.shift()!;
        resolve(this.#moveInto(buffer));
      } else if (this.broken !== null && !this.ended && !this.#told) {
        this.#told = true;
        reads.shift()!.reject(hostError(this.broken));
      } else if (this.ended || this.broken !== null) reads.shift()!.resolve(null);
      else return;
    }
  }

  /** Fills the buffer with a random part of what is there, and lets the peer send as much again. */
  #moveInto(buffer: Uint8Array): number {
    const { chunk, window } = this.in.link.rules;
    const size = Math.min(this.unread, buffer.length, this.#draw(chunk ?? this.unread));
    for (let at = 0; at < size;) {
      const first = this.#chunks[0]!;
      const part = first.subarray(this.#head, this.#head + size - at);
      buffer.set(part, at);
      at += part.length;
      this.#head += part.length;
      if (this.#head < first.length) break;
      this.#chunks.shift();
      this.#head = 0;
    }
    this.unread -= size;
    this.#freed += size;
    // Room is made known in large pieces, or a reader of single bytes would make the sender send single bytes (RFC
    // 9293, the silly window syndrome).
    if (this.broken === null && (this.unread === 0 || this.#freed >= window / 2)) {
      this.out.sendCredit(this.#freed);
      this.#freed = 0;
    }
    return size;
  }

  /** A random number from 1 to `most`. */
  #draw(most: number): number {
    return most === 1 || most === Infinity ? most : 1 + Math.floor(this.#wire.random() * most);
  }

  #serveWrites(): void {
    const writes = this.#writes;
    if (this.host?.time.paused) return;
    while (writes.length > 0) {
      const { bytes, resolve, reject } = writes[0]!;
      if (bytes === null) {
        // Also twice, and also when the peer is gone.
        if (!this.eofSent && this.broken === null) this.out.send("fin");
        this.eofSent = true;
        resolve(0);
      } else if (this.broken !== null && !this.#told) {
        this.#told = true;
        reject(hostError(this.broken));
      } else if (this.broken !== null || this.eofSent) reject(hostError("BrokenPipe"));
      else {
        const room = this.out.link.rules.window - this.#outstanding;
        if (room <= 0 && bytes.length > 0) return;
        const part = bytes.slice(0, room);
        if (part.length > 0) {
          this.#outstanding += part.length;
          this.out.send("data", part);
          this.watch(true);
        }
        resolve(part.length);
      }
      writes.shift();
    }
  }
}

const timedOut = (conn: VirtualConn): void => {
  conn.out.drop();
  conn.break("TimedOut");
};
