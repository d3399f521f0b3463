/**
 * Taking a tree of errors apart and putting the rest together again.
 *
 * Such trees are made by others, too: deep as a recursion through nurseries, or as an `AsyncDisposableStack` of 50,000
 * that all fail; with the same error in several places; even holding themselves. So they are walked with a stack of our
 * own, and each error in them is looked at once.
 */

import { isObject, MOST_PARTS, partsOf } from "./foreign.ts";

/** What is left of an error of which nothing is left. A symbol, as `undefined` can be thrown too. */
export const NOTHING: unique symbol = Symbol("nothing");

/** What becomes of an error in a tree: itself, another, `NOTHING`; or `LOOK_INSIDE`, which leaves also become. */
export type Change = (error: unknown, isLeaf: boolean) => unknown;

/** Says that the parts of an error decide what becomes of it. */
export const LOOK_INSIDE: unique symbol = Symbol("look inside");

/** An error that is reached again on its way down. */
const CYCLE: unique symbol = Symbol("cycle");

interface Frame {
  readonly error: object;
  readonly parts: readonly unknown[];
  /** What became of the parts so far. */
  readonly results: unknown[];
  /** Whether something became of one of them, or there is none that is no cycle. */
  changed: boolean;
  /** Whether there is a leaf below. */
  leaves: boolean;
}

/**
 * Applies a change to all errors of a tree, from the outside in. An error none of whose parts changed stays itself;
 * otherwise `derive` makes it anew from those that are left. An error that is reached again on its way down (a cycle)
 * is left out of what is made anew. A tree without any leaf, as a group of nothing, becomes `leafless(error)`.
 */
export function rebuild(
  root: unknown,
  change: Change,
  derive: (from: object, parts: readonly unknown[]) => unknown,
  leafless: (error: object) => unknown = itself,
): unknown {
  const done = new Map<unknown, unknown>();
  const stack: Frame[] = [];
  let count = 0;

  /** What becomes of an error; `LOOK_INSIDE` if a frame was pushed for it. */
  const begin = (error: unknown): unknown => {
    if (isObject(error) && done.has(error)) return done.get(error);
    const parts = count++ < MOST_PARTS ? partsOf(error) : null;
    const becomes = change(error, parts === null);
    if (becomes !== LOOK_INSIDE || parts === null) return becomes === LOOK_INSIDE ? error : becomes;
    done.set(error, CYCLE);
    stack.push({ error: error as object, parts, results: [], changed: false, leaves: false });
    return LOOK_INSIDE;
  };

  let result = begin(root);
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as Frame;
    if (top.results.length < top.parts.length) {
      result = begin(top.parts[top.results.length]);
      if (result !== LOOK_INSIDE) keep(top, result, result !== CYCLE);
      continue;
    }
    stack.pop();
    const { error, changed, leaves } = top;
    if (!leaves) result = leafless(error);
    else if (!changed) result = error;
    else {
      const left = leftOf(top);
      result = left.length === 0 ? NOTHING : derive(error, left);
    }
    done.set(error, result);
    if (stack.length > 0) keep(stack[stack.length - 1] as Frame, result, leaves);
  }
  return result;
}

function keep(frame: Frame, result: unknown, leaves: boolean): void {
  const { parts, results } = frame;
  if (result !== CYCLE && result !== parts[results.length]) frame.changed = true;
  if (leaves) frame.leaves = true;
  results.push(result);
}

/**
 * What is left of the parts. One that has become what another is, as the cleanup around an error is stripped, is no
 * second error.
 */
function leftOf({ parts, results }: Frame): unknown[] {
  const kept = new Set(results.filter((part, i) => part === parts[i]));
  return results.filter((part, i) => {
    if (part === NOTHING || part === CYCLE) return false;
    if (part === parts[i] || !isObject(part)) return true;
    const isNew = !kept.has(part);
    kept.add(part);
    return isNew;
  });
}

function itself(error: object): unknown {
  return error;
}
