/** The two ends of a channel: who may still use it, and the errors that say so. */

import { type Asker, askerOf } from "../kernel/asker.ts";
import { currentNode } from "../kernel/context.ts";
import { BrokenResourceError, ClosedResourceError, EndOfChannel } from "../errors/errors.ts";
import { AskedWaiter, type Shape } from "./_asking.ts";
import { type Channel, endOfChannel, NextWaiter, OrNullWaiter, ReceiveWaiter, SendWaiter } from "./_channel.ts";
import { inspectable, type Picture } from "../base/inspect.ts";
import { findsResource } from "../base/resource_of.ts";
import type { MemoryChannelStatistics, MemoryReceiveChannel, MemorySendChannel } from "./channel.ts";
import type { StatusNode } from "../kernel/node.ts";
import { refusedAfterTurn } from "../kernel/composed_wait.ts";
import { type Queued, refuse, yieldTurn } from "../kernel/waiter.ts";
import type { WaitQueue } from "../kernel/wait_queue.ts";

/** The sending end. */
export class SendEnd<T> implements MemorySendChannel<T> {
  static {
    findsResource((thing) => #channel in thing ? thing.#channel : undefined);
    inspectable<SendEnd<unknown>>(this, "MemorySendChannel", (end) => pictureOf(end.#channel, end.#closed));
  }

  readonly #channel: Channel<T>;
  #closed = false;

  constructor(channel: Channel<T>) {
    this.#channel = channel;
    channel.sendEnds++;
  }

  send(value: T): Promise<void> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const channel = this.#channel;
    const fault = this.#fault();
    if (fault !== null) return refusedAfterTurn(node, fault);
    if (channel.accept(value)) return yieldTurn(node, undefined);
    const waiter = new SendWaiter(node, channel.sending, value, this);
    channel.senders.add(waiter);
    return waiter.begun();
  }

  trySend(value: T): boolean {
    const fault = this.#fault();
    if (fault !== null) throw fault;
    return this.#channel.accept(value);
  }

  clone(): MemorySendChannel<T> {
    if (this.#closed) throw new ClosedResourceError("Cannot clone this sending end as it is closed");
    return new SendEnd(this.#channel);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const channel = this.#channel;
    failThose(channel.senders, this, "Cannot send as this sending end was closed meanwhile");
    channel.endSending();
  }

  statistics(): MemoryChannelStatistics {
    return this.#channel.statistics();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #fault(): Error | null {
    if (this.#closed) return new ClosedResourceError("Cannot send as this sending end is closed");
    return this.#channel.receiveEnds > 0 ? null : noReceiver();
  }
}

const AS_VALUE: Shape<unknown, unknown> = { value: (value) => value };
const OR_NULL: Shape<unknown, unknown> = { value: (value) => value, ended: () => null };
const AS_RESULT: Shape<unknown, IteratorResult<unknown>> = {
  value: (value) => ({ done: false, value }),
  ended: () => ({ done: true, value: undefined }),
};

/** The receiving end. */
export class ReceiveEnd<T> implements MemoryReceiveChannel<T> {
  static {
    findsResource((thing) => #channel in thing ? thing.#channel : undefined);
    inspectable<ReceiveEnd<unknown>>(this, "MemoryReceiveChannel", (end) => end.picture());
  }

  readonly #channel: Channel<T>;
  #closed = false;

  constructor(channel: Channel<T>) {
    this.#channel = channel;
    channel.receiveEnds++;
  }

  receive(): Promise<T> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const asker = askerOf(node);
    if (asker !== null) return this.#ask<T>(asker, node, AS_VALUE as never);
    const channel = this.#channel;
    if (!this.#closed && channel.ready) return yieldTurn(node, channel.take());
    const fault = this.#fault();
    if (fault !== null) return refusedAfterTurn(node, fault);
    const waiter = new ReceiveWaiter<T>(node, channel.receiving, this);
    channel.wait(waiter);
    return waiter.begun();
  }

  receiveOrNull(): Promise<T | null> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const asker = askerOf(node);
    if (asker !== null) return this.#ask<T | null>(asker, node, OR_NULL as never);
    const channel = this.#channel;
    if (!this.#closed && channel.ready) return yieldTurn<T | null>(node, channel.take());
    const fault = this.#fault();
    if (fault instanceof EndOfChannel) return yieldTurn<T | null>(node, null);
    if (fault !== null) return refusedAfterTurn(node, fault);
    const waiter = new OrNullWaiter<T>(node, channel.receiving, this);
    channel.wait(waiter);
    return waiter.begun();
  }

  tryReceive(): T | undefined {
    if (this.#closed || !this.#channel.ready) {
      const fault = this.#fault();
      if (fault !== null) throw fault;
      return undefined;
    }
    const asker = askerOf();
    return asker === null || asker.mayTake() ? this.#channel.take() : undefined;
  }

  clone(): MemoryReceiveChannel<T> {
    this.requireOpen();
    return new ReceiveEnd(this.#channel);
  }

  /** What the console shows. */
  picture(): Picture {
    return pictureOf(this.#channel, this.#closed);
  }

  /** For `clone()`. */
  requireOpen(): void {
    if (this.#closed) throw new ClosedResourceError("Cannot clone this receiving end as it is closed");
  }

  /** For `select()`: the channel, and why nothing can be received from it now or later, if so. */
  look(): { readonly channel: Channel<T>; readonly fault: Error | null } {
    const channel = this.#channel;
    return { channel, fault: !this.#closed && channel.ready ? null : this.#fault() };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const channel = this.#channel;
    failThose(channel.receivers, this, "Cannot receive as this receiving end was closed meanwhile");
    if (--channel.receiveEnds > 0) return;
    channel.clear();
    channel.senders.failAll(noReceiver());
    channel.watcher?.closed?.();
  }

  statistics(): MemoryChannelStatistics {
    return this.#channel.statistics();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Leaving the loop early does not close the channel: other tasks may go on receiving. */
  [Symbol.asyncIterator](): AsyncIterator<T> {
    return { next: () => this.next(null) };
  }

  /** As `receive()`, for a loop: the end is a result, no error. `left` is told of any other end of the loop. */
  protected next(left: (() => void) | null): Promise<IteratorResult<T>> {
    const node = currentNode();
    const asker = askerOf(node);
    if (node.cancelled !== null) {
      // To be asked and not chosen is no end of a loop.
      if (asker === null) left?.();
      return refuse(node);
    }
    if (asker !== null) return this.#ask<IteratorResult<T>>(asker, node, AS_RESULT as never);
    const channel = this.#channel;
    if (!this.#closed && channel.ready) {
      return yieldTurn<IteratorResult<T>>(node, { done: false, value: channel.take() });
    }
    const fault = this.#fault();
    if (fault instanceof EndOfChannel) return yieldTurn<IteratorResult<T>>(node, { done: true, value: undefined });
    if (fault !== null) return refusedAfterTurn(node, fault);
    const waiter = new NextWaiter<T>(node, channel.receiving, this, left);
    channel.wait(waiter);
    return waiter.begun();
  }

  /** For somebody whom a `select()` asks: see `kernel/asker.ts`. */
  #ask<R>(asker: Asker, node: StatusNode, shape: Shape<T, R>): Promise<R> {
    const { channel, fault } = this.look();
    if (fault === null && channel.ready && asker.mayTake()) return yieldTurn<R>(node, shape.value(channel.take()));
    if (fault instanceof EndOfChannel && shape.ended !== undefined) return yieldTurn<R>(node, shape.ended());
    if (fault !== null) return refusedAfterTurn(node, fault);
    const waiter = new AskedWaiter<T, R>(node, channel.receiving, this, { asker, shape });
    asker.enlist(waiter);
    return waiter.begun();
  }

  #fault(): Error | null {
    if (this.#closed) return new ClosedResourceError("Cannot receive as this receiving end is closed");
    return this.#channel.broken ?? (this.#channel.sendEnds > 0 ? null : endOfChannel());
  }
}

/** Ends the waits of one end with `ClosedResourceError`; those of its clones go on. */
function failThose<V, W extends Queued<V> & { readonly end: object; readonly node?: StatusNode }>(
  queue: WaitQueue<V, W>,
  end: object,
  message: string,
): void {
  const { task } = currentNode();
  const those: W[] = [];
  for (let waiter = queue.first; waiter !== null; waiter = waiter.after as W | null) {
    if (waiter.end === end) those.push(waiter);
  }
  // Looked up first: a `select()` that fails leaves the line with all its arms, the next one here among them.
  for (const waiter of those) {
    // Nobody can both wait and close, unless the wait was not awaited.
    const hint = waiter.node?.task === task ? ", by the very task that waits: is an await missing?" : "";
    waiter.fail(new ClosedResourceError(message + hint));
  }
}

/** What the console shows of an end. */
function pictureOf(channel: Channel<unknown>, closed: boolean): Picture {
  return {
    name: channel.name,
    closed: closed ? true : undefined,
    buffer: `${channel.used}/${channel.capacity}`,
    openSendChannels: channel.sendEnds,
    openReceiveChannels: channel.receiveEnds,
    tasksWaitingSend: channel.senders.size,
    tasksWaitingReceive: channel.receivers.size,
  };
}

function noReceiver(): BrokenResourceError {
  return new BrokenResourceError("Cannot send as all receiving ends are closed");
}
