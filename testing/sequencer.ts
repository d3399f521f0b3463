/** Making tasks take turns in an order the test lays down. */

import { BrokenResourceError, currentTask, suspend, type Waker } from "../core/mod.ts";

/**
 * An order of steps over several tasks: step `n` begins when the block of step `n - 1` has ended.
 *
 * Each number is used once, from 0 on. Errors in a block do not stop the sequence, but a wait that is cancelled does:
 * its step will never come, so all others, those to come too, fail with `BrokenResourceError`.
 *
 * @example Two tasks hand in hand
 * ```ts
 * import { openNursery, Sequencer } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const steps = new Sequencer();
 * const log: string[] = [];
 * await openNursery((nursery) => {
 *   nursery.startSoon(async () => {
 *     using _first = await steps.turn(0);
 *     log.push("one, here");
 *   });
 *   nursery.startSoon(async () => {
 *     using _second = await steps.turn(1);
 *     log.push("two, there");
 *   });
 * });
 * assertEquals(log, ["one, here", "two, there"]);
 * ```
 */
export class Sequencer {
  /** The step whose turn it is, or will be when the block before has ended. */
  #next = 0;
  /** Who is in a block. */
  #holder: string | null = null;
  /** Who has asked for which step. */
  readonly #askers = new Map<number, string>();
  readonly #waiting = new Map<number, Waker<void>>();
  #broken: string | null = null;

  /**
   * Waits until the block of step `n - 1` has ended.
   *
   * **Cancellation:** throws `Cancelled`, and breaks the sequence: all other waits fail.
   *
   * @param n The number of the step; the first is 0 and does not wait.
   * @returns What ends the block when it is disposed: write `using _ = await steps.turn(n)`.
   * @throws {TypeError} If the step has been asked for before.
   * @throws {RangeError} If `n` is no whole number >= 0.
   * @throws {BrokenResourceError} If the wait for another step was cancelled.
   */
  async turn(n: number): Promise<Disposable> {
    if (!Number.isInteger(n) || n < 0) {
      throw new RangeError(`Cannot take a turn as "n" must be a whole number >= 0: received ${n}`);
    }
    if (this.#broken !== null) throw this.#failure(n);
    const asker = this.#askers.get(n);
    if (asker !== undefined) {
      throw new TypeError(
        `Cannot take turn ${n} as each number must be used once: task "${asker}" asked for it before`,
      );
    }
    const me = currentTask().name;
    this.#askers.set(n, me);
    await suspend<void>(
      { kind: "turn", label: () => `${n}, ${this.#state()}` },
      (waker) => {
        this.#waiting.set(n, waker);
        this.#go();
      },
      () => {
        this.#waiting.delete(n);
        this.#broken = `the wait of task "${me}" for turn ${n} was cancelled`;
        for (const [other, waker] of [...this.#waiting]) waker.fail(this.#failure(other));
        this.#waiting.clear();
        return true;
      },
    );
    return { [Symbol.dispose]: () => this.#end(n) };
  }

  /** Lets the next step begin, if its task is here. */
  #go(): void {
    if (this.#holder !== null) return;
    const waker = this.#waiting.get(this.#next);
    if (waker === undefined) return;
    this.#waiting.delete(this.#next);
    this.#holder = this.#askers.get(this.#next) as string;
    waker.wake();
  }

  #end(n: number): void {
    if (n !== this.#next || this.#holder === null) return;
    this.#holder = null;
    this.#next++;
    this.#go();
  }

  #state(): string {
    return this.#holder === null
      ? `while nobody has asked for turn ${this.#next}`
      : `while task "${this.#holder}" is in turn ${this.#next}`;
  }

  #failure(n: number): BrokenResourceError {
    return new BrokenResourceError(`Cannot take turn ${n} as the sequence must not be broken: ${this.#broken}`);
  }
}
