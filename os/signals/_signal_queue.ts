/**
 * Signals that have come and were not received: a pure machine.
 *
 * Each once, as the system counts them no better; in the order in which they first came, so that one which comes all
 * the time cannot keep another from its turn.
 */

/** See the header. */
export class SignalQueue {
  /** A set keeps the order in which its members came. */
  readonly #pending = new Set<Deno.Signal>();

  /** Those that wait, oldest first. */
  get pending(): readonly Deno.Signal[] {
    return [...this.#pending];
  }

  add(signal: Deno.Signal): void {
    this.#pending.add(signal);
  }

  /** The oldest, which it forgets. */
  take(): Deno.Signal | undefined {
    const [oldest] = this.#pending;
    if (oldest !== undefined) this.#pending.delete(oldest);
    return oldest;
  }
}
