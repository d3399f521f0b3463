/**
 * Taking a tree of errors apart and putting the rest together again.
 *
 * Such trees are made by others, too: deep as a recursion through nurseries, or as an `AsyncDisposableStack` of 50,000
 * that all fail; with the same error in several places; even holding themselves. So they are walked with a stack of our
 * own, and each error in them is looked at once.
 */

import { isObject, MOST_PARTS, partsOf } from "./_foreign.ts";

/** What is left of an error of which nothing is left. A symbol, as `undefined` can be thrown too. */
export const NOTHING: unique symbol = Symbol("nothing");

/** What becomes of an error in a tree: itself, another, `NOTHING`; or `LOOK_INSIDE`, which leaves also become. */
export type Change = (error: unknown, isLeaf: boolean) => unknown;

/** Says that the parts of an error decide what becomes of it. */
export const LOOK_INSIDE: unique symbol = Symbol("look inside");

interface Frame {
  readonly error: object;
  readonly parts: readonly unknown[];
  /** What became of the parts so far; `null` until one changes. */
  changed: unknown[] | null;
  at: number;
}

/**
 * Applies a change to all errors of a tree, from the outside in. An error none of whose parts changed stays itself;
 * otherwise `derive` makes it anew from those that are left. An error that is reached again on its way down (a cycle)
 * stays as it is.
 */
export function rebuild(
  root: unknown,
  change: Change,
  derive: (from: object, parts: readonly unknown[]) => unknown,
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
    done.set(error, error);
    stack.push({ error: error as object, parts, changed: null, at: 0 });
    return LOOK_INSIDE;
  };

  let result = begin(root);
  while (stack.length > 0) {
    const top = stack[stack.length - 1] as Frame;
    if (top.at < top.parts.length) {
      result = begin(top.parts[top.at]);
      if (result !== LOOK_INSIDE) keep(top, result);
      continue;
    }
    stack.pop();
    const { error, changed } = top;
    result = changed === null ? error : changed.length === 0 ? NOTHING : derive(error, changed);
    done.set(error, result);
    if (stack.length > 0) keep(stack[stack.length - 1] as Frame, result);
  }
  return result;
}

function keep(frame: Frame, result: unknown): void {
  const { parts, at } = frame;
  if (frame.changed === null && result !== parts[at]) frame.changed = parts.slice(0, at);
  if (result !== NOTHING) frame.changed?.push(result);
  frame.at++;
}
