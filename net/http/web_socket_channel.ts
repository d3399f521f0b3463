/** WebSockets as channels of messages: the contract. What they do is in `_web_socket_channel.ts`. */

import type { ReceiveChannel, SendChannel } from "../../core/mod.ts";

/**
 * A message of a WebSocket: text, or bytes.
 *
 * @category WebSockets
 */
export type WebSocketMessage = string | Uint8Array<ArrayBuffer>;

/**
 * Options of `openWebSocket()` and `upgradeWebSocket()` about limits.
 *
 * @category WebSockets
 */
export interface WebSocketOptions {
  /**
   * How many bytes may be unsent before a send waits.
   *
   * @default {65_536}
   */
  readonly highWaterMark?: number;
  /**
   * How many unreceived bytes are kept. A text counts two bytes per character, and each message 64 more. A peer that
   * sends more is cut off with the code 1009 (4009 by a client), and receiving fails after the messages that were kept.
   * The host refuses frames of 64 MiB and more. It keeps the fragments of a message without a limit.
   *
   * @default {16_777_216}
   */
  readonly maxBuffered?: number;
}

/**
 * Options of `WebSocketChannel.close()`.
 *
 * @category WebSockets
 */
export interface WebSocketCloseOptions {
  /**
   * The code for the peer: 1000, or 3000 to 4999. A server may also use 1001, 1002, 1003 and 1007 to 1014.
   *
   * @default {1000}
   */
  readonly code?: number;
  /** The reason for the peer, in at most 123 bytes of UTF-8. */
  readonly reason?: string;
  /**
   * How long to wait for the confirmation of the peer, in milliseconds.
   *
   * @default {1_000}
   */
  readonly timeout?: number;
}

/**
 * The way a peer ended a WebSocket: see `WebSocketChannel.end`.
 *
 * @category WebSockets
 */
export interface WebSocketEnd {
  /** The code of its close frame; 1005 if the frame had none. */
  readonly code: number;
  /** The reason it gave, or `""`. */
  readonly reason: string;
}

/**
 * A WebSocket, which is both ends of a channel: see `openWebSocket()` and `upgradeWebSocket()`.
 *
 * Iterating it receives until the peer closes. Leaving the loop leaves it open. Several tasks may send and receive at a
 * time: messages are never mixed, and go in the order of the calls.
 *
 * @category WebSockets
 */
export interface WebSocketChannel extends SendChannel<string | Uint8Array>, ReceiveChannel<WebSocketMessage> {
  /** The subprotocol that was agreed on, or `""`. */
  readonly protocol: string;
  /**
   * How the peer ended it. `null` if the peer has not ended it, if the connection broke, or if this end closed first.
   */
  readonly end: WebSocketEnd | null;
  /**
   * Sends a message, and waits while too many bytes are unsent.
   *
   * When it returns, the host has the message; the peer need not have it yet. A peer that takes nothing can hold it up
   * for ever: put `failAfter()` around it.
   *
   * **Cancellation:** throws `Cancelled`; the message was not sent, not even in part.
   *
   * @param message Text, or bytes. Do not change the bytes before it returns.
   * @throws {ClosedResourceError} If this end is closed.
   * @throws {BrokenResourceError} If the peer has closed, or the connection broke.
   */
  send(message: string | Uint8Array): Promise<void>;
  /**
   * Receives the next message.
   *
   * **Cancellation:** throws `Cancelled`; no message is lost, the next call gets it.
   *
   * @returns Text as a string, bytes as a `Uint8Array`.
   * @throws {EndOfChannel} If the peer has closed with a close frame, of any code, and everything it sent was received.
   *   `end` has the code.
   * @throws {BrokenResourceError} If the connection broke, or the peer sent more than `maxBuffered`.
   * @throws {ClosedResourceError} If this end is closed.
   */
  receive(): Promise<WebSocketMessage>;
  /**
   * Closes the WebSocket, and waits for the peer to confirm it. Idempotent.
   *
   * Messages that were sent before go out first. Messages that arrived and were not received are thrown away. If the
   * peer does not answer within the timeout, this returns, and the host keeps the connection until the peer answers or
   * vanishes.
   *
   * **Cancellation:** none. As a cleanup it waits even in a cancelled scope, for at most the timeout.
   *
   * @param options The code, the reason and the timeout.
   * @throws {RangeError} If the code or the reason cannot be sent.
   */
  close(options?: WebSocketCloseOptions): Promise<void>;
}
