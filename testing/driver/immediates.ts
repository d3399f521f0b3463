/**
 * The callbacks of `setImmediate()` of one simulation: time stands still while there are any.
 *
 * They are the host's, so whoever has the handle can clear them, also code outside the simulation: each handle is known
 * here with the simulation that waits for it.
 */

import { hostClearImmediate, hostImmediate, isObject } from "../../core/internal.ts";

const owners = new WeakMap<object, Immediates>();

/** See the header. */
export class Immediates {
  readonly #pending = new Set<unknown>();
  readonly #cleared: () => void;

  /** `cleared` is called when one was cleared. */
  constructor(cleared: () => void) {
    this.#cleared = cleared;
  }

  /** How many are to come. */
  get size(): number {
    return this.#pending.size;
  }

  /** Calls a function in the next turn; returns the handle. */
  set(callback: () => void): unknown {
    const handle = hostImmediate(() => {
      this.#pending.delete(handle);
      callback();
    });
    this.#pending.add(handle);
    owners.set(handle, this as Immediates);
    // The handle's own would clear it at the host alone.
    Object.defineProperty(handle, Symbol.dispose, { value: () => this.#clear(handle), configurable: true });
    return handle;
  }

  /** Clears an immediate of some simulation; returns whether it was one. */
  static clear(handle: unknown): boolean {
    const owner = isObject(handle) ? owners.get(handle) : undefined;
    if (owner === undefined) return false;
    owner.#clear(handle);
    return true;
  }

  #clear(handle: unknown): void {
    hostClearImmediate(handle as never);
    if (this.#pending.delete(handle)) this.#cleared();
  }
}
