/** What a byte stream is, whatever it runs over. */

/**
 * The sending direction of a byte stream.
 *
 * Closing is synchronous and idempotent: it never waits, so cancellation cannot get in its way.
 *
 * @category Streams
 */
export interface SendStream extends Disposable, AsyncDisposable {
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
  sendAll(bytes: Uint8Array): Promise<void>;
  /**
   * Closes the stream, in both directions if it has two. Idempotent.
   *
   * Blocked operations fail with `ClosedResourceError`. `close()` never throws: a socket that cannot be closed is out
   * of reach all the same. Only a stream made of other streams may throw: it closes all of them first, and then throws
   * their errors, which would be lost otherwise.
   */
  close(): void;
}

/**
 * A stream that can also send text, as every sending stream of this library can.
 *
 * This is not a part of `SendStream`, as it can do nothing that `sendAll()` cannot. So the author of a stream has one
 * way of sending to get right, and streams made before this existed are still streams.
 *
 * @category Streams
 */
export interface TextSender {
  /**
   * Sends a text, as UTF-8.
   *
   * **Cancellation:** throws `Cancelled`; an unknown part has been sent, as with `sendAll()`.
   *
   * @param text What to send; may be empty. Half a surrogate pair is sent as U+FFFD.
   * @throws {BusyResourceError} If another task is sending.
   * @throws {ClosedResourceError} If this end is closed, or `sendEof()` was called.
   * @throws {BrokenResourceError} If the peer or the network broke the connection.
   * @throws {TypeError} If `text` is not a string.
   */
  sendText(text: string): Promise<void>;
}

/**
 * The receiving direction of a byte stream. Iterating it gives chunks until the end.
 *
 * @category Streams
 */
export interface ReceiveStream extends Disposable, AsyncDisposable, AsyncIterable<Uint8Array> {
  /**
   * Receives what is there, at least one byte; `null` at the end.
   *
   * **Cancellation:** throws `Cancelled`; no byte is lost, the next receive gets them.
   *
   * @param max The most to receive, in bytes.
   * @returns The bytes, which belong to the caller, or `null` when the peer has sent everything.
   * @throws {BusyResourceError} If another task is receiving.
   * @throws {ClosedResourceError} If this end is closed.
   * @throws {BrokenResourceError} If the peer or the network broke the connection.
   * @throws {RangeError} If `max` is not a whole number >= 1.
   */
  receiveSome(max?: number): Promise<Uint8Array | null>;
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
  receiveInto(buffer: Uint8Array): Promise<number | null>;
  /**
   * Closes the stream, in both directions if it has two. Idempotent.
   *
   * Blocked operations fail with `ClosedResourceError`. `close()` never throws: a socket that cannot be closed is out
   * of reach all the same. Only a stream made of other streams may throw: it closes all of them first, and then throws
   * their errors, which would be lost otherwise.
   */
  close(): void;
}

/**
 * A stream in both directions. The directions are independent: one task may send while another receives.
 *
 * @category Streams
 */
export interface Stream extends SendStream, ReceiveStream {}

/**
 * A stream whose sending direction can be ended on its own.
 *
 * @category Streams
 */
export interface HalfCloseableStream extends Stream {
  /**
   * Tells the peer that nothing more will be sent; receiving goes on. Idempotent.
   *
   * **Cancellation:** throws `Cancelled`; the end is sent all the same.
   *
   * @throws {BusyResourceError} If another task is sending.
   * @throws {ClosedResourceError} If this end is closed.
   * @throws {BrokenResourceError} If the peer or the network broke the connection.
   */
  sendEof(): Promise<void>;
}

/**
 * A source of streams, such as a listening socket.
 *
 * @category Listening
 */
export interface Listener<S> extends Disposable, AsyncDisposable {
  /**
   * Waits for the next connection.
   *
   * **Cancellation:** throws `Cancelled`; no connection is lost, the next accept gets it.
   *
   * @returns The stream, which belongs to the caller.
   * @throws {BusyResourceError} If another task is accepting.
   * @throws {ClosedResourceError} If the listener is closed.
   */
  accept(): Promise<S>;
  /**
   * Stops listening. A blocked accept fails; connections that nobody has accepted are closed. Idempotent. Never throws.
   */
  close(): void;
}
