/**
 * Closing several things of others, whose `close()` may throw.
 *
 * All are closed, whatever one does. The first error comes out, the rest is noted beside it (`suppressedErrors()`); and
 * none replaces an error that is on its way already. Only a cancellation gives way: the next wait notices it again.
 */

import { isOnlyCancelled } from "../../core/mod.ts";
import { withOthers } from "../base/with_others.ts";
import { closeAll } from "./host_call.ts";

/**
 * Throws the first of the errors, with the others beside it; nothing if there are none. A failure comes before
 * cancellations.
 */
export function throwFirst(errors: readonly unknown[]): void {
  if (errors.length === 0) return;
  const failures = errors.filter((error) => !isOnlyCancelled(error));
  const [first, ...others] = failures.length > 0 ? failures : errors;
  throw withOthers(first, others);
}

/** Runs a body, and closes everything once it has ended, however it has ended. */
export async function thenClose<T>(
  resources: readonly { close(): unknown }[],
  body: () => Promise<T>,
): Promise<T> {
  let value: T;
  try {
    value = await body();
  } catch (error) {
    throwFirst([error, ...closeAll(...resources)]);
    throw error;
  }
  throwFirst(closeAll(...resources));
  return value;
}
