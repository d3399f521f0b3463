/**
 * A byte stream over a connection of the host: a shell over its two directions, which know what becomes of an operation
 * that is cancelled (`LeftBehind`). Closing and breaking concern both.
 */

import { CHUNK, encodeText, iterate } from "../../core/internal.ts";
import { BrokenResourceError, BusyResourceError, ClosedResourceError } from "../../core/mod.ts";
import type { NetworkConn } from "../../core/lowlevel.ts";
import type { SocketAddress, TcpAddress } from "../../core/mod.ts";
import { requireMethod } from "../base/check.ts";
import { closeAll, tellHost } from "../host/host_call.ts";
import { canBeTaken } from "../host/take_connection.ts";
import { SocketReceive } from "./_socket_receive.ts";
import { SocketSend } from "./_socket_send.ts";
import type { HalfCloseableStream, TextSender } from "./stream.ts";

/**
 * A stream of bytes over a socket: TCP, or a Unix socket. `TlsStream` adds TLS.
 *
 * `openTcpStream()`, `openUnixStream()`, `SocketListener.accept()` and the servers make it. The caller must close it,
 * except in the handler of a server. One task may send while another receives. Two tasks in the same direction are an
 * error.
 *
 * **Cost:** one promise per operation besides those of the host; no copy in `receiveInto()` and `sendAll()`.
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
 *
 * @category Streams
 */
export class SocketStream<A extends SocketAddress = TcpAddress> implements HalfCloseableStream, TextSender {
  static {
    canBeTaken((stream, action) => (stream as SocketStream<typeof stream.localAddress>).#take(action));
  }

  /** The address of this end. */
  readonly localAddress: A;
  /** The address of the other end. */
  readonly remoteAddress: A;
  readonly #conn: NetworkConn<A>;
  readonly #receiving: SocketReceive;
  readonly #sending: SocketSend;

  /**
   * Wraps a connection and takes it over.
   *
   * @param conn An open connection of the host.
   * @throws {TypeError} If `conn` is not a connection.
   */
  constructor(conn: NetworkConn<A>) {
    requireMethod("make a SocketStream", "conn", conn, "read");
    this.#conn = conn;
    this.localAddress = conn.localAddr;
    this.remoteAddress = conn.remoteAddr;
    this.#sending = new SocketSend(conn);
    this.#receiving = new SocketReceive(conn, this.#sending);
    // At once: Deno refuses it while a write is pending. Without it small answers wait for acknowledgements. Not every
    // kind of connection has it, and none needs it.
    tellHost(() => conn.setNoDelay?.(true));
  }

  /**
   * Receives what is there, at least one byte; `null` at the end.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost, the next receive gets them.
   *
   * @param max The most to receive, in bytes. It never gets more than 64 KiB at once.
   * @returns The bytes, which belong to the caller, or `null` when the peer has sent everything.
   * @throws {BusyResourceError} If another task is receiving.
   * @throws {ClosedResourceError} If this end is closed.
   * @throws {BrokenResourceError} If the peer or the network broke the connection.
   * @throws {RangeError} If `max` is not a whole number >= 1.
   */
  receiveSome(max: number = CHUNK): Promise<Uint8Array | null> {
    return this.#receiving.receiveSome(max);
  }

  /**
   * Receives into a buffer of the caller: the way without copies and allocations.
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
    return this.#receiving.receiveInto(buffer);
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
    return this.#sending.sendAll(bytes);
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
    return this.#sending.sendEof();
  }

  /**
   * Closes both directions at once; blocked operations fail with `ClosedResourceError`. Idempotent.
   *
   * Never throws: a socket that the host cannot close is out of reach all the same.
   */
  close(): void {
    if (this.#receiving.closedAs !== null) return;
    this.#receiving.close();
    this.#sending.close();
    closeAll(this.#conn);
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
    return iterate(() => this.receiveSome());
  }

  #take(action: string): NetworkConn<A> {
    const [receiving, sending] = [this.#receiving, this.#sending];
    if (receiving.closedAs !== null) throw new ClosedResourceError(`Cannot ${action} as ${receiving.closedAs}`);
    if (receiving.waiting !== null || sending.waiting !== null) {
      throw new BusyResourceError(`Cannot ${action} as another task is using the stream: let it finish first`);
    }
    // Deno refuses to hand out a connection with a read in flight, and has lost it by the time it says so.
    if (receiving.inFlight || sending.inFlight) {
      const what = receiving.inFlight ? "receive" : "send";
      throw new BusyResourceError(
        `Cannot ${action} as a ${what} that was cancelled is still in flight, which the host cannot take back: ` +
          `let every ${what} before it finish, or open a new connection`,
      );
    }
    if (receiving.kept !== null) {
      // As with mail servers that took commands sent ahead of STARTTLS for protected ones (CVE-2011-0411).
      throw new BusyResourceError(
        `Cannot ${action} as the peer has sent ${receiving.kept.length} bytes that nobody has received: receive them first`,
      );
    }
    const fault = sending.fault ?? receiving.fault;
    if (fault !== null) {
      const { cause } = fault as Error;
      if (fault instanceof ClosedResourceError) {
        throw new ClosedResourceError(`Cannot ${action} as somebody else has closed the socket`, { cause });
      }
      throw new BrokenResourceError(`Cannot ${action} as the connection broke`, { cause });
    }
    if (receiving.end !== null) throw new BrokenResourceError(`Cannot ${action} as the peer has ended the connection`);
    if (sending.ended) throw new ClosedResourceError(`Cannot ${action} as sendEof() was called before`);
    const closedAs = `it was taken over to ${action}: use the stream that came of it`;
    receiving.close(closedAs);
    sending.close(closedAs);
    return this.#conn;
  }
}
