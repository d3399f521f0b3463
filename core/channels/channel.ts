/**
 * What a channel is, whatever its values pass through: memory, a Web Stream, a WebSocket.
 *
 * `SendChannel` and `ReceiveChannel` hold what all of them can do, and no more, so that a wrapper is quickly written. A
 * value that cannot be sent without waiting has a meaning only where the other end is in the same memory: `trySend()`,
 * `tryReceive()`, `clone()` and a `close()` that does not wait are promises of memory channels. A watch is no channel:
 * of the values it is given it keeps the last.
 *
 * The twins that do not wait, here and in `sync/`, answer: they give what they took, or `undefined` where there was
 * nothing to take; where they hand nothing out, `true` or `false`. For a loop that asks again and again "not now" is no
 * failure, and an exception costs fifty times as much as an answer. What makes the waiting twin throw makes them throw
 * too: a mistake, a closed end, the end of the channel. So a loop that only asks ends with the channel.
 */

/**
 * The sending end of a channel: of memory, a broadcast channel, a WebSocket, or one of your own.
 *
 * Functions that send values take this, whatever the channel is made of. `checkChannel()` of `@trefoil/io/testing`
 * tries whether a channel keeps these promises.
 *
 * **Order:** values arrive in the order in which `send()` was called, also by several tasks.
 *
 * @category Channels
 */
export interface SendChannel<in T> extends AsyncDisposable {
  /**
   * Sends a value; waits while the channel has no room for it.
   *
   * **Cancellation:** throws `Cancelled`; the value was not sent, not even in part.
   *
   * @param value The value.
   * @returns A promise that resolves once the channel has the value; the other end may not have received it yet.
   * @throws {ClosedResourceError} If this end is closed, before or meanwhile.
   * @throws {BrokenResourceError} If nobody can receive any more: all receiving ends are closed, or the connection
   * broke.
   */
  send(value: T): Promise<void>;
  /**
   * Closes this end; sends that are blocked on it fail. What was sent before still arrives. Idempotent.
   *
   * An end that sends and receives is closed in both directions.
   *
   * **Cancellation:** none: where it waits, it does so as a cleanup, even in a cancelled scope.
   *
   * @returns Nothing, or a promise if the other side has to be told.
   */
  close(): void | Promise<void>;
}

/**
 * The receiving end of a channel: of memory, a subscription, a Web Stream, a WebSocket, or one of your own.
 *
 * Iterating it receives until the channel ends. Close it when you are done, also after a loop that was left early.
 * `select()` receives from several. `checkChannel()` of `@trefoil/io/testing` tries whether a channel keeps these
 * promises.
 *
 * **Order:** values are received in the order in which they were sent; the task that has waited longest is served
 * first.
 *
 * @category Channels
 */
export interface ReceiveChannel<out T> extends AsyncIterable<T>, AsyncDisposable {
  /**
   * Takes the next value; waits while there is none.
   *
   * **Cancellation:** throws `Cancelled`; no value is lost, the next call gets it.
   *
   * @returns The value.
   * @throws {EndOfChannel} If all sending ends are closed, and everything sent was received.
   * @throws {ClosedResourceError} If this end is closed, before or meanwhile.
   * @throws {BrokenResourceError} If no more values come for any other reason.
   */
  receive(): Promise<T>;
  /**
   * Closes this end; receives that are blocked on it fail. What has arrived and was not received is thrown away, unless
   * another receiving end is open. Idempotent.
   *
   * An end that sends and receives is closed in both directions.
   *
   * **Cancellation:** none: where it waits, it does so as a cleanup, even in a cancelled scope.
   *
   * @returns Nothing, or a promise if the other side has to be told.
   */
  close(): void | Promise<void>;
}

/**
 * Numbers of a memory channel, the same from both ends.
 *
 * @category Channels
 */
export interface MemoryChannelStatistics {
  /** Values in the buffer. */
  readonly currentBufferUsed: number;
  /** The most it ever held. */
  readonly peakBufferUsed: number;
  /** How many values the buffer holds. */
  readonly maxBufferSize: number;
  /** Sending ends that are not closed. */
  readonly openSendChannels: number;
  /** Receiving ends that are not closed. */
  readonly openReceiveChannels: number;
  /** Tasks blocked in `send()`. */
  readonly tasksWaitingSend: number;
  /** Tasks blocked in `receive()`. */
  readonly tasksWaitingReceive: number;
}

/**
 * The sending end of a memory channel: see `openMemoryChannel()`.
 *
 * @category Channels
 */
export interface MemorySendChannel<in T> extends SendChannel<T>, Disposable {
  /**
   * Hands a value over, or puts it into the buffer; waits while there is no room.
   *
   * **Cancellation:** throws `Cancelled`; the value was not sent.
   *
   * @param value The value.
   * @returns A promise that resolves once the value has been taken or buffered.
   * @throws {ClosedResourceError} If this end is closed, before or meanwhile.
   * @throws {BrokenResourceError} If no receiving end is open.
   */
  send(value: T): Promise<void>;
  /**
   * The twin of `send()` that does not wait.
   *
   * @example Dropping what does not fit
   * ```ts
   * import { openMemoryChannel } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * const [send] = openMemoryChannel<string>(1);
   * const dropped: string[] = [];
   * for (const line of ["first", "second"]) {
   *   if (!send.trySend(line)) dropped.push(line);
   * }
   * assertEquals(dropped, ["second"]);
   * ```
   *
   * @param value The value.
   * @returns Whether the channel has the value. `false`: there is no room, and the value was not sent.
   * @throws {ClosedResourceError} If this end is closed.
   * @throws {BrokenResourceError} If no receiving end is open.
   */
  trySend(value: T): boolean;
  /** Makes another sending end of the same channel; the channel ends when the last one is closed. */
  clone(): MemorySendChannel<T>;
  /** Closes this end; sends blocked on it fail. Does not wait. Idempotent. */
  close(): void;
  /** Returns a snapshot of the counters, for debugging. */
  statistics(): MemoryChannelStatistics;
}

/**
 * The receiving end of a memory channel: see `openMemoryChannel()`. Iterating it receives until the channel ends.
 *
 * @category Channels
 */
export interface MemoryReceiveChannel<out T> extends ReceiveChannel<T>, Disposable {
  /**
   * Takes the next value; waits while there is none.
   *
   * **Cancellation:** throws `Cancelled`; no value is lost.
   *
   * @returns The value.
   * @throws {EndOfChannel} If all sending ends are closed and the buffer is empty.
   * @throws {ClosedResourceError} If this end is closed, before or meanwhile.
   */
  receive(): Promise<T>;
  /**
   * Takes the next value, or gives `null` at the end of the channel: `receive()` for a loop with a condition.
   *
   * In a channel whose values may be `null` themselves, the two cannot be told apart: iterate it, or use `receive()`.
   *
   * **Cancellation:** throws `Cancelled`; no value is lost.
   *
   * @example Taking two values at a time
   * ```ts
   * import { openMemoryChannel } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * const [send, receive] = openMemoryChannel<string>(3);
   * for (const word of ["a", "b", "c"]) send.trySend(word);
   * send.close();
   * const pairs: (string | null)[][] = [];
   * for (let first = await receive.receiveOrNull(); first !== null; first = await receive.receiveOrNull()) {
   *   pairs.push([first, await receive.receiveOrNull()]);
   * }
   * assertEquals(pairs, [["a", "b"], ["c", null]]);
   * ```
   *
   * @returns The value, or `null` if all sending ends are closed and the buffer is empty.
   * @throws {ClosedResourceError} If this end is closed, before or meanwhile.
   */
  receiveOrNull(): Promise<T | null>;
  /**
   * The twin of `receive()` that does not wait.
   *
   * In a channel whose values may be `undefined` themselves, the two cannot be told apart: ask `statistics()` first. A
   * value is there if `currentBufferUsed` or `tasksWaitingSend` is not 0.
   *
   * @example Taking all that is there
   * ```ts
   * import { openMemoryChannel } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * const [send, receive] = openMemoryChannel<string>(3);
   * for (const word of ["a", "b"]) send.trySend(word);
   * const words: string[] = [];
   * for (let word = receive.tryReceive(); word !== undefined; word = receive.tryReceive()) words.push(word);
   * assertEquals(words, ["a", "b"]);
   * ```
   *
   * @returns The value, or `undefined` if there is none now.
   * @throws {EndOfChannel} If all sending ends are closed and the buffer is empty.
   * @throws {ClosedResourceError} If this end is closed.
   */
  tryReceive(): T | undefined;
  /** Makes another receiving end of the same channel; each value goes to one of them. */
  clone(): MemoryReceiveChannel<T>;
  /** Closes this end; receives blocked on it fail. With the last one the buffer is thrown away. Idempotent. */
  close(): void;
  /** Returns a snapshot of the counters, for debugging. */
  statistics(): MemoryChannelStatistics;
}
