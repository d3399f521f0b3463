/** Values that are computed when they are first needed, one for each key, and for a while. */

import { requireCount, requireFunction, requireOptions, requireTimeout } from "../base/check.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { currentNode } from "../kernel/context.ts";
import { refuse } from "../kernel/waiter.ts";
import { currentTime } from "../time/current_time.ts";
import { Lazy } from "./lazy.ts";

/**
 * Options of `LazyMap`.
 *
 * @category Synchronisation
 */
export interface LazyMapOptions {
  /**
   * How long a value is good for, in milliseconds, from when it was computed. `get()` computes anew after that.
   *
   * @default {Infinity}
   */
  readonly ttl?: number;
  /**
   * How many values are kept. The one that was asked for longest ago makes room.
   *
   * @default {Infinity}
   */
  readonly max?: number;
}

interface Entry<V> {
  readonly lazy: Lazy<V>;
  /** How many calls wait for it, the one that computes included. */
  users: number;
  /** When its value is out of date; `null` while there is none. */
  expires: number | null;
}

/**
 * A cache whose values are computed by the first task that asks for a key, while other tasks wait: a `Lazy` for each
 * key, with an expiry.
 *
 * A hundred tasks that ask for the same key at the same time cause one computation. If the task that computes is
 * cancelled, the next in line computes instead; if it fails, all that wait get the error, and nothing is kept. A value
 * that is out of date is computed anew by the first task that asks for it.
 *
 * @example One request for many that ask at the same time
 * ```ts
 * import { LazyMap, map, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * let lookups = 0;
 * const addresses = new LazyMap(async (name: string) => {
 *   lookups++;
 *   await sleep(1);
 *   return `address of ${name}`;
 * }, { ttl: 60_000 });
 * await map(["a", "b", "a", "a"], (name) => addresses.get(name));
 * assertEquals(lookups, 2);
 * ```
 *
 * @category Synchronisation
 */
export class LazyMap<K, V> {
  readonly #compute: (key: K) => V | Promise<V>;
  readonly #ttl: number;
  readonly #max: number;
  /** In the order in which they were asked for, the latest last. */
  readonly #entries = new Map<K, Entry<V>>();

  /**
   * Makes an empty one.
   *
   * @param compute The function that computes the value of a key.
   * @param options For how long values are good, and how many are kept.
   * @throws {TypeError} If `compute` is not a function.
   * @throws {RangeError} If `ttl` is negative or `NaN`, or `max` is not a whole number >= 1 or `Infinity`.
   */
  constructor(compute: (key: K) => V | Promise<V>, options: LazyMapOptions = {}) {
    const action = "make a LazyMap";
    requireFunction(action, "compute", compute);
    requireOptions(action, options);
    const { ttl = Infinity, max = Infinity } = options;
    requireTimeout(action, "ttl", ttl);
    requireCount(action, "max", max);
    if (max === 0) throw new RangeError(`Cannot ${action} as "max" must be >= 1: received 0`);
    this.#compute = compute;
    this.#ttl = ttl;
    this.#max = max;
  }

  /** How many keys have a value, or one that is being computed. Values out of date count until they are asked for. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Returns the value of a key, computing it or waiting for it.
   *
   * **Cancellation:** throws `Cancelled`; if this task was computing, the next in line computes instead.
   *
   * @param key The key, compared as by a `Map`.
   * @returns The value.
   * @throws {TypeError} If the calling code is part of the computation for this key.
   */
  get(key: K): Promise<V> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    return composedWait(() => this.#get(key));
  }

  /**
   * Forgets the value of a key. A computation under way goes on for those that wait for it; what comes of it is not
   * kept.
   *
   * @param key The key.
   * @returns Whether there was something to forget.
   */
  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  /** Forgets all values, as `delete()` does. */
  clear(): void {
    this.#entries.clear();
  }

  async #get(key: K): Promise<V> {
    const entry = this.#entryOf(key);
    entry.users++;
    try {
      const value = await entry.lazy.get();
      entry.expires ??= currentTime() + this.#ttl;
      return value;
    } finally {
      entry.users--;
      // Keys that fail must not pile up.
      if (entry.users === 0 && !entry.lazy.isComputed && this.#entries.get(key) === entry) this.#entries.delete(key);
    }
  }

  #entryOf(key: K): Entry<V> {
    let entry = this.#entries.get(key);
    if (entry !== undefined) this.#entries.delete(key);
    if (entry === undefined || (entry.expires !== null && currentTime() >= entry.expires)) {
      entry = { lazy: new Lazy(() => this.#compute(key)), users: 0, expires: null };
    }
    this.#entries.set(key, entry);
    for (const [other, { users }] of this.#entries) {
      if (this.#entries.size <= this.#max) break;
      // One that is being computed would be computed twice.
      if (users === 0 && other !== key) this.#entries.delete(other);
    }
    return entry;
  }
}
