/** What exploring fails with. */

import { withoutFrames } from "../../core/internal.ts";

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
 * async function twoVisits(): Promise<void> {
 *   let count = 0;
 *   const visit = async (delay: number) => {
 *     for (let i = 0; i < delay; i++) await checkpoint();
 *     const before = count;
 *     await checkpoint();
 *     count = before + 1;
 *   };
 *   await openNursery((nursery) => {
 *     nursery.startSoon(() => visit(0), { name: "A" });
 *     nursery.startSoon(() => visit(2), { name: "B" });
 *   });
 *   assertEquals(count, 2);
 * }
 * const error = await explore(twoVisits, { replay: "0/2.2.3" }).catch((error) => error);
 * assertInstanceOf(error, ExploreError);
 * assertEquals(error.replay, "0/2.2.3");
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
    withoutFrames(this);
  }
}
