/** A flag that tasks wait for. */

import { requireName } from "../base/check.ts";
import type { NamedOptions } from "../base/named.ts";
import { currentNode } from "../kernel/context.ts";
import { inspectable } from "../base/inspect.ts";
import { refuse, yieldTurn } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/**
 * Numbers of an `Event`, for debugging.
 *
 * @category Synchronisation
 */
export interface EventStatistics {
  /** How many waits are open. */
  readonly tasksWaiting: number;
}

/**
 * A one-way flag: once set it stays set, and every wait for it returns.
 *
 * There is no `clear()`: make a new event for the next time. (Importing this name hides the DOM's `Event` in that
 * module; import it `as AsyncEvent` where you need both.)
 *
 * **Order:** waits resume in the order in which they began.
 *
 * @example Telling a task that it may go on
 * ```ts
 * import { Event, openNursery } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const ready = new Event();
 * const order: string[] = [];
 * await openNursery((nursery) => {
 *   nursery.startSoon(async () => {
 *     await ready.wait();
 *     order.push("going on");
 *   });
 *   nursery.startSoon(() => {
 *     order.push("ready");
 *     ready.set();
 *   });
 * });
 * assertEquals(order, ["ready", "going on"]);
 * ```
 *
 * @category Synchronisation
 */
export class Event {
  static {
    inspectable(this, "Event", (event) => ({ name: event.#name, isSet: event.#set, ...event.statistics() }));
  }

  readonly #name: string;
  readonly #waiters = new WaitQueue<void>();
  readonly #reason: WaitReason;
  #set = false;

  /**
   * Makes an event that is not set.
   *
   * @param options A name.
   * @throws {TypeError} If the name is not a string.
   */
  constructor(options: NamedOptions = {}) {
    const name = requireName("make an Event", options);
    this.#name = name;
    this.#reason = { kind: "event", label: name === "" ? "" : `"${name}"`, resource: this };
  }

  /** Whether it was set. */
  get isSet(): boolean {
    return this.#set;
  }

  /** Sets the flag and wakes all waiting tasks. Idempotent and synchronous. */
  set(): void {
    this.#set = true;
    this.#waiters.wakeAll();
  }

  /**
   * Waits until the flag is set; a checkpoint if it is set already.
   *
   * **Cancellation:** throws `Cancelled`; nothing is lost. If `set()` came before the cancellation, the wait returns.
   *
   * @returns A promise that resolves once the flag is set.
   */
  wait(): Promise<void> {
    if (!this.#set) return this.#waiters.park(this.#reason);
    const node = currentNode();
    return node.cancelled !== null ? refuse(node) : yieldTurn(node, undefined);
  }

  /** Returns a snapshot of the counters, for debugging. */
  statistics(): EventStatistics {
    return { tasksWaiting: this.#waiters.size };
  }
}
