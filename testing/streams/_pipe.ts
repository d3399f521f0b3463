/**
 * One direction of bytes in memory, under the memory streams and the lockstep streams.
 *
 * Bytes are in one of three places: with the blocked sender, in the buffer, or with the receiver; each call moves on
 * what it can, at once, so a cancelled receive has taken nothing and a cancelled send leaves what had not been taken.
 * A pipe without a buffer is the lockstep case: the receiver takes straight from the blocked sender.
 */

import { busyWith } from "../../core/internal.ts";
import { BrokenResourceError, type BusyResourceError, ClosedResourceError } from "../../core/mod.ts";
import { suspend, type WaitReason, type Waker } from "../../core/lowlevel.ts";

const NOTHING = new Uint8Array(0);

interface Sender {
  readonly waker: Waker<void>;
  /** What the pipe has not taken yet. */
  rest: Uint8Array;
}

interface Receiver {
  readonly waker: Waker<number | Uint8Array | null>;
  /** The caller's buffer, or `null` for one of ours. */
  readonly into: Uint8Array | null;
  readonly max: number;
}

/** How a pipe is made. */
export interface PipeOptions {
  /** How many bytes the buffer holds. */
  readonly capacity: number;
  /** What kind of stream it belongs to, for reports. */
  readonly name: string;
  /** Draws how many bytes the next receive gives at most. */
  readonly split: () => number;
}

/** See the header. */
export class Pipe {
  readonly name: string;
  readonly #options: PipeOptions;
  readonly #sending: WaitReason;
  readonly #receiving: WaitReason;
  /**
   * The buffer: chunks of our own, the first one from `#head`; `#used` bytes in all. Written by `#fill`, `#take` and
   * `closeReceive`.
   */
  readonly #chunks: Uint8Array[] = [];
  #head = 0;
  #used = 0;
  #sender: Sender | null = null;
  #receiver: Receiver | null = null;
  #eofSent = false;
  #sendClosed = false;
  #receiveClosed = false;

  constructor(options: PipeOptions) {
    this.#options = options;
    const { name, capacity } = options;
    this.name = name;
    const label = () => capacity === 0 ? name : `${name} (${this.#used}/${capacity} bytes)`;
    this.#sending = { kind: "send to", label };
    this.#receiving = { kind: "receive from", label };
  }

  send(bytes: Uint8Array): Promise<void> {
    return suspend<void>(this.#sending, (waker) => {
      const fault = this.sendFault();
      if (fault !== null) return void waker.fail(fault);
      if (bytes.length === 0) return void waker.wake();
      this.#sender = { waker, rest: bytes };
      this.#move();
    }, () => {
      this.#sender = null;
      return true;
    });
  }

  sendEof(): Promise<void> {
    return suspend<void>(this.#sending, (waker) => {
      if (this.#sender !== null) return void waker.fail(busySending());
      if (this.#sendClosed) return void waker.fail(sendingClosed());
      this.#eofSent = true;
      this.#move();
      waker.wake();
    }, () => true);
  }

  receive(into: Uint8Array | null, max: number): Promise<number | Uint8Array | null> {
    return suspend<number | Uint8Array | null>(this.#receiving, (waker) => {
      const fault = this.receiveFault();
      if (fault !== null) return void waker.fail(fault);
      this.#receiver = { waker, into, max };
      this.#move();
    }, () => {
      this.#receiver = null;
      return true;
    });
  }

  /** Why nothing can be sent now. */
  sendFault(): Error | null {
    if (this.#eofSent) return new ClosedResourceError("Cannot send as sendEof() was called before");
    if (this.#sender !== null) return busySending();
    if (this.#sendClosed) return sendingClosed();
    return this.#receiveClosed ? peerGone() : null;
  }

  /** Why nothing can be received now. */
  receiveFault(): Error | null {
    if (this.#receiver !== null) return busyReceiving();
    return this.#receiveClosed ? new ClosedResourceError("Cannot receive as the stream is closed") : null;
  }

  /** The sending end is closed: what is in the buffer still arrives. */
  closeSend(): void {
    if (this.#sendClosed) return;
    this.#sendClosed = true;
    const sender = this.#sender;
    this.#sender = null;
    sender?.waker.fail(new ClosedResourceError("Cannot send as the stream was closed meanwhile"));
    this.#move();
  }

  /** The receiving end is closed: what is in the buffer is lost. */
  closeReceive(): void {
    if (this.#receiveClosed) return;
    this.#receiveClosed = true;
    this.#chunks.length = this.#used = this.#head = 0;
    const receiver = this.#receiver;
    const sender = this.#sender;
    this.#receiver = this.#sender = null;
    receiver?.waker.fail(new ClosedResourceError("Cannot receive as the stream was closed meanwhile"));
    sender?.waker.fail(peerGone());
  }

  /** Moves on what can be moved. */
  #move(): void {
    this.#fill();
    const receiver = this.#receiver;
    if (receiver !== null) {
      const there = this.#used > 0 ? this.#used : this.#sender?.rest.length ?? 0;
      if (there > 0) {
        this.#receiver = null;
        const size = Math.min(there, receiver.max, this.#options.split());
        const target = receiver.into ?? new Uint8Array(size);
        this.#take(target.subarray(0, size));
        this.#fill();
        receiver.waker.wake(receiver.into === null ? target : size);
      } else if (this.#eofSent || this.#sendClosed) {
        this.#receiver = null;
        receiver.waker.wake(null);
      }
    }
    const sender = this.#sender;
    if (sender !== null && sender.rest.length === 0) {
      this.#sender = null;
      sender.waker.wake();
    }
  }

  /** Copies what the sender has into the buffer, as far as there is room. */
  #fill(): void {
    const sender = this.#sender;
    const size = Math.min(this.#options.capacity - this.#used, sender?.rest.length ?? 0);
    if (sender === null || size === 0) return;
    this.#chunks.push(sender.rest.slice(0, size));
    this.#used += size;
    sender.rest = size === sender.rest.length ? NOTHING : sender.rest.subarray(size);
  }

  /**
   * Fills the target from the buffer or, if that is empty, from the sender; there must be enough in the one or the
   * other.
   */
  #take(target: Uint8Array): void {
    if (this.#used === 0) {
      const sender = this.#sender as Sender;
      target.set(sender.rest.subarray(0, target.length));
      sender.rest = sender.rest.subarray(target.length);
      return;
    }
    for (let at = 0; at < target.length;) {
      const chunk = this.#chunks[0] as Uint8Array;
      const part = chunk.subarray(this.#head, this.#head + target.length - at);
      target.set(part, at);
      at += part.length;
      this.#head += part.length;
      if (this.#head < chunk.length) break;
      this.#chunks.shift();
      this.#head = 0;
    }
    this.#used -= target.length;
  }
}

/** What an operation fails with while another of its direction is under way. */
export function busySending(): BusyResourceError {
  return busyWith("send", "sending on this stream");
}

/** What an operation fails with while another of its direction is under way. */
export function busyReceiving(): BusyResourceError {
  return busyWith("receive", "receiving from this stream");
}

function sendingClosed(): ClosedResourceError {
  return new ClosedResourceError("Cannot send as the stream is closed");
}

function peerGone(): BrokenResourceError {
  return new BrokenResourceError("Cannot send as the other end of the stream is closed");
}
