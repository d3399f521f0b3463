/** What exploring fails with. */

import { withoutStack } from "../driver/words.ts";

/**
 * Thrown by `explore()`, and by `simulated()` with option `runs`, when a body fails under some schedule. The message
 * says what failed, in which order the tasks went on, and how to run it again; `cause` is the error itself.
 *
 * @example The schedule that fails, run again
 * ```ts
 * import { checkpoint, openNursery } from "@trefoil/io";
 * import { explore, ExploreError } from "@trefoil/io/testing";
 * import { assertEquals, assertInstanceOf } from "@std/assert";
 *
 * async function twoWithdrawals(): Promise<void> {
 *   let balance = 100;
 *   const withdraw = async () => {
 *     const before = balance;
 *     await checkpoint();
 *     balance = before - 60;
 *   };
 *   await openNursery((nursery) => {
 *     nursery.startSoon(withdraw, { name: "A" });
 *     nursery.startSoon(withdraw, { name: "B" });
 *   });
 *   assertEquals(balance, -20);
 * }
 * const first = await explore(twoWithdrawals, { replay: "0/4.2.5" }).catch((error) => error);
 * assertInstanceOf(first, ExploreError);
 * assertEquals(first.replay, "0/4.2.5");
 * ```
 *
 * @category Simulation
 */
export class ExploreError extends Error {
  /** The name of the class. */
  override readonly name = "ExploreError";
  /** The run, for `ExploreOptions.replay`; `null` if it cannot be run again. */
  readonly replay: string | null;

  /**
   * Makes the error.
   *
   * @param message What failed, and how.
   * @param options The run, and `cause`, as for every error.
   */
  constructor(message: string, options: ErrorOptions & { readonly replay: string | null }) {
    super(message, options);
    this.replay = options.replay;
    withoutStack(this);
  }
}
