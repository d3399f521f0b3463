/** Noting, beside the error that is thrown, those that are not: see `suppressedErrors()`. */

import { NOTHING } from "../base/error_tree.ts";
import { isObject } from "../base/foreign.ts";
import { isCancelled } from "./cancelled.ts";
import { currentNode } from "./context.ts";
import { failureOf } from "./elsewhere.ts";
import { isErrorGroup } from "./error_group.ts";

/** What was noted beside an error, and when last. */
interface Notes {
  readonly at: number;
  readonly errors: readonly unknown[];
}

const SUPPRESSED = new WeakMap<object, Notes>();
/** How many times something was noted. */
let noted = 0;
/**
 * How much is kept of what inner calls have noted. An error may be a constant of the program that many calls throw at a
 * time.
 */
const KEPT = 10;

/** What was noted beside an error. */
export function suppressedBy(error: unknown): readonly unknown[] {
  return SUPPRESSED.get(error as object)?.errors ?? [];
}

/** The beginning of a call, for `withSuppressed()`. */
export function mark(): number {
  return noted;
}

/**
 * Notes errors beside one that is about to leave a call, which began at a mark; returns that one. What was noted beside
 * it before the call belongs to another, and is dropped; without a mark, the latest of it are kept.
 */
export function withSuppressed(error: unknown, others: readonly unknown[], since = 0): unknown {
  if (!isObject(error)) return error;
  const before = SUPPRESSED.get(error);
  const inner = before !== undefined && before.at > since ? before.errors : [];
  // It is no news beside itself.
  const errors = [...new Set([...inner.slice(-KEPT), ...others])].filter((other) => other !== error);
  if (errors.length > 0) SUPPRESSED.set(error, { at: ++noted, errors });
  else SUPPRESSED.delete(error);
  return error;
}

/**
 * Does what has to be done after a failure of a call, and throws the error, or both. Throws, and does not return it:
 * who returns an error through a promise calls its `then`, if it has one.
 */
export async function afterFailure(error: unknown, since: number, cleanup: () => Promise<void>): Promise<never> {
  let thrown = error;
  try {
    await cleanup();
  } catch (second) {
    const node = currentNode();
    const others = failureOf(node, second);
    // A cancellation is noticed again by the next wait; an error is not.
    if (others !== NOTHING) {
      const first = failureOf(node, error);
      thrown = first === NOTHING ? others : withSuppressed(first, [others], since);
    }
  }
  throw thrown;
}

/** What a combinator throws, given what its nursery threw: the first error itself. */
export function firstError(error: unknown, since: number): unknown {
  // Its own nursery's group is the outer one; a group that a child threw is an error like any other.
  if (!isErrorGroup(error)) return error;
  // The nursery puts the cancellation that it has seen beside its errors.
  const [first, ...others] = error.errors.filter((each) => !isCancelled(each));
  return withSuppressed(first, others, since);
}
