/** The signals of a simulation: its test sends them. */

import { show } from "../../core/internal.ts";
import type { SignalSource } from "../../core/lowlevel.ts";

/** See the header. */
export class SimulatedSignals implements SignalSource {
  readonly inMemory = true;
  /** Who listens, by the signals. */
  readonly #listeners = new Map<string, Set<() => void>>();

  listen(signal: string, tell: () => void): () => void {
    const listeners = this.#listeners.get(signal) ?? new Set();
    this.#listeners.set(signal, listeners);
    // A function of its own, as the same one may listen twice.
    const told = () => tell();
    listeners.add(told);
    return () => void listeners.delete(told);
  }

  /** One that was not received in time is dropped: a simulation cannot end as a program does. */
  raise(): void {}

  /** Sends a signal; a program that does not listen for it would not survive it. */
  send(signal: string): void {
    const listeners = [...this.#listeners.get(signal) ?? []];
    if (listeners.length === 0) {
      throw new TypeError(`Cannot send a signal as somebody must listen for it: nobody does for ${show(signal)}`);
    }
    for (const tell of listeners) tell();
  }
}
