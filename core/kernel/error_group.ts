/**
 * One error that holds several: what a nursery throws.
 *
 * `AggregateError` is flat data; a tree of failures needs to be taken apart by kind, which is what `split()` and
 * `handleErrors()` do. In the kernel, which puts groups together anew when cancellations are taken out of them.
 */

import { branded, hasBrand, recogniseBrand } from "../base/brand.ts";
import { LOOK_INSIDE, NOTHING, rebuild } from "../base/error_tree.ts";
import { originText } from "./origin.ts";
import { type CutStack, cutStack, shownFrames } from "../base/own_stack.ts";
import { eachLeaf, isInstance, partsOf, read, textOf } from "../base/foreign.ts";

let isListed: (group: ErrorGroup) => boolean;
/** What a group shows below its headline, if it is one of this copy and nobody has set its stack. */
let framesOf: (group: object) => CutStack["frames"] | undefined;
/** For the group that is made next: those of the one it is derived from. */
let inherited: CutStack["frames"] | undefined;

/**
 * A test for errors: an error class, or a predicate.
 *
 * @category Errors
 */
export type ErrorMatch<E = unknown> =
  // deno-lint-ignore no-explicit-any -- a constructor of any shape, abstract ones too
  | (abstract new (...args: any[]) => E)
  | ((error: unknown) => boolean);

/**
 * Several errors that happened in one nursery, in the order in which they happened.
 *
 * A nursery throws a group even for a single error, so handling never depends on how many children failed.
 * Groups nest: a nursery in a nursery gives a group in a group.
 *
 * @example Taking a group apart
 * ```ts
 * import { ErrorGroup } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const group = new ErrorGroup([new TypeError("a"), new RangeError("b")]);
 * const [types, rest] = group.split(TypeError);
 * assertEquals(types?.errors.length, 1);
 * assertEquals(rest?.find(RangeError)?.message, "b");
 * ```
 *
 * @category Errors
 */
export class ErrorGroup extends AggregateError {
  /** The name of the class. */
  override readonly name: "ErrorGroup" = branded(this, "ErrorGroup");
  /** The errors of this level, in completion order. */
  declare readonly errors: unknown[];

  /**
   * Makes a group.
   *
   * @param errors At least one error; they are copied.
   * @param message What failed; by default it lists the errors.
   * @param options `cause`, as for every error.
   * @throws {RangeError} If there is no error.
   */
  constructor(errors: Iterable<unknown>, message?: string, options?: ErrorOptions) {
    const frames = inherited;
    inherited = undefined;
    const list = [...errors];
    if (list.length === 0) {
      throw new RangeError('Cannot make an ErrorGroup as "errors" must hold at least one error: received none');
    }
    super(list, message ?? summary(list), options);
    this.#listed = message === undefined;
    this.#stack = cutStack(this, frames);
  }

  static {
    isListed = (group) => #listed in group && group.#listed;
    framesOf = (group) => #stack in group ? shownFrames(group, group.#stack) : undefined;
  }

  /** Whether the message is a list of the errors, made here. */
  readonly #listed: boolean;
  readonly #stack: CutStack;

  /**
   * Divides the tree in two: the leaves that match and the rest, each with the shape of the original.
   *
   * @param match An error class or a predicate; a predicate is also asked about inner groups as a whole.
   * @returns The matching part and the remaining part; `null` where a part is empty.
   */
  split(match: ErrorMatch): [matched: ErrorGroup | null, rest: ErrorGroup | null] {
    const test = predicate(match);
    const answers = new Map<unknown, boolean>();
    const matches: Test = (error) => {
      const known = answers.get(error);
      if (known !== undefined) return known;
      const answer = test(error);
      answers.set(error, answer);
      return answer;
    };
    const yes = rebuild(
      this,
      (error, isLeaf) => matches(error) ? error : isLeaf ? NOTHING : LOOK_INSIDE,
      derive,
      () => NOTHING,
    );
    const no = rebuild(this, (error, isLeaf) => matches(error) ? NOTHING : isLeaf ? error : LOOK_INSIDE, derive);
    return [asGroup(yes), asGroup(no)];
  }

  /**
   * Keeps only the leaves that match.
   *
   * @param match An error class or a predicate.
   * @returns A group of the same shape, or `null` if nothing matches.
   */
  subgroup(match: ErrorMatch): ErrorGroup | null {
    return this.split(match)[0];
  }

  /**
   * Lists all leaves, depth first.
   *
   * @returns The errors that are not groups themselves.
   */
  flatten(): unknown[] {
    const leaves: unknown[] = [];
    eachLeaf(this, (leaf) => {
      leaves.push(leaf);
      return true;
    }, (error) => isErrorGroup(error) ? partsOf(error) : null);
    return leaves;
  }

  /**
   * Finds the first leaf that matches.
   *
   * @param match An error class or a predicate.
   * @returns The leaf, or `undefined`.
   */
  find<E = unknown>(match: ErrorMatch<E>): E | undefined {
    return this.flatten().find(predicate(match)) as E | undefined;
  }
}

/**
 * Tells whether an error is an `ErrorGroup`, including one made by another copy of this package.
 *
 * @example Unwrapping what may be a group
 * ```ts
 * import { isErrorGroup, openNursery } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const error = await openNursery((nursery) => {
 *   nursery.startSoon(() => Promise.reject(new Error("boom")));
 * }).catch((error) => error);
 * const errors = isErrorGroup(error) ? error.flatten() : [error];
 * assertEquals(errors.map(String), ["Error: boom"]);
 * ```
 *
 * @param error Anything that was thrown.
 * @returns Whether it is an `ErrorGroup`.
 * @category Errors
 */
export function isErrorGroup(error: unknown): error is ErrorGroup {
  return hasBrand(error, "ErrorGroup");
}

type Test = (error: unknown) => boolean;

/** Whether a match is a class, by its having Error, or the keyword, in its nature; anything else is asked. */
export function isErrorClass(match: ErrorMatch): boolean {
  return match === Error || isInstance(match.prototype, Error) ||
    /^class\b/.test(Function.prototype.toString.call(match));
}

/** The question that a match asks; each different error is asked once. */
function predicate(match: ErrorMatch): Test {
  if (typeof match !== "function") {
    throw new TypeError(
      `Cannot match errors as "match" must be an error class or a function: received ${typeof match}`,
    );
  }
  return isErrorClass(match) ? (error) => isInstance(error, match as never) : (match as Test);
}

/** The same error with other parts: class, message of its own, cause and the frames of the stack stay. */
export function derive(from: object, parts: readonly unknown[]): unknown {
  const message = read(from, "message");
  const text = typeof message === "string" ? message : "";
  if (!isErrorGroup(from) && !Array.isArray(read(from, "errors"))) {
    // A SuppressedError: of two one may be left, and needs no wrapping. Not every host has the class.
    if (parts.length === 1) return parts[0];
    return globalThis.SuppressedError === undefined
      ? new ErrorGroup(parts, text)
      : new SuppressedError(parts[0], parts[1], text);
  }
  const cause = read(from, "cause");
  const options = cause === undefined ? undefined : { cause };
  // To render them, only to put another headline above, takes as long as all the rest.
  const frames = inherited = framesOf(from);
  const made = isErrorGroup(from)
    ? new ErrorGroup(parts, isListed(from) ? undefined : text, options)
    : new AggregateError(parts, text, options);
  if (frames !== undefined) return made;
  const stack = read(from, "stack");
  if (typeof stack === "string") {
    const old = `${read(from, "name")}: ${text}`;
    made.stack = stack.startsWith(old) ? `${made.name}: ${made.message}${stack.slice(old.length)}` : stack;
  }
  return made;
}

function asGroup(error: unknown): ErrorGroup | null {
  if (error === NOTHING) return null;
  return isErrorGroup(error) ? error : new ErrorGroup([error]);
}

function summary(errors: readonly unknown[]): string {
  return listed(errors, (error) => `${headline(error)}${isErrorGroup(error) ? "" : originText(error)}`);
}

function listed(errors: readonly unknown[], describe: (error: unknown) => string): string {
  const shown = errors.slice(0, 5).map(describe).join("; ");
  const more = errors.length > 5 ? `; and ${errors.length - 5} more` : "";
  return `${errors.length} ${errors.length === 1 ? "error" : "errors"}: ${shown}${more}`;
}

/** Without looking into groups: those below a headline may be nested deep. */
function brief(error: unknown): string {
  return isErrorGroup(error) ? `(${error.errors.length} more)` : textOf(error);
}

function headline(error: unknown): string {
  if (!isErrorGroup(error)) return textOf(error);
  // Cut, or the message of a deep nest of groups would grow with the square of its depth.
  let message = String(read(error, "message"));
  // Half a place is of no use, and each error shows its own again further down.
  if (message.length > 120 && isListed(error)) message = listed(error.errors, brief);
  return message.length > 120 ? `(${message.slice(0, 119)}…)` : `(${message})`;
}

recogniseBrand(ErrorGroup, "ErrorGroup");
