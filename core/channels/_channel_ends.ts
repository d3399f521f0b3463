/** The two ends of a channel: who may still use it, and the errors that say so. */

import { currentNode } from "../_context.ts";
import { BrokenResourceError, ClosedResourceError, EndOfChannel, WouldBlock } from "../errors.ts";
import { type Channel, endOfChannel, NextWaiter, ReceiveWaiter, SendWaiter } from "./_channel.ts";
import type { MemoryChannelStatistics, MemoryReceiveChannel, MemorySendChannel } from "./memory_channel.ts";
import type { StatusNode } from "../_status.ts";
import { refusedAfterTurn } from "../_composed_wait.ts";
import { pass, refuse } from "../_waiter.ts";
import type { Queued, WaitQueue } from "../_wait_queue.ts";

/** The sending end. */
export class SendEnd<T> implements MemorySendChannel<T> {
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
    if (channel.accept(value)) return pass(node, undefined);
    const waiter = new SendWaiter(node, channel.sending, value, this);
    channel.senders.add(waiter);
    return waiter.begun();
  }

  trySend(value: T): void {
    const fault = this.#fault();
    if (fault !== null) throw fault;
    if (!this.#channel.accept(value)) {
      throw new WouldBlock("Cannot send without waiting as the channel is full and nobody is receiving");
    }
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

  #fault(): Error | null {
    if (this.#closed) return new ClosedResourceError("Cannot send as this sending end is closed");
    return this.#channel.receiveEnds > 0 ? null : noReceiver();
  }
}

/** The receiving end. */
export class ReceiveEnd<T> implements MemoryReceiveChannel<T> {
  readonly #channel: Channel<T>;
  #closed = false;

  constructor(channel: Channel<T>) {
    this.#channel = channel;
    channel.receiveEnds++;
  }

  receive(): Promise<T> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const channel = this.#channel;
    if (!this.#closed && channel.ready) return pass(node, channel.take());
    const fault = this.#fault();
    if (fault !== null) return refusedAfterTurn(node, fault);
    const waiter = new ReceiveWaiter<T>(node, channel.receiving, this);
    channel.wait(waiter);
    return waiter.begun();
  }

  tryReceive(): T {
    if (!this.#closed && this.#channel.ready) return this.#channel.take();
    throw this.#fault() ?? new WouldBlock("Cannot receive without waiting as the channel is empty");
  }

  clone(): MemoryReceiveChannel<T> {
    this.requireOpen();
    return new ReceiveEnd(this.#channel);
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

  /** Leaving the loop early does not close the channel: other tasks may go on receiving. */
  [Symbol.asyncIterator](): AsyncIterator<T> {
    return { next: () => this.#next() };
  }

  /** As `receive()`, for a loop: the end is a result, no error. */
  #next(): Promise<IteratorResult<T>> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const channel = this.#channel;
    if (!this.#closed && channel.ready) {
      return pass<IteratorResult<T>>(node, { done: false, value: channel.take() });
    }
    const fault = this.#fault();
    if (fault instanceof EndOfChannel) return pass<IteratorResult<T>>(node, { done: true, value: undefined });
    if (fault !== null) return refusedAfterTurn(node, fault);
    const waiter = new NextWaiter<T>(node, channel.receiving, this);
    channel.wait(waiter);
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

function noReceiver(): BrokenResourceError {
  return new BrokenResourceError("Cannot send as all receiving ends are closed");
}
