/**
 * Whose cancellation is it?
 *
 * A `Cancelled` belongs to the code it leaves if that code is cancelled, or if a node further out is the cause (a
 * shield may have been put up since). Any other came from elsewhere: through a promise that is shared with a task which
 * was cancelled, from a task that was joined, or because it was kept and thrown again. For this code nothing was
 * cancelled, so it has failed; taken for a cancellation, it would end a nursery, or a server, in silence.
 *
 * Code that awaits the promise itself still sees the `Cancelled`. It is converted where it leaves a task, a scope, the
 * body of a nursery, a handler.
 */

import { derive } from "./error_group.ts";
import { stripCancelled } from "./strip_cancelled.ts";
import { LOOK_INSIDE, rebuild } from "../base/error_tree.ts";
import { type Cancelled, isCancelled } from "./cancelled.ts";
import { CancelledElsewhereError } from "../errors/errors.ts";
import { clean, eachLeaf, isObject, partsOf } from "../base/foreign.ts";
import type { StatusNode } from "./node.ts";

/** One for each: what reaches a nursery on two ways is still one error. */
const made = new WeakMap<Cancelled, CancelledElsewhereError>();

/** The failure that a `Cancelled` from elsewhere is. */
export function cancelledElsewhere(cancelled: Cancelled): CancelledElsewhereError {
  let error = made.get(cancelled);
  if (error === undefined) {
    // Where a block has ended, the message of the cancellation lists the causes.
    const advice = cancelled.source === "ended"
      ? ""
      : " (it was a joined task, or a promise shared with another: share values with Lazy, keep work alive with shielded(), " +
        "wait for it with cancellable())";
    error = new CancelledElsewhereError(
      `Cannot go on as what was awaited was cancelled, and not this code: ${cancelled.message}${advice}`,
      { cause: cancelled },
    );
    // Everybody's: it is the same object for all code that has outlived its block.
    if (cancelled.source !== "ended") made.set(cancelled, error);
  }
  return error;
}

/** An error that leaves code under a node: cancellations from elsewhere, also those inside of it, become failures. */
export function expose(node: StatusNode, error: unknown): unknown {
  if (node.cancelled !== null) return error;
  if (isCancelled(error)) return belongs(node, error) ? error : cancelledElsewhere(error);
  if (!isObject(error) || clean.has(error) || partsOf(error) === null) return error;
  let isClean = true;
  const rest = rebuild(error, (each, isLeaf) => {
    if (!isLeaf) return clean.has(each as object) ? each : LOOK_INSIDE;
    if (!isCancelled(each)) return each;
    isClean = false;
    return belongs(node, each) ? each : cancelledElsewhere(each);
  }, derive);
  if (isClean) clean.add(error);
  return rest;
}

/** What has failed, of an error that leaves code under a node; `NOTHING` if it is a cancellation of that code. */
export function failureOf(node: StatusNode, error: unknown): unknown {
  return stripCancelled(expose(node, error));
}

/** The first cancellation in an error that is nothing else. */
export function someCancelled(error: unknown): Cancelled | null {
  let found: Cancelled | null = null;
  eachLeaf(error, (leaf) => {
    if (isCancelled(leaf)) found = leaf;
    return found === null;
  });
  return found;
}

function belongs(node: StatusNode, cancelled: Cancelled): boolean {
  for (let at: StatusNode | null = node; at !== null; at = at.parent) if (at.own === cancelled) return true;
  return false;
}
