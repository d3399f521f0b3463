/** Errors that were not thrown, as another one was thrown first. */

import { suppressedBy } from "../kernel/suppressed.ts";

/**
 * Returns the errors that happened beside the one that was thrown.
 *
 * The combinators (`all()`, `race()`, `map()`, …) and `retry()` throw the first error itself, as their namesakes do. What else
 * went wrong in the same call, in siblings that were being cancelled or in earlier attempts, is kept here. If one error
 * object is thrown by several calls, this tells of the last one.
 *
 * **Not guaranteed:** nothing can be kept beside a thrown value that is no object, such as a string.
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
 */
export function suppressedErrors(error: unknown): readonly unknown[] {
  return suppressedBy(error);
}
