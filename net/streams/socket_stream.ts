/**
 * A byte stream over a connection of the host.
 *
 * A host read cannot be taken back: left alone, it takes the next bytes into its buffer. So a cancelled receive
 * leaves the read in flight behind, and what it brings is the stash of the next receive.
 *
 *     receive: IDLE ──▶ READING ──landed──▶ IDLE
 *                          │ cancelled
 *                          ▼
 *                       ORPHANED ──landed──▶ STASHED ──next receive──▶ IDLE
 *                          │ next receive
 *                          └──▶ READING (it takes over the read in flight)
 *
 * The same holds for writes, where the next send waits for the one in flight.
 *
 * After a reset Deno reports the error once, to a read or a write, and then a read gives `null`, which must not
 * pass for a clean end: so a stream that broke while sending breaks at the end of what it receives, too.
 *
 * Over 400 lines, of which a third is the contract of the public methods; the two directions stay together as closing
 * and breaking concern both.
 */

import { BrokenResourceError, BusyResourceError, ClosedResourceError, type TcpAddress } from "../../core/mod.ts";
import {
  beginHostOperation,
  type HostOperation,
  type NetworkConn,
  suspend,
  type WaitReason,
  type Waker,
} from "../../core/lowlevel.ts";
import { hostImmediate } from "../../core/internal.ts";
import { formatSocketAddress } from "../base/address.ts";
import {
  chunksOf,
  encodeText,
  faultOfBytes,
  faultOfMax,
  faultOfSize,
  faultOfTarget,
  splitChunk,
} from "../base/byte_stream.ts";
import { requireMethod } from "../base/check.ts";
import { callHost, closeAll, tellHost } from "../host/host_call.ts";
import { isClosed, textOf } from "../host/host_errors.ts";
import type { SocketAddress } from "../../core/mod.ts";
import type { HalfCloseableStream, TextSender } from "./stream.ts";

/** How much `receiveSome()` receives at most, in bytes. What Trio and Deno's own streams use. */
const CHUNK = 64 * 1024;
/**
 * Chunks up to this size are copied out of the read buffer, which stays; larger ones take it with them. Also the size of
 * the read buffer until the peer fills it: most connections of a busy server are idle, and ever were.
 */
const SMALL_CHUNK = 8 * 1024;

const NOTHING: Uint8Array = new Uint8Array(0);

const CLOSED = "the stream is closed";

/**
 * Takes the connection out of a stream that is at rest, and closes the stream without it; `action` is what for.
 * For the upgrade of a stream to another kind.
 */
export let takeConnection: <A extends SocketAddress>(stream: SocketStream<A>, action: string) => NetworkConn<A>;

/**
 * A connection over a socket as a stream of bytes: TCP, or a Unix socket, or TLS, which has a class of its own.
 *
 * Made by `openTcpStream()`, `openUnixStream()`, `SocketListener.accept()` and the servers; closing it is the caller's
 * duty, except in the handler of a server. One task may send while another receives; two in the same direction are an
 * error.
 *
 * **Cost:** one promise beyond those of the host per operation, no copy in `receiveInto()` and `sendAll()`.
 *
 * @example Both ends of a connection
 * ```ts
 * import { openNursery, openTcpListeners, openTcpStream } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(async () => {
 *     using server = await listener.accept();
 *     await server.sendAll(new TextEncoder().encode("hello"));
 *   });
 *   using client = await openTcpStream("127.0.0.1", listener.address.port);
 *   assertEquals(new TextDecoder().decode((await client.receiveSome())!), "hello");
 * });
 * listener.close();
 * ```
 */
export class SocketStream<A extends SocketAddress = TcpAddress> implements HalfCloseableStream, TextSender {
  static {
    takeConnection = (stream, action) => stream.#take(action);
  }

  /** The address of this end. */
  readonly localAddress: A;
  /** The address of the other end. */
  readonly remoteAddress: A;
  readonly #conn: NetworkConn<A>;
  readonly #receiving: WaitReason;
  readonly #sending: WaitReason;
  #closed = false;
  /** Why it is closed. Written by `#take()`. */
  #closedAs = CLOSED;

  /** The receive that waits, if any; the buffer of its caller, or `null` for `receiveSome()`; and its `max`. */
  #receiver: Waker<never> | null = null;
  #into: Uint8Array | null = null;
  #max = 0;
  /** The buffer of the host read in flight. Written by `#read()` and when it lands. */
  #reading: Uint8Array | null = null;
  /** How long that was. */
  #lent = 0;
  /** Whether that buffer is the caller's. */
  #loaned = false;
  #readOperation: HostOperation | null = null;
  /** Bytes that landed while nobody was receiving. */
  #stash: Uint8Array | null = null;
  /** The read buffer of `receiveSome()`, made when first needed. */
  #own: Uint8Array | null = null;
  /** How large it is made. Written when a read has filled it. */
  #ownSize = SMALL_CHUNK;
  #ended = false;
  #receiveFault: Error | null = null;

  /** The arguments of an operation on their way to `#startReceive` and `#startSend`. */
  #newInto: Uint8Array | null = null;
  #newMax = 0;
  #newBytes = NOTHING;

  /** The send that waits, if any, and what the host has not taken of it yet. */
  #sender: Waker<void> | null = null;
  #rest = NOTHING;
  #writeOperation: HostOperation | null = null;
  /** The write in flight is that of a cancelled send. Written when one is cancelled, and when the write lands. */
  #orphaned = false;
  #eofSent = false;
  #eofOperation: HostOperation | null = null;
  #sendFault: Error | null = null;

  /**
   * Wraps a connection and takes it over.
   *
   * @param conn An open connection of the host.
   * @throws {TypeError} If it is none.
   */
  constructor(conn: NetworkConn<A>) {
    requireMethod("make a SocketStream", "conn", conn, "read");
    this.#conn = conn;
    this.localAddress = conn.localAddr;
    this.remoteAddress = conn.remoteAddr;
    const peer = formatSocketAddress(conn.remoteAddr);
    this.#receiving = { kind: "receive from", label: peer };
    this.#sending = { kind: "send to", label: peer };
    // At once: Deno refuses it while a write is pending. Without it small answers wait for acknowledgements. Not every
    // kind of connection has it, and none needs it.
    tellHost(() => conn.setNoDelay?.(true));
  }

  /**
   * Receives what is there, at least one byte; `null` at the end.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost, the next receive gets them.
   *
   * @param max The most to receive, in bytes; more than 64 KiB never come at once.
   * @returns The bytes, which belong to the caller, or `null` when the peer has sent everything.
   * @throws {BusyResourceError} If another task is receiving.
   * @throws {ClosedResourceError} If this end is closed.
   * @throws {BrokenResourceError} If the peer or the network broke the connection.
   * @throws {RangeError} If `max` is not a whole number >= 1.
   */
  receiveSome(max: number = CHUNK): Promise<Uint8Array | null> {
    const fault = faultOfMax(max);
    if (fault !== null) return Promise.reject(fault);
    return this.#receive(null, max) as Promise<Uint8Array | null>;
  }

  /**
   * Receives into a buffer of the caller's: the way without copies and allocations.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost. But the buffer stays on loan to the stream, which may
   * still write into it, until the next receive has returned or the stream is closed.
   *
   * @param buffer Where the bytes go; at least one byte long.
   * @returns How many bytes were received, or `null` when the peer has sent everything.
   * @throws {BusyResourceError} If another task is receiving.
   * @throws {ClosedResourceError} If this end is closed.
   * @throws {BrokenResourceError} If the peer or the network broke the connection.
   * @throws {RangeError} If `buffer` is empty.
   */
  receiveInto(buffer: Uint8Array): Promise<number | null> {
    const fault = faultOfTarget(buffer);
    if (fault !== null) return Promise.reject(fault);
    return this.#receive(buffer, buffer.length) as Promise<number | null>;
  }

  /**
   * Sends all bytes, in order.
   *
   * **Cancellation:** throws `Cancelled`; an unknown part has been sent, so most protocols cannot go on: close the
   * stream. The buffer stays on loan to the stream until the part in flight is out: do not write into it again.
   *
   * @param bytes What to send; may be empty.
   * @throws {BusyResourceError} If another task is sending.
   * @throws {ClosedResourceError} If this end is closed, or `sendEof()` was called.
   * @throws {BrokenResourceError} If the peer or the network broke the connection.
   */
  sendAll(bytes: Uint8Array): Promise<void> {
    const fault = faultOfBytes(bytes);
    if (fault !== null) return Promise.reject(fault);
    this.#newBytes = bytes;
    return suspend(this.#sending, this.#startSend, this.#abandonSend);
  }

  /**
   * Sends a text, as UTF-8.
   *
   * **Cancellation:** throws `Cancelled`; an unknown part has been sent, as with `sendAll()`.
   *
   * @example Saying hello
   * ```ts
   * import { openNursery, openTcpListeners, openTcpStream } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
   * await openNursery(async (nursery) => {
   *   nursery.startSoon(async () => {
   *     using client = await openTcpStream("127.0.0.1", listener.address.port);
   *     await client.sendText("Grüße\n");
   *   });
   *   using server = await listener.accept();
   *   assertEquals(new TextDecoder().decode((await server.receiveSome())!), "Grüße\n");
   * });
   * listener.close();
   * ```
   *
   * @param text What to send; may be empty. Half a surrogate pair is sent as U+FFFD.
   * @throws {BusyResourceError} If another task is sending.
   * @throws {ClosedResourceError} If this end is closed, or `sendEof()` was called.
   * @throws {BrokenResourceError} If the peer or the network broke the connection.
   * @throws {TypeError} If `text` is not a string.
   */
  sendText(text: string): Promise<void> {
    return encodeText(text, (bytes) => this.sendAll(bytes));
  }

  /**
   * Tells the peer that nothing more will be sent; receiving goes on. Idempotent.
   *
   * **Cancellation:** throws `Cancelled`; the end is sent all the same.
   *
   * @throws {BusyResourceError} If another task is sending.
   * @throws {ClosedResourceError} If this end is closed.
   * @throws {BrokenResourceError} If the peer or the network broke the connection.
   */
  sendEof(): Promise<void> {
    return suspend(this.#sending, (waker) => {
      const fault = this.#sendProblem();
      if (fault !== null) return void waker.fail(fault);
      if (this.#eofSent) return void waker.wake();
      this.#eofSent = true;
      this.#sender = waker;
      this.#rest = NOTHING;
      const conn = this.#conn;
      // The host puts it behind a write in flight by itself.
      this.#eofOperation = callHost(conn, `half-close ${this.#sending.label}`, () => conn.closeWrite(), () => {
        this.#eofOperation?.end();
        if (this.#sender === waker) this.#sender = null;
        waker.wake();
      }, (error) => {
        this.#eofOperation?.end();
        this.#sendBroke(error);
      });
      if (this.#closed) this.#endOperations();
    }, this.#abandonSend);
  }

  /**
   * Closes both directions at once; blocked operations fail with `ClosedResourceError`. Idempotent. Never throws: if the
   * host cannot close the socket, it is out of reach all the same.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const receiver = this.#receiver;
    const sender = this.#sender;
    this.#receiver =
      this.#sender =
      this.#into =
      this.#stash =
        null;
    this.#rest = NOTHING;
    // First, as the host may do anything.
    receiver?.fail(new ClosedResourceError("Cannot receive as the stream was closed meanwhile"));
    sender?.fail(new ClosedResourceError("Cannot send as the stream was closed meanwhile"));
    // The host ends what is in flight; how, lands in handlers that see that it was us.
    closeAll(this.#conn);
    this.#endOperations();
  }

  /** Closes the stream. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the stream. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Gives chunks until the peer has sent everything. Leaving the loop does not close the stream. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return chunksOf(this);
  }

  #take(action: string): NetworkConn<A> {
    if (this.#closed) throw new ClosedResourceError(`Cannot ${action} as ${this.#closedAs}`);
    if (this.#receiver !== null || this.#sender !== null) {
      throw new BusyResourceError(`Cannot ${action} as another task is using the stream: let it finish first`);
    }
    // Deno refuses to hand out a connection with a read in flight, and has lost it by the time it says so.
    if (this.#reading !== null || this.#writeOperation !== null) {
      const what = this.#reading === null ? "send" : "receive";
      throw new BusyResourceError(
        `Cannot ${action} as a ${what} that was cancelled is still in flight, which the host cannot take back: ` +
          `let every ${what} before it finish, or open a new connection`,
      );
    }
    if (this.#stash !== null) {
      // As with mail servers that took commands sent ahead of STARTTLS for protected ones (CVE-2011-0411).
      throw new BusyResourceError(
        `Cannot ${action} as the peer has sent ${this.#stash.length} bytes that nobody has received: receive them first`,
      );
    }
    const fault = this.#sendFault ?? this.#receiveFault;
    if (fault !== null) {
      const { cause } = fault;
      if (fault instanceof ClosedResourceError) {
        throw new ClosedResourceError(`Cannot ${action} as somebody else has closed the socket`, { cause });
      }
      throw new BrokenResourceError(`Cannot ${action} as the connection broke`, { cause });
    }
    if (this.#ended) throw new BrokenResourceError(`Cannot ${action} as the peer has ended the connection`);
    if (this.#eofSent) throw new ClosedResourceError(`Cannot ${action} as sendEof() was called before`);
    this.#closed = true;
    this.#closedAs = `it was taken over to ${action}: use the stream that came of it`;
    return this.#conn;
  }

  /** Nobody waits for them any more, and a host may never end them. */
  #endOperations(): void {
    this.#readOperation?.end();
    this.#writeOperation?.end();
    this.#eofOperation?.end();
  }

  #receive(into: Uint8Array | null, max: number): Promise<unknown> {
    this.#newInto = into;
    this.#newMax = max;
    return suspend<never>(this.#receiving, this.#startReceive, this.#abandonReceive);
  }

  // What `suspend()` calls at once: one function for all operations, as a closure for each would cost time, and the
  // arguments of the operation in fields, which are read before anything else can happen.

  readonly #startReceive = (waker: Waker<never>): void => {
    const into = this.#newInto;
    const max = this.#newMax;
    this.#newInto = null;
    if (this.#receiver !== null) {
      const message = "Cannot receive as another task is receiving from this stream: let one task do it";
      return void waker.fail(new BusyResourceError(message));
    }
    if (this.#closed) return void waker.fail(new ClosedResourceError(`Cannot receive as ${this.#closedAs}`));
    if (this.#stash !== null) {
      const stash = this.#stash;
      this.#stash = null;
      this.#deliver(waker, into, max, stash);
    } else if (this.#receiveFault !== null) waker.fail(this.#receiveFault);
    else if (this.#ended) waker.wake(null as never);
    else {
      this.#receiver = waker;
      this.#into = into;
      this.#max = max;
      if (this.#reading === null) {
        this.#loaned = into !== null;
        this.#read(into ?? this.#buffer(max));
      }
    }
  };

  readonly #startSend = (waker: Waker<void>): void => {
    const bytes = this.#newBytes;
    this.#newBytes = NOTHING;
    const fault = this.#eofSent
      ? new ClosedResourceError("Cannot send as sendEof() was called before")
      : this.#sendProblem();
    if (fault !== null) return void waker.fail(fault);
    if (bytes.length === 0) return void waker.wake();
    this.#sender = waker;
    this.#rest = bytes;
    // A cancelled send may have left a write behind; when it lands it starts this one.
    if (this.#writeOperation === null) this.#write();
  };

  /** The read in flight stays, and what it brings is kept. */
  readonly #abandonReceive = (): boolean => {
    this.#receiver = this.#into = null;
    return true;
  };

  /** The write in flight stays; what it does not take is never sent. */
  readonly #abandonSend = (): boolean => {
    this.#sender = null;
    this.#rest = NOTHING;
    this.#orphaned = this.#writeOperation !== null;
    return true;
  };

  #buffer(max: number): Uint8Array {
    const own = this.#own ??= new Uint8Array(this.#ownSize);
    return max < own.length ? own.subarray(0, max) : own;
  }

  #read(buffer: Uint8Array): void {
    this.#reading = buffer;
    this.#lent = buffer.length;
    this.#readOperation = callHost(this.#conn, "read", this.#beginRead, this.#landed, this.#readFailed);
    if (this.#closed) this.#endOperations();
  }

  readonly #beginRead = (): Promise<number | null> => this.#conn.read(this.#reading as Uint8Array);

  readonly #landed = (size: number | null): void => {
    const buffer = this.#reading as Uint8Array;
    const into = this.#into;
    const receiver = this.#receiver;
    this.#reading = this.#into = this.#receiver = null;
    this.#readOperation?.end();
    if (this.#closed) return;
    if (size === null) {
      this.#ended = true;
      if (this.#sendFault !== null) this.#receiveBroke(receiver, this.#sendFault.cause);
      else receiver?.wake(null as never);
    } else if (size > buffer.length && buffer.length < this.#lent) {
      this.#receiveFault = new BrokenResourceError(
        "Cannot receive as the buffer on loan to the stream must stay as it is: it was transferred or resized, and the " +
          "bytes that came are lost",
      );
      receiver?.fail(this.#receiveFault);
    } else if (faultOfSize(size, buffer.length) !== null) {
      this.#receiveBroke(receiver, faultOfSize(size, buffer.length));
    } else if (into === buffer) receiver!.wake(size as never);
    else {
      const chunk = this.#takeOut(buffer, size);
      if (receiver === null) this.#stash = chunk;
      else this.#deliver(receiver, into, this.#max, chunk);
    }
  };

  readonly #readFailed = (error: unknown): void => {
    const receiver = this.#receiver;
    this.#reading = this.#into = this.#receiver = null;
    this.#readOperation?.end();
    if (!this.#closed) this.#receiveBroke(receiver, error);
  };

  #receiveBroke(receiver: Waker<never> | null, error: unknown): void {
    this.#receiveFault = failure("receive from", this.remoteAddress, error);
    receiver?.fail(this.#receiveFault);
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

  /** Gives a receiver bytes that are in a chunk of their own, and keeps the rest. */
  #deliver(waker: Waker<never>, into: Uint8Array | null, max: number, chunk: Uint8Array): void {
    const [part, rest] = splitChunk(chunk, max);
    this.#stash = rest;
    if (into === null) return void waker.wake(part as never);
    into.set(part);
    waker.wake(part.length as never);
  }

  #sendProblem(): Error | null {
    if (this.#sender !== null) {
      return new BusyResourceError("Cannot send as another task is sending on this stream: let one task do it");
    }
    if (this.#closed) return new ClosedResourceError(`Cannot send as ${this.#closedAs}`);
    return this.#sendFault;
  }

  /** Writes what is in `#rest`. */
  #write(): void {
    this.#writeOperation = callHost(this.#conn, "write", this.#beginWrite, this.#written, this.#writeFailed);
    if (this.#closed) this.#endOperations();
  }

  readonly #beginWrite = (): Promise<number> => this.#conn.write(this.#rest);

  readonly #written = (size: number): void => {
    this.#writeOperation?.end();
    this.#writeOperation = null;
    const sender = this.#sender;
    const rest = this.#rest;
    const orphaned = this.#orphaned;
    this.#orphaned = false;
    // Closed, or cancelled with nobody sending since; or sendEof() waits, which the host puts behind by itself.
    if (sender === null || rest.length === 0) return;
    if (orphaned) {
      // The write of the cancelled send has landed; now comes the send that waited for it.
      this.#write();
    } else if (size === rest.length) {
      this.#sender = null;
      this.#rest = NOTHING;
      sender.wake();
    } else if (faultOfSize(size, rest.length) === null) {
      this.#rest = rest.subarray(size);
      this.#writeOn();
    } else this.#sendBroke(faultOfSize(size, rest.length));
  };

  /**
   * Goes on with what the last write did not take; now and then in a later turn, as a host may be ready for ever. One in memory
   * is not, and has no turns.
   */
  #writeOn(): void {
    if (this.#conn.inMemory === true || ++partialWrites % PARTIAL_WRITES !== 0) return this.#write();
    const rest = this.#rest;
    const operation = beginHostOperation("write");
    hostImmediate(() => {
      operation.end();
      // Unless it was cancelled, closed or has failed meanwhile.
      if (this.#rest === rest && this.#writeOperation === null) this.#write();
    });
  }

  readonly #writeFailed = (error: unknown): void => {
    this.#writeOperation?.end();
    this.#writeOperation = null;
    this.#sendBroke(error);
  };

  #sendBroke(error: unknown): void {
    if (this.#closed) return;
    const sender = this.#sender;
    this.#sender = null;
    this.#rest = NOTHING;
    this.#sendFault = failure("send to", this.remoteAddress, error);
    sender?.fail(this.#sendFault);
  }
}

/** So many writes that were not taken whole lie between two turns of the event loop. */
const PARTIAL_WRITES = 256;
let partialWrites = 0;

/** What an error of the host means to an operation of a stream that this side has not closed. */
function failure(action: string, peer: SocketAddress, error: unknown): Error {
  const doing = `Cannot ${action} ${formatSocketAddress(peer)}`;
  if (isClosed(error)) {
    return new ClosedResourceError(`${doing} as somebody else has closed the socket: ${textOf(error)}`, {
      cause: error,
    });
  }
  return new BrokenResourceError(`${doing} as the connection broke: ${textOf(error)}`, { cause: error });
}
