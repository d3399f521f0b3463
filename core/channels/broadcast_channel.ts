/** Channels on which every subscriber receives every value. */

import { requireInteger, requireName, show } from "../base/check.ts";
import type { NamedOptions } from "../base/named.ts";
import { Channel } from "./_channel.ts";
import { ReceiveEnd } from "./_channel_ends.ts";
import { currentNode } from "../kernel/context.ts";
import { refusedAfterTurn } from "../kernel/composed_wait.ts";
import { BrokenResourceError, ClosedResourceError } from "../errors/errors.ts";
import { inspectable } from "../base/inspect.ts";
import type { MemoryReceiveChannel, SendChannel } from "./channel.ts";
import type { StatusNode } from "../kernel/node.ts";
import { refuse, Waiter, yieldTurn } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/**
 * What happens when a subscriber's buffer is full: see `BroadcastChannelOptions.lag`.
 *
 * @category Channels
 */
export type LagPolicy = "block" | "dropOldest" | "error";

/**
 * Options of `openBroadcastChannel()`.
 *
 * @category Channels
 */
export interface BroadcastChannelOptions extends NamedOptions {
  /**
   * What happens when a subscriber does not keep up and its buffer is full.
   *
   * - `"block"`: the sender waits, and so the slowest subscriber sets the pace for all.
   * - `"dropOldest"`: it loses the oldest value it has not received; `missed` counts them.
   * - `"error"`: it is cut off. Its buffer is thrown away, and receiving throws `BrokenResourceError`.
   *
   * @default {"block"}
   */
  readonly lag?: LagPolicy;
}

/**
 * Numbers of a broadcast channel, for debugging.
 *
 * @category Channels
 */
export interface BroadcastChannelStatistics {
  /** How many subscriptions are open. */
  readonly subscribers: number;
  /** How many values each of them can have waiting. */
  readonly maxBufferSize: number;
  /** The most values that one of them has waiting now. */
  readonly currentBufferUsed: number;
  /** Tasks blocked in `send()`. */
  readonly tasksWaitingSend: number;
}

/**
 * One subscription: see `BroadcastSendChannel.subscribe()`. Closing the last clone ends it.
 *
 * Unlike the end of a memory channel it has one consumer, for which a sender may have to wait. So leaving the last loop
 * over this end closes it, be it by `break`, an error or cancellation. Another consumer takes a `clone()`.
 *
 * @category Channels
 */
export interface BroadcastReceiveChannel<out T> extends MemoryReceiveChannel<T> {
  /** How many values it has lost by being too slow; always 0 unless the policy is `"dropOldest"`. */
  readonly missed: number;
}

/**
 * The sending end of a broadcast channel: see `openBroadcastChannel()`.
 *
 * @category Channels
 */
export interface BroadcastSendChannel<in out T> extends SendChannel<T>, Disposable {
  /**
   * Gives a value to all who are subscribed now. Without subscribers it goes nowhere.
   *
   * **Cancellation:** throws `Cancelled`; nobody has got the value.
   *
   * @param value The value.
   * @returns A promise that resolves once every subscriber has it, or has it in its buffer.
   * @throws {ClosedResourceError} If the channel is closed, before or meanwhile.
   */
  send(value: T): Promise<void>;
  /**
   * The twin of `send()` that does not wait.
   *
   * @param value The value.
   * @returns Whether every subscriber has it, or has it in its buffer. `false`: the policy is `"block"`, a subscriber
   *   has no room, and nobody has got the value.
   * @throws {ClosedResourceError} If the channel is closed.
   */
  trySend(value: T): boolean;
  /**
   * Subscribes: what is sent from now on can be received.
   *
   * @returns The receiving end. Close it (`using`), or loop over it: leaving the loop closes it. Otherwise the sender
   *   waits for it, or fills its buffer.
   * @throws {ClosedResourceError} If the channel is closed.
   */
  subscribe(): BroadcastReceiveChannel<T>;
  /** Ends the channel: subscribers receive what is in their buffers, then it ends for them. Idempotent. */
  close(): void;
  /** Returns a snapshot of the counters, for debugging. */
  statistics(): BroadcastChannelStatistics;
}

/**
 * Opens a channel on which every subscriber receives every value, in the order in which they were sent.
 *
 * All may share the sending end; the channel ends when it is closed. Each subscriber has a buffer of its own. One that
 * leaves its loop, or is cancelled in it, is no subscriber any more.
 *
 * @example Two listeners
 * ```ts
 * import { openBroadcastChannel, openNursery } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const news = openBroadcastChannel<string>(16);
 * const heard: string[] = [];
 * await openNursery((nursery) => {
 *   for (const name of ["ann", "bob"]) {
 *     const subscription = news.subscribe();
 *     nursery.startSoon(async () => {
 *       for await (const item of subscription) heard.push(`${name}: ${item}`);
 *     });
 *   }
 *   news.trySend("hello");
 *   news.close();
 * });
 * assertEquals(heard, ["ann: hello", "bob: hello"]);
 * ```
 *
 * @param capacity How many values each subscriber can have waiting, at least 1.
 * @param options What to do about subscribers that do not keep up, and a name.
 * @returns The sending end, which also makes subscriptions.
 * @throws {RangeError} If `capacity` is not a whole number >= 1 or `Infinity`, or the policy is not one of the three.
 * @throws {TypeError} If the name is not a string.
 * @category Channels
 */
export function openBroadcastChannel<T>(
  capacity: number,
  options: BroadcastChannelOptions = {},
): BroadcastSendChannel<T> {
  if (capacity !== Infinity) {
    requireInteger("open a broadcast channel", "capacity", capacity, 1, Number.MAX_SAFE_INTEGER);
  }
  const name = requireName("open a broadcast channel", options);
  const { lag = "block" } = options;
  if (lag !== "block" && lag !== "dropOldest" && lag !== "error") {
    throw new RangeError(
      `Cannot open a broadcast channel as "lag" must be "block", "dropOldest" or "error": received ${show(lag)}`,
    );
  }
  return new Hub<T>(capacity, lag, name);
}

class BlockedSend<T> extends Waiter<void> {
  constructor(node: StatusNode, reason: WaitReason, readonly value: T) {
    super(node, reason, null);
  }
}

/** One subscriber: an ordinary channel that the hub feeds, and the number of values it has lost. */
class Subscription<T> extends Channel<T> {
  missed = 0;

  hasRoom(): boolean {
    return this.receivers.size > 0 || this.used < this.capacity;
  }
}

class SubscriptionEnd<T> extends ReceiveEnd<T> implements BroadcastReceiveChannel<T> {
  static {
    inspectable<SubscriptionEnd<unknown>>(
      this,
      "BroadcastReceiveChannel",
      (end) => ({ ...end.picture(), missed: end.missed }),
    );
  }

  readonly #subscription: Subscription<T>;
  /** Loops over this end that have begun and were not left. */
  #loops = 0;

  constructor(subscription: Subscription<T>) {
    super(subscription);
    this.#subscription = subscription;
  }

  get missed(): number {
    return this.#subscription.missed;
  }

  override clone(): BroadcastReceiveChannel<T> {
    this.requireOpen();
    return new SubscriptionEnd(this.#subscription);
  }

  /**
   * A loop that is left closes the end: told by `return()`, or by the error of a `next()`, after which there is none.
   */
  override [Symbol.asyncIterator](): AsyncIterator<T> {
    let inside = false;
    let over = false;
    const left = (): void => {
      if (!inside) return;
      inside = false;
      if (--this.#loops === 0) this.close();
    };
    return {
      next: () => {
        if (over) return this.#over();
        if (!inside) {
          inside = true;
          this.#loops++;
        }
        return this.next(left);
      },
      return: () => {
        over = true;
        // Also one that has not begun: whoever is given it will not begin any more.
        if (!inside && this.#loops === 0) this.close();
        left();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  #over(): Promise<IteratorResult<T>> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    return yieldTurn<IteratorResult<T>>(node, { done: true, value: undefined });
  }
}

class Hub<T> implements BroadcastSendChannel<T> {
  static {
    inspectable<Hub<unknown>>(this, "BroadcastSendChannel", (hub) => ({
      name: hub.#name,
      closed: hub.#closed ? true : undefined,
      lag: hub.#lag,
      ...hub.statistics(),
    }));
  }

  readonly #capacity: number;
  readonly #lag: LagPolicy;
  readonly #name: string;
  readonly #subscriptions = new Set<Subscription<T>>();
  /** Who waits for room at all subscribers, under the policy `"block"`. */
  readonly #senders = new WaitQueue<void, BlockedSend<T>>();
  readonly #reason: WaitReason;
  #closed = false;

  constructor(capacity: number, lag: LagPolicy, name: string) {
    this.#capacity = capacity;
    this.#lag = lag;
    this.#name = name;
    const label = name === "" ? "" : `"${name}" `;
    this.#reason = {
      kind: "send on broadcast channel",
      resource: this,
      label: () => `${label}(${this.#full()} of ${this.#subscriptions.size} subscribers have no room)`,
    };
  }

  send(value: T): Promise<void> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    if (this.#closed) return refusedAfterTurn(node, closed());
    if (this.#ready) {
      this.#deliver(value);
      return yieldTurn(node, undefined);
    }
    const waiter = new BlockedSend(node, this.#reason, value);
    this.#senders.add(waiter);
    return waiter.begun();
  }

  trySend(value: T): boolean {
    if (this.#closed) throw closed();
    if (!this.#ready) return false;
    this.#deliver(value);
    return true;
  }

  subscribe(): BroadcastReceiveChannel<T> {
    if (this.#closed) throw new ClosedResourceError("Cannot subscribe as the broadcast channel is closed");
    const subscription = new Subscription<T>(this.#capacity, this.#name);
    subscription.sendEnds = 1;
    subscription.watcher = {
      taken: () => this.#roomMade(),
      wanted: () => this.#roomMade(),
      closed: () => {
        this.#subscriptions.delete(subscription);
        this.#roomMade();
      },
    };
    this.#subscriptions.add(subscription);
    return new SubscriptionEnd(subscription);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.endSending();
    this.#senders.failAll(closed("meanwhile"));
  }

  statistics(): BroadcastChannelStatistics {
    let currentBufferUsed = 0;
    for (const { used } of this.#subscriptions) currentBufferUsed = Math.max(currentBufferUsed, used);
    return {
      subscribers: this.#subscriptions.size,
      maxBufferSize: this.#capacity,
      currentBufferUsed,
      tasksWaitingSend: this.#senders.size,
    };
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** Whether a value can be delivered now, without overtaking one that waits. */
  get #ready(): boolean {
    return this.#lag !== "block" || (this.#senders.size === 0 && this.#full() === 0);
  }

  #full(): number {
    let full = 0;
    for (const subscription of this.#subscriptions) if (!subscription.hasRoom()) full++;
    return full;
  }

  #roomMade(): void {
    while (this.#senders.first !== null && this.#full() === 0) {
      const { first } = this.#senders;
      // Taken out first: delivering may make room again, and call us.
      this.#senders.remove(first);
      this.#deliver(first.value);
      first.wake();
    }
  }

  #deliver(value: T): void {
    // Counted first: a schedule of the user's may subscribe meanwhile, to what comes next.
    let left = this.#subscriptions.size;
    for (const subscription of this.#subscriptions) {
      if (left-- === 0) break;
      if (subscription.accept(value)) continue;
      if (this.#lag === "dropOldest") {
        subscription.shift();
        subscription.missed++;
        subscription.put(value);
      } else this.#cutOff(subscription);
    }
  }

  #cutOff(subscription: Subscription<T>): void {
    this.#subscriptions.delete(subscription);
    subscription.broken = new BrokenResourceError(
      `Cannot receive as this subscriber was cut off: it had ${this.#capacity} values waiting when one more came, receive faster, or open the channel with a greater capacity or another policy`,
    );
    subscription.clear();
  }
}

function closed(when = "already"): ClosedResourceError {
  return new ClosedResourceError(`Cannot send as the broadcast channel was closed ${when}`);
}
