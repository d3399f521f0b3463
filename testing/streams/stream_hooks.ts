/** Functions of tests that streams in memory call. */

import type { ReceiveStream, SendStream } from "../../net/mod.ts";

/**
 * Functions that streams in memory call. Each is optional.
 *
 * @category Memory streams
 */
export interface MemoryStreamHooks {
  /**
   * Called before bytes are sent. It may wait, which holds the send up. If it throws, nothing is sent.
   *
   * @param end The sending stream.
   * @param bytes The bytes to be sent.
   */
  beforeSend?(end: SendStream, bytes: Uint8Array): void | Promise<void>;
  /**
   * Called before bytes are received. It may wait, which holds the receive up. If it throws, no byte is lost.
   *
   * @param end The receiving stream.
   */
  beforeReceive?(end: ReceiveStream): void | Promise<void>;
  /**
   * Called when an end is closed for the first time.
   *
   * @param end The stream that was closed.
   */
  closed?(end: SendStream | ReceiveStream): void;
}
