/** Errors that happened beside the one that is thrown. */

import { ErrorGroup } from "../../core/mod.ts";
import { isObject, withSuppressed } from "../../core/internal.ts";

/**
 * An error with others noted beside it (`suppressedErrors()`). Nothing can be noted beside a value that is no object:
 * then they are a group.
 */
export function withOthers(error: unknown, others: readonly unknown[]): unknown {
  if (isObject(error) || others.length === 0) return withSuppressed(error, others);
  return new ErrorGroup([error, ...others]);
}
