/**
 * What the ends of a memory channel share: a buffer, a queue of blocked senders and a queue of blocked receivers, of
 * which at most one is not empty while the channel is open. Values never overtake each other: one taken from the buffer
 * makes room for the longest-blocked sender at once. Handing over happens in the call that makes it possible, so a
 * value is in exactly one place at any time: with the sender, in the buffer, or with the receiver.
 */

import { EndOfChannel } from "../errors/errors.ts";
import type { MemoryChannelStatistics } from "./channel.ts";
import type { StatusNode } from "../kernel/node.ts";
import { type Queued, Waiter } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/** A blocked sender: its value waits in it. */
export class SendWaiter<T> extends Waiter<void> {
  constructor(node: StatusNode, reason: WaitReason, readonly value: T, readonly end: object) {
    super(node, reason, null);
  }
}

/** Who waits to receive: a task blocked in `receive()`, or one arm of a `select()`. */
export interface Receiver<T> extends Queued<T> {
  readonly end: object;
}

/** Told what happens in a channel, by those who build on one. */
export interface ChannelWatcher {
  /** Room was made. */
  taken?(): void;
  /** Somebody waits to receive. */
  wanted?(): void;
  /** The last receiving end was closed. */
  closed?(): void;
}

/** A blocked receiver. */
export class ReceiveWaiter<T> extends Waiter<T> implements Receiver<T> {
  constructor(node: StatusNode, reason: WaitReason, readonly end: object) {
    super(node, reason, null);
  }
}

/** A receiver for whom the end of the channel is a value. */
export class OrNullWaiter<T> extends Waiter<T | null> {
  constructor(node: StatusNode, reason: WaitReason, readonly end: object) {
    super(node, reason, null);
  }

  override fail(error: unknown): boolean {
    return error instanceof EndOfChannel ? super.wake(null) : super.fail(error);
  }
}

/** A blocked loop over the channel, whose promise is for an iterator's result. */
export class NextWaiter<T> extends Waiter<IteratorResult<T>> {
  /** `left`: told if the wait ends the loop by an error, as then the iterator is not told. */
  constructor(node: StatusNode, reason: WaitReason, readonly end: object, readonly left: (() => void) | null) {
    super(node, reason, null);
  }

  override wake(value: unknown): boolean {
    return super.wake({ done: false, value: value as T });
  }

  override fail(error: unknown): boolean {
    if (error instanceof EndOfChannel) return super.wake({ done: true, value: undefined });
    const won = super.fail(error);
    if (won) this.left?.();
    return won;
  }
}

/** See the header. */
export class Channel<T> {
  readonly capacity: number;
  readonly name: string;
  readonly senders = new WaitQueue<void, SendWaiter<T>>();
  readonly receivers = new WaitQueue<T, Receiver<T>>();
  readonly sending: WaitReason;
  readonly receiving: WaitReason;
  sendEnds = 0;
  receiveEnds = 0;
  /** Why nothing can be received any more, although senders are there. */
  broken: Error | null = null;
  watcher: ChannelWatcher | null = null;
  peak = 0;
  /** Values at `#head` and after; what is before has been taken. */
  #buffer: T[] = [];
  #head = 0;

  constructor(capacity: number, name: string) {
    this.capacity = capacity;
    this.name = name;
    const label = () => {
      const size = capacity === 0 ? "no buffer" : `${this.used}/${capacity}`;
      return name === "" ? `(${size})` : `"${name}" (${size})`;
    };
    this.sending = { kind: "send on channel", label, resource: this };
    this.receiving = { kind: "receive from channel", label, resource: this };
  }

  get used(): number {
    return this.#buffer.length - this.#head;
  }

  put(value: T): void {
    this.#buffer.push(value);
    if (this.used > this.peak) this.peak = this.used;
  }

  /** Takes the oldest value out of the buffer; there must be one. */
  shift(): T {
    const value = this.#buffer[this.#head] as T;
    this.#buffer[this.#head++] = undefined as T;
    if (this.#head === this.#buffer.length) {
      this.#buffer.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1_024 && 2 * this.#head >= this.#buffer.length) {
      this.#buffer = this.#buffer.slice(this.#head);
      this.#head = 0;
    }
    return value;
  }

  clear(): void {
    this.#buffer.length = 0;
    this.#head = 0;
  }

  /** Hands a value to a waiting receiver or the buffer; `false` if there is no room. */
  accept(value: T): boolean {
    if (this.receivers.wakeFirst(value)) return true;
    if (this.used >= this.capacity) return false;
    this.put(value);
    return true;
  }

  /** Whether a value can be taken now. */
  get ready(): boolean {
    return this.used > 0 || this.senders.size > 0;
  }

  /** Takes the oldest value; there must be one. A blocked sender moves up into the room this makes. */
  take(): T {
    const sender = this.senders.first;
    if (this.used === 0) {
      const { value } = sender as SendWaiter<T>;
      (sender as SendWaiter<T>).wake();
      return value;
    }
    const value = this.shift();
    if (sender !== null) {
      this.put(sender.value);
      sender.wake();
    }
    if (this.watcher !== null) this.watcher.taken?.();
    return value;
  }

  /** Lets somebody wait for a value. */
  wait(receiver: Receiver<T> | OrNullWaiter<T> | NextWaiter<T>): void {
    this.receivers.add(receiver as Receiver<T>);
    if (this.watcher !== null) this.watcher.wanted?.();
  }

  /** Nothing more comes, for a reason that is no ordinary end. What is in the buffer can still be received. */
  break(error: Error): void {
    this.broken = error;
    this.receivers.failAll(error);
  }

  /** One of those who send has closed its end; with the last one the channel ends. */
  endSending(): void {
    if (--this.sendEnds === 0) this.receivers.failAll(endOfChannel());
  }

  statistics(): MemoryChannelStatistics {
    return {
      currentBufferUsed: this.used,
      peakBufferUsed: this.peak,
      maxBufferSize: this.capacity,
      openSendChannels: this.sendEnds,
      openReceiveChannels: this.receiveEnds,
      tasksWaitingSend: this.senders.size,
      tasksWaitingReceive: this.receivers.size,
    };
  }
}

/** What a receiver gets when the channel has ended. */
export function endOfChannel(): EndOfChannel {
  return new EndOfChannel("Cannot receive as all sending ends are closed and everything sent was received");
}
