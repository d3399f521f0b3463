/** WebSockets as channels of messages: the contract. What they do is in `_web_socket_channel.ts`. */

/** What is sent and received: text, or bytes. */
export type WebSocketMessage = string | Uint8Array<ArrayBuffer>;

/** Options of a WebSocket about its limits. */
export interface WebSocketOptions {
  /**
   * A send waits while more than that many bytes are not sent yet.
   *
   * @default {65_536}
   */
  readonly highWaterMark?: number;
  /**
   * How many unreceived bytes are kept; a text counts two per character, and each message 64 more.
   * A peer that sends more is cut off with the code 1009 (4009 by a client), and receiving fails after what was kept.
   * The host refuses frames of 64 MiB and more; what a peer sends as fragments of one message it keeps without a limit.
   *
   * @default {16_777_216}
   */
  readonly maxBuffered?: number;
}

/** Options of `WebSocketChannel.close()`. */
export interface WebSocketCloseOptions {
  /**
   * The code for the peer: 1000, or 3000 to 4999; a server may also use 1001, 1002, 1003 and 1007 to 1014.
   *
   * @default {1000}
   */
  readonly code?: number;
  /** Why, in at most 123 bytes of UTF-8. */
  readonly reason?: string;
  /**
   * How long to wait for the peer to confirm it, in milliseconds.
   *
   * @default {1_000}
   */
  readonly timeout?: number;
}

/** How a peer ended a WebSocket. */
export interface WebSocketEnd {
  /** The code of its close frame; 1005 if that had none. */
  readonly code: number;
  /** The reason it gave, or `""`. */
  readonly reason: string;
}

/**
 * A WebSocket: see `openWebSocket()` and `upgradeWebSocket()`. Iterating it receives until the peer closes; leaving the
 * loop leaves it open. Several tasks may send and receive at a time, each whole messages, in the order of their calls.
 */
export interface WebSocketChannel extends AsyncIterable<WebSocketMessage>, AsyncDisposable {
  /** The subprotocol that was agreed on, or `""`. */
  readonly protocol: string;
  /** How the peer has ended it; `null` as long as it has not, if the connection broke, or if this end closed first. */
  readonly end: WebSocketEnd | null;
  /**
   * Sends a message; waits while too much is not sent yet.
   *
   * When it returns the host has the message, which does not mean that the peer has it. A peer that takes nothing can
   * hold it up for ever: put `failAfter()` around it.
   *
   * **Cancellation:** throws `Cancelled`; the message was not sent, not even in part.
   *
   * @param message Text, or bytes, not to be changed before it returns.
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
   * @throws {EndOfChannel} If the peer has closed with a close frame, whatever its code, and everything it sent was
   * received; `end` says how.
   * @throws {BrokenResourceError} If the connection broke, or the peer sent more than `maxBuffered`.
   * @throws {ClosedResourceError} If this end is closed.
   */
  receive(): Promise<WebSocketMessage>;
  /**
   * Closes, and waits for the peer to confirm it; what has arrived and was not received is thrown away. Idempotent.
   *
   * Messages that were sent before go out first. A peer that does not answer within the timeout is left alone; the host
   * keeps the connection until it does, or vanishes.
   *
   * **Cancellation:** none: as a cleanup it waits, even in a cancelled scope, for at most the timeout.
   *
   * @param options Code, reason and timeout.
   * @throws {RangeError} If the code or the reason cannot be sent.
   */
  close(options?: WebSocketCloseOptions): Promise<void>;
}
