/** Making tasks take turns in an order the test lays down. */

import { composedWait, currentNode, refusedAfterTurn, taskText } from "../../core/internal.ts";
import { BrokenResourceError, currentTask, type Task } from "../../core/mod.ts";
import { suspend, type Waker } from "../../core/lowlevel.ts";
import { requireWhole } from "../base/check.ts";

/**
 * An order of steps over several tasks: step `n` begins when the block of step `n - 1` has ended.
 *
 * Each number is used once, from 0 on. An error in a block does not stop the sequence. A cancelled wait does: its step
 * will never come, so all other waits, later ones too, fail with `BrokenResourceError`.
 *
 * @example Two tasks hand in hand
 * ```ts
 * import { openNursery } from "@trefoil/io";
 * import { Sequencer } from "@trefoil/io/testing";
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
 *
 * @category Simulation
 */
export class Sequencer {
  /** The step whose turn it is, or will be when the block before has ended. */
  #next = 0;
  /** The task in a block. */
  #holder: Task | null = null;
  /** Which task has asked for which step, of the steps that are not over. */
  readonly #askers = new Map<number, Task>();
  readonly #waiting = new Map<number, Waker<void>>();
  #broken: string | null = null;

  /**
   * Waits until the block of step `n - 1` has ended.
   *
   * **Cancellation:** throws `Cancelled` and breaks the sequence, also in a scope that is cancelled already.
   *
   * @param n The number of the step; the first is 0 and does not wait.
   * @returns A guard that ends the block when it is disposed: write `using _ = await steps.turn(n)`.
   * @throws {TypeError} If the step has been asked for before.
   * @throws {RangeError} If `n` is not a whole number >= 0.
   * @throws {BrokenResourceError} If the wait for another step was cancelled.
   */
  turn(n: number): Promise<Disposable> {
    return composedWait(() => this.#turn(n));
  }

  async #turn(n: number): Promise<Disposable> {
    requireWhole("take a turn", "n", n, 0);
    const node = currentNode();
    const me = currentTask();
    const asker = this.#askers.get(n);
    const used = asker !== undefined || n < this.#next;
    if (node.cancelled !== null) {
      // Refused, it never begins to wait; but its step will not come any more than that of one that was interrupted.
      if (!used) this.#break(n, me);
    } else if (used) {
      const by = asker === undefined ? "it is over" : `${taskText(asker)} asked for it before`;
      return await refusedAfterTurn(
        node,
        new TypeError(`Cannot take turn ${n} as each number must be used once: ${by}`),
      );
    } else if (this.#broken !== null) return await refusedAfterTurn(node, this.#failure(n));
    else this.#askers.set(n, me);
    await suspend<void>(
      { kind: "turn", label: () => `${n}, ${this.#state()}`, holder: () => this.#holder },
      (waker) => {
        this.#waiting.set(n, waker);
        this.#go();
      },
      () => {
        this.#waiting.delete(n);
        this.#break(n, me);
        return true;
      },
    );
    return { [Symbol.dispose]: () => this.#end(n) };
  }

  /** The wait for a step was cancelled. */
  #break(n: number, by: Task): void {
    if (this.#broken !== null) return;
    this.#broken = `the wait of ${taskText(by)} for turn ${n} was cancelled`;
    // Not before those have been cancelled that are cancelled together with it.
    queueMicrotask(() => {
      for (const [other, waker] of [...this.#waiting]) waker.fail(this.#failure(other));
      this.#waiting.clear();
    });
  }

  /** Lets the next step begin, if its task is here. */
  #go(): void {
    if (this.#holder !== null || this.#broken !== null) return;
    const waker = this.#waiting.get(this.#next);
    if (waker === undefined) return;
    this.#waiting.delete(this.#next);
    this.#holder = this.#askers.get(this.#next) as Task;
    waker.wake();
  }

  #end(n: number): void {
    if (n !== this.#next || this.#holder === null) return;
    this.#holder = null;
    this.#askers.delete(n);
    this.#next++;
    this.#go();
  }

  #state(): string {
    return this.#holder === null
      ? `while nobody has asked for turn ${this.#next}`
      : `while ${taskText(this.#holder)} is in turn ${this.#next}`;
  }

  #failure(n: number): BrokenResourceError {
    return new BrokenResourceError(`Cannot take turn ${n} as the sequence must not be broken: ${this.#broken}`);
  }
}
