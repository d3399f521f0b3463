/** A value that changes, and those who want to know. */

import { requireFunction } from "../_check.ts";
import { currentNode } from "../_context.ts";
import { ClosedResourceError, EndOfChannel } from "../errors.ts";
import { composedWait, refusedAfterTurn } from "../_composed_wait.ts";
import { pass, refuse, type WaitReason } from "../_waiter.ts";
import { WaitQueue } from "../_wait_queue.ts";

/** How a watch is made. */
export interface WatchOptions {
  /** A name for reports. */
  readonly name?: string;
}

/** The end of a watch that sets the value: see `openWatch()`. */
export interface WatchSender<T> extends Disposable {
  /** The latest value. */
  readonly value: T;
  /**
   * Sets the value. Synchronous; counts as a change also if it is the same.
   *
   * @param value The new value.
   * @throws {ClosedResourceError} If the watch is closed.
   */
  set(value: T): void;
  /**
   * Sets the value to what a function makes of it.
   *
   * @param change Gets the value, returns the new one.
   * @throws {ClosedResourceError} If the watch is closed.
   */
  update(change: (value: T) => T): void;
  /** Says that the value will not change any more. Idempotent. */
  close(): void;
}

/** The end of a watch that sees the value: see `openWatch()`. Iterating it gives each change, until the end. */
export interface WatchReceiver<T> extends AsyncIterable<T> {
  /** The latest value. Looking does not count as seeing the change. */
  readonly value: T;
  /**
   * Waits until the value has changed since this receiver last saw a change, and returns it.
   *
   * Changes that come quicker than this is called are skipped: it returns the latest value, and never an older one.
   *
   * **Cancellation:** throws `Cancelled`; the change is not counted as seen.
   *
   * @returns The latest value.
   * @throws {EndOfChannel} If the watch is closed, and its last change was seen.
   */
  changed(): Promise<T>;
  /**
   * Waits until the value fulfils a condition, and returns it; at once if it does so now.
   *
   * The condition is asked about the latest value when this task runs: one that held only in between may be missed.
   *
   * **Cancellation:** throws `Cancelled`; nothing is lost.
   *
   * @param condition What must be true of the value.
   * @returns The value.
   * @throws {EndOfChannel} If the watch is closed with a value that does not fulfil it.
   */
  waitFor<S extends T>(condition: (value: T) => value is S): Promise<S>;
  /**
   * Waits until the value fulfils a condition that tells nothing about its type.
   *
   * **Cancellation:** throws `Cancelled`; nothing is lost.
   *
   * @param condition What must be true of the value.
   * @returns The value.
   * @throws {EndOfChannel} If the watch is closed with a value that does not fulfil it.
   */
  waitFor(condition: (value: T) => boolean): Promise<T>;
  /** Makes another receiver, which has seen what this one has seen. */
  clone(): WatchReceiver<T>;
}

/**
 * Opens a watch: a value that changes, and any number of tasks that want to know its latest state.
 *
 * Nothing is stored but the latest value, so a slow reader never holds anybody up; for every single value, use a
 * channel.
 *
 * @example A configuration that is read again
 * ```ts
 * import { openNursery, openWatch } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const [config, seen] = openWatch({ level: "info" });
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(() => config.set({ level: "debug" }));
 *   assertEquals(await seen.changed(), { level: "debug" });
 * });
 * ```
 *
 * @param value The value to begin with, which every receiver has seen.
 * @param options A name.
 * @returns The end that sets the value, and one that sees it.
 */
export function openWatch<T>(
  value: T,
  options: WatchOptions = {},
): [send: WatchSender<T>, receive: WatchReceiver<T>] {
  const watch = new Watch(value, options.name ?? "");
  return [watch, new Receiver(watch, 0)];
}

class Watch<T> implements WatchSender<T> {
  value: T;
  /** How often it was set. */
  version = 0;
  closed = false;
  readonly waiters = new WaitQueue<void>();
  readonly reason: WaitReason;

  constructor(value: T, name: string) {
    this.value = value;
    this.reason = { kind: "change of watch", label: name === "" ? "" : `"${name}"` };
  }

  set(value: T): void {
    if (this.closed) throw new ClosedResourceError("Cannot set the value of a watch as it is closed");
    this.value = value;
    this.version++;
    this.waiters.wakeAll();
  }

  update(change: (value: T) => T): void {
    requireFunction("update a watch", "change", change);
    this.set(change(this.value));
  }

  close(): void {
    this.closed = true;
    this.waiters.wakeAll();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

class Receiver<T> implements WatchReceiver<T> {
  readonly #watch: Watch<T>;
  #seen: number;

  constructor(watch: Watch<T>, seen: number) {
    this.#watch = watch;
    this.#seen = seen;
  }

  get value(): T {
    return this.#watch.value;
  }

  changed(): Promise<T> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const watch = this.#watch;
    if (this.#seen !== watch.version) return pass(node, this.#see());
    if (watch.closed) return refusedAfterTurn(node, ended(...UNCHANGING));
    return composedWait(async () => {
      while (this.#seen === watch.version) {
        if (watch.closed) throw ended(...UNCHANGING);
        await watch.waiters.park(watch.reason);
      }
      return this.#see();
    });
  }

  waitFor(condition: (value: T) => boolean): Promise<never> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const watch = this.#watch;
    return composedWait(async () => {
      requireFunction("wait for a value", "condition", condition);
      // A checkpoint also if nothing has to be waited for.
      await pass(node, undefined);
      while (!condition(watch.value)) {
        if (watch.closed) throw ended("wait for a value", "its last value does not fulfil the condition");
        await watch.waiters.park(watch.reason);
      }
      return this.#see() as never;
    });
  }

  clone(): WatchReceiver<T> {
    return new Receiver(this.#watch, this.#seen);
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return {
      next: () =>
        composedWait(async (): Promise<IteratorResult<T>> => {
          try {
            return { done: false, value: await this.changed() };
          } catch (error) {
            if (error instanceof EndOfChannel) return { done: true, value: undefined };
            throw error;
          }
        }),
    };
  }

  #see(): T {
    this.#seen = this.#watch.version;
    return this.#watch.value;
  }
}

const UNCHANGING = ["wait for a change", "it will not change any more"] as const;

function ended(action: string, what: string): EndOfChannel {
  return new EndOfChannel(`Cannot ${action} as the watch was closed: ${what}`);
}
