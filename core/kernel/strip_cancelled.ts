/** Trees of errors without the cancellations in them. */

import { LOOK_INSIDE, NOTHING, rebuild } from "../base/error_tree.ts";
import { clean, isObject } from "../base/foreign.ts";
import { isCancelled } from "./cancelled.ts";
import { derive } from "./error_group.ts";

/**
 * Takes the cancellations out of what leaves a scope.
 *
 * Returns `NOTHING` when nothing else is left, the same error when there was none in it, and otherwise what
 * remains, in the shape it had.
 */
export function stripCancelled(error: unknown): unknown {
  if (isCancelled(error)) return NOTHING;
  const rest = rebuild(error, withoutCancelled, derive);
  if (rest !== NOTHING && isObject(rest)) clean.add(rest);
  return rest;
}

function withoutCancelled(error: unknown, isLeaf: boolean): unknown {
  if (isLeaf) return isCancelled(error) ? NOTHING : error;
  return clean.has(error as object) ? error : LOOK_INSIDE;
}
