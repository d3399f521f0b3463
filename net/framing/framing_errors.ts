/** What can be wrong with a message in a stream of bytes. */

/**
 * Thrown when a stream ends in the middle of a message; what there was of it is in `partial`.
 *
 * @example A peer that leaves in the middle of a message
 * ```ts
 * import { BufferedReceiver, streamFromReadable, IncompleteReceiveError } from "@trefoil/io";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * using stream = new BufferedReceiver(streamFromReadable(new Blob(["abc"]).stream()));
 * const error = await assertRejects(() => stream.receiveExactly(10), IncompleteReceiveError);
 * assertEquals(new TextDecoder().decode(error.partial), "abc");
 * ```
 *
 * @category Framing
 */
export class IncompleteReceiveError extends Error {
  /** The name of the class. */
  override readonly name = "IncompleteReceiveError";
  /** The bytes that came before the end. Empty if the stream ended between two messages. */
  readonly partial: Uint8Array;

  /**
   * Makes the error.
   *
   * @param message What could not be received.
   * @param options The bytes that came.
   */
  constructor(message: string, options: ErrorOptions & { readonly partial: Uint8Array }) {
    super(message, options);
    this.partial = options.partial;
  }
}

/**
 * Thrown when a peer sends a message that is longer than the receiver allows.
 *
 * @example A line that does not end
 * ```ts
 * import { BufferedReceiver, streamFromReadable, MessageTooLongError } from "@trefoil/io";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * using stream = new BufferedReceiver(streamFromReadable(new Blob(["a".repeat(1_000)]).stream()));
 * const error = await assertRejects(() => stream.receiveLine({ max: 100 }), MessageTooLongError);
 * assertEquals(error.max, 100);
 * ```
 *
 * @category Framing
 */
export class MessageTooLongError extends Error {
  /** The name of the class. */
  override readonly name = "MessageTooLongError";
  /** What was allowed, in bytes. */
  readonly max: number;

  /**
   * Makes the error.
   *
   * @param message What could not be received.
   * @param options What was allowed.
   */
  constructor(message: string, options: ErrorOptions & { readonly max: number }) {
    super(message, options);
    this.max = options.max;
  }
}
