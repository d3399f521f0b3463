/** Errors that were not thrown, as another one was thrown first. */

import { ErrorGroup } from "./error_group.ts";
import { isCancelled } from "./errors.ts";

const SUPPRESSED = new WeakMap<object, unknown[]>();

/**
 * Returns the errors that happened beside the one that was thrown.
 *
 * The combinators (`all()`, `race()`, `map()`, …) and `retry()` throw the first error itself, as their namesakes do. What else
 * went wrong, in siblings that were being cancelled or in earlier attempts, is kept here.
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
  return SUPPRESSED.get(error as object) ?? [];
}

/** Notes errors beside one that is about to be thrown; returns what to throw. */
export function withSuppressed(error: unknown, others: readonly unknown[]): unknown {
  if (others.length === 0) return error;
  // Nothing can be noted beside a string; a group loses nothing either.
  if (!isObject(error)) return new ErrorGroup([error, ...others]);
  // An error object may be thrown more than once, and even be a constant of the program: it is no news beside itself.
  const all = new Set([...(SUPPRESSED.get(error) ?? []), ...others]);
  all.delete(error);
  SUPPRESSED.set(error, [...all]);
  return error;
}

/** Does what has to be done after a failure; returns what to throw if that fails as well. */
export async function afterFailure(error: unknown, cleanup: () => Promise<void>): Promise<unknown> {
  try {
    await cleanup();
    return error;
  } catch (second) {
    // A cancellation is noticed again by the next wait; an error is not.
    if (isCancelled(second)) return error;
    return isCancelled(error) ? second : withSuppressed(error, [second]);
  }
}

/** What a combinator throws, given what its nursery threw: the first error itself. */
export function firstError(error: unknown): unknown {
  // Its own nursery's group is the outer one; a group that a child threw is an error like any other.
  if (!(error instanceof ErrorGroup)) return error;
  const [first, ...others] = error.errors.filter((each) => !isCancelled(each));
  return withSuppressed(first, others);
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
