/** A value that changes, and those who want to know. */

import { requireFunction, requireName } from "../base/check.ts";
import type { NamedOptions } from "../base/named.ts";
import { currentNode } from "../kernel/context.ts";
import { ClosedResourceError, EndOfChannel } from "../errors/errors.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { inspectable, type Picture } from "../base/inspect.ts";
import { refuse, yieldTurn } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/**
 * The end of a watch that sets the value: see `openWatch()`.
 *
 * @category Channels
 */
export interface WatchSender<in out T> extends Disposable {
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

/**
 * The end of a watch that sees the value: see `openWatch()`. Iterating it gives each change, until the end.
 *
 * @category Channels
 */
export interface WatchReceiver<out T> extends AsyncIterable<T> {
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
   * Waits as `changed()` does, and gives `null` when the watch is closed and its last change was seen.
   *
   * In a watch whose value may be `null` itself, the two cannot be told apart: iterate it, or use `changed()`.
   *
   * **Cancellation:** throws `Cancelled`; the change is not counted as seen.
   *
   * @example Until the end
   * ```ts
   * import { openWatch } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * const [progress, seen] = openWatch(0);
   * progress.set(100);
   * progress.close();
   * assertEquals([await seen.changedOrNull(), await seen.changedOrNull()], [100, null]);
   * ```
   *
   * @returns The latest value, or `null`.
   */
  changedOrNull(): Promise<T | null>;
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
   * The same for a condition that is not a type guard.
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
 * @throws {TypeError} If the name is not a string.
 * @category Channels
 */
export function openWatch<T>(
  value: T,
  options: NamedOptions = {},
): [send: WatchSender<T>, receive: WatchReceiver<T>] {
  const watch = new Watch(value, requireName("open a watch", options));
  return [watch, new Receiver(watch, 0)];
}

class Watch<T> implements WatchSender<T> {
  static {
    inspectable<Watch<unknown>>(this, "WatchSender", (watch) => watch.picture());
  }

  value: T;
  /** How often it was set. */
  version = 0;
  closed = false;
  readonly waiters = new WaitQueue<void>();
  readonly reason: WaitReason;
  readonly #name: string;

  constructor(value: T, name: string) {
    this.value = value;
    this.#name = name;
    this.reason = { kind: "change of watch", label: name === "" ? "" : `"${name}"` };
  }

  set(value: T): void {
    this.#requireOpen();
    this.value = value;
    this.version++;
    this.waiters.wakeAll();
  }

  update(change: (value: T) => T): void {
    requireFunction("update a watch", "change", change);
    this.#requireOpen();
    this.set(change(this.value));
  }

  close(): void {
    this.closed = true;
    this.waiters.wakeAll();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What the console shows. */
  picture(): Picture {
    return {
      name: this.#name,
      value: this.value,
      closed: this.closed ? true : undefined,
      tasksWaiting: this.waiters.size,
    };
  }

  #requireOpen(): void {
    if (this.closed) throw new ClosedResourceError("Cannot set the value of a watch as it is closed");
  }
}

class Receiver<T> implements WatchReceiver<T> {
  static {
    inspectable<Receiver<unknown>>(this, "WatchReceiver", (receiver) => ({
      ...receiver.#watch.picture(),
      unseen: receiver.#seen === receiver.#watch.version ? undefined : true,
    }));
  }

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
    return this.#change((value) => value, () => {
      throw ended(...UNCHANGING);
    });
  }

  changedOrNull(): Promise<T | null> {
    return this.#change<T | null>((value) => value, () => null);
  }

  waitFor(condition: (value: T) => boolean): Promise<never> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const watch = this.#watch;
    return composedWait(async () => {
      requireFunction("wait for a value", "condition", condition);
      // A checkpoint also if nothing has to be waited for.
      await yieldTurn(node, undefined);
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
        this.#change<IteratorResult<T>>((value) => ({ done: false, value }), () => ({ done: true, value: undefined })),
    };
  }

  #change<R>(give: (value: T) => R, end: () => R): Promise<R> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const watch = this.#watch;
    if (this.#seen !== watch.version) return yieldTurn(node, give(this.#see()));
    return composedWait(async () => {
      // A turn also if there is nothing to wait for.
      if (watch.closed) await yieldTurn(node, undefined);
      while (this.#seen === watch.version) {
        if (watch.closed) return end();
        await watch.waiters.park(watch.reason);
      }
      return give(this.#see());
    });
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
