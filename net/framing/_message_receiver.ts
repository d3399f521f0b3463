/**
 * How messages are waited for.
 *
 * Every operation is a pair of questions to the buffer, "is the message there?" and "take it", and one loop receives
 * until it is. Only taking changes anything, and it happens in the same step as the end of the wait: so an operation
 * that is cancelled or fails has taken nothing, and can be made again, or another one in its place.
 */

import { BrokenResourceError, ClosedResourceError } from "../../core/mod.ts";
import { suspend, type WaitReason } from "../../core/lowlevel.ts";
import { busyWith, composedWait, faultOfSize, turnDue } from "../../core/internal.ts";
import { LineBatch } from "./_line_batch.ts";
import { ReceiveBuffer } from "./_receive_buffer.ts";
import type { ReceiveStream } from "../streams/stream.ts";

const READY: WaitReason = { kind: "take from buffer" };
const undo = (): boolean => true;

/** See the header. */
export interface Operation<T> {
  /** The most bytes that may have to be held for it. */
  readonly most: number;
  /** Whether the message is there; throws if it never can be. */
  ready(): boolean;
  take(): T;
  /** What the end of the stream means to it. */
  atEnd(): T;
}

/** See the header. */
export class MessageReceiver {
  readonly buffer: ReceiveBuffer = new ReceiveBuffer();
  readonly lines: LineBatch = new LineBatch(this.buffer);
  /** Whether an operation waits for more bytes. Written by `#wait()`. */
  receiving = false;
  readonly #stream: ReceiveStream;
  #closed = false;

  constructor(stream: ReceiveStream) {
    this.#stream = stream;
  }

  /** Performs any operation but those that take lines. */
  receive<T>(operation: Operation<T>): Promise<T> {
    this.lines.settle();
    return this.receiveLine(operation);
  }

  /** Performs an operation that takes a line: those decoded ahead are of use to it. */
  receiveLine<T>(operation: Operation<T>): Promise<T> {
    if (this.#fault() === null) {
      try {
        if (!operation.ready()) return composedWait(() => this.#wait(operation));
      } catch (error) {
        return this.takeReady(() => {
          throw error;
        });
      }
    }
    return this.takeReady(() => operation.take());
  }

  /** Whether nothing is held and nobody receives, so that the stream may be received from directly. */
  isEmpty(): boolean {
    this.lines.settle();
    return this.buffer.size === 0 && this.#fault() === null;
  }

  /** Does what need not wait, as a checkpoint: in a cancelled scope it is not done. */
  takeReady<T>(take: () => T): Promise<T> {
    return suspend<T>(READY, (waker) => {
      const fault = this.#fault();
      if (fault === null) waker.wake(take());
      else waker.fail(fault);
    }, undo);
  }

  /** Lets everything go, and fails from now on. Idempotent. */
  shut(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.lines.settle();
    this.buffer.clear();
  }

  async #wait<T>(operation: Operation<T>): Promise<T> {
    this.receiving = true;
    try {
      while (true) {
        const turn = turnDue();
        if (turn !== null) await turn;
        const room = this.buffer.lend(operation.most);
        const most = room.length;
        const size = await this.#stream.receiveInto(room);
        // Closed after the bytes came and before this task went on.
        if (this.#closed) throw new ClosedResourceError("Cannot receive as the stream was closed meanwhile");
        const fault = size === null ? null : faultOfSize(size, most);
        if (fault !== null) {
          const message = `Cannot receive as the stream that is buffered broke: ${fault.message}`;
          throw new BrokenResourceError(message, { cause: fault });
        }
        this.buffer.landed(size ?? 0);
        if (size === null) return operation.atEnd();
        if (operation.ready()) return operation.take();
      }
    } finally {
      this.receiving = false;
    }
  }

  #fault(): Error | null {
    if (this.receiving) {
      return busyWith("receive", "receiving from this stream");
    }
    return this.#closed ? new ClosedResourceError("Cannot receive as the stream is closed") : null;
  }
}
