/** Errors that were not thrown, as another one was thrown first. */

import { suppressedBy } from "../kernel/suppressed.ts";

/**
 * Returns the errors that happened beside the one that was thrown.
 *
 * The combinators (`all()`, `race()`, `map()`, …) and `retry()` throw a single error, as their namesakes do, not a
 * group. This function returns the other errors of the same call: those of siblings that were being cancelled, or of
 * earlier attempts. If several calls throw the same error object, the last call counts.
 *
 * **Not guaranteed:** nothing can be kept for a thrown value that is not an object, such as a string.
 *
 * @example Looking at the second failure
 * ```ts
 * import { all, sleepForever, suppressedErrors } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const error = await all([
 *   () => Promise.reject(new Error("first")),
 *   () => sleepForever().catch(() => Promise.reject(new Error("cleanup failed"))),
 * ]).catch((error) => error);
 * assertEquals(error.message, "first");
 * assertEquals(suppressedErrors(error).map(String), ["Error: cleanup failed"]);
 * ```
 *
 * @param error What was thrown.
 * @returns The others, in the order in which they happened; empty if there were none.
 * @category Errors
 */
export function suppressedErrors(error: unknown): readonly unknown[] {
  return suppressedBy(error);
}
