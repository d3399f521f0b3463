/**
 * The callbacks of `setImmediate()` of one simulation: time stands still while there are any.
 *
 * They are the host's, so whoever has the handle can clear them, also code outside the simulation: each handle is known
 * here with the simulation that waits for it.
 */

import { hostClearImmediate, hostImmediate } from "../../core/internal.ts";

const owners = new Map<unknown, Immediates>();

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
      this.#forget(handle);
      callback();
    });
    this.#pending.add(handle);
    owners.set(handle, this as Immediates);
    // The handle's own would clear it at the host alone.
    if (Symbol.dispose in handle) {
      Object.defineProperty(handle, Symbol.dispose, { value: () => clearImmediateOf(handle) });
    }
    return handle;
  }

  clear(handle: unknown): void {
    this.#forget(handle);
    hostClearImmediate(handle as never);
    this.#cleared();
  }

  #forget(handle: unknown): void {
    this.#pending.delete(handle);
    owners.delete(handle);
  }
}

/** Clears an immediate of some simulation; returns whether it was one. */
export function clearImmediateOf(handle: unknown): boolean {
  const owner = owners.get(handle);
  owner?.clear(handle);
  return owner !== undefined;
}
