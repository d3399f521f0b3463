/** Functions of tests that streams in memory call. */

import type { ReceiveStream, SendStream } from "../../net/mod.ts";

/**
 * Functions called by streams in memory; every one is optional.
 *
 * @category Memory streams
 */
export interface MemoryStreamHooks {
  /**
   * Called before bytes are sent. It may wait, which holds the send up, or throw, and nothing is sent.
   *
   * @param end The stream that is sent on.
   * @param bytes What is sent.
   */
  beforeSend?(end: SendStream, bytes: Uint8Array): void | Promise<void>;
  /**
   * Called before bytes are received. It may wait, which holds the receive up, or throw, and nothing is lost.
   *
   * @param end The stream that is received from.
   */
  beforeReceive?(end: ReceiveStream): void | Promise<void>;
  /**
   * Called when an end is closed, the first time.
   *
   * @param end The stream that was closed.
   */
  closed?(end: SendStream | ReceiveStream): void;
}
