/**
 * One error that holds several: what a nursery throws.
 *
 * `AggregateError` is flat data; a tree of failures needs to be taken apart by kind, which is what `split()` and
 * `handleErrors()` do (the part that `except*` plays in Python, PEP 654).
 */

import { isCancelled } from "./errors.ts";
import { quiet } from "./_quiet.ts";

const GROUP = Symbol.for("@trefoil/io/ErrorGroup");

/** Which errors are meant: an error class, or a function that says yes or no. */
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
 */
export class ErrorGroup extends AggregateError {
  /** The name of the class. */
  override readonly name = "ErrorGroup";
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
    const list = [...errors];
    if (list.length === 0) {
      throw new RangeError('Cannot make an ErrorGroup as "errors" must hold at least one error: received none');
    }
    super(list, message ?? summary(list), options);
  }

  /** Marks the class for copies of this package. */
  get [GROUP](): true {
    return true;
  }

  /**
   * Divides the tree in two: the leaves that match and the rest, each with the shape of the original.
   *
   * @param match An error class or a predicate; a predicate is also asked about inner groups as a whole.
   * @returns The matching part and the remaining part; `null` where a part is empty.
   */
  split(match: ErrorMatch): [matched: ErrorGroup | null, rest: ErrorGroup | null] {
    const test = predicate(match);
    const [yes, no] = splitTree(this, test);
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
    const open: unknown[] = [this];
    while (open.length > 0) {
      const error = open.pop();
      if (isErrorGroup(error)) { for (let i = error.errors.length - 1; i >= 0; i--) open.push(error.errors[i]); }
      else leaves.push(error);
    }
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
 * Tells whether an error is an `ErrorGroup`, also one made by another copy of this package.
 *
 * @example Unwrapping what may be a group
 * ```ts
 * import { ErrorGroup, isErrorGroup } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * assert(isErrorGroup(new ErrorGroup([new Error("x")])));
 * assert(!isErrorGroup(new AggregateError([])));
 * ```
 *
 * @param error Anything that was thrown.
 * @returns Whether it is an `ErrorGroup`.
 */
export function isErrorGroup(error: unknown): error is ErrorGroup {
  return typeof error === "object" && error !== null && (error as Record<symbol, unknown>)[GROUP] === true;
}

/** A class and what to do with the errors of that class: see `handleErrors()`. */
export type ErrorHandler<R> = readonly [match: ErrorMatch, handle: (group: ErrorGroup) => R | Promise<R>];

/**
 * Runs a function and hands the errors that leave it to the first handler that matches each of them.
 *
 * Works on single errors and on groups alike: a handler always receives an `ErrorGroup`, called at most once.
 * Errors nobody matches are thrown again, as are errors thrown by handlers (together, in one group); a
 * cancellation always passes.
 *
 * **Cancellation:** passes through untouched; the handlers of other errors still run.
 *
 * @example Handling two kinds of failure
 * ```ts
 * import { handleErrors, openNursery } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const seen: string[] = [];
 * await handleErrors(() =>
 *   openNursery((nursery) => {
 *     nursery.startSoon(() => Promise.reject(new TypeError("bad type")));
 *   }), [
 *   [TypeError, (group) => void seen.push(`${group.errors.length} TypeError`)],
 *   [RangeError, (group) => void seen.push(`${group.errors.length} RangeError`)],
 * ]);
 * assertEquals(seen, ["1 TypeError"]);
 * ```
 *
 * @param body What to run.
 * @param handlers Pairs of error class (or predicate) and handler, tried in order.
 * @returns What `body` returned, or `undefined` if an error was handled.
 * @throws {ErrorGroup} If errors remain that no handler matched, or handlers failed.
 */
export function handleErrors<T>(
  body: () => T | Promise<T>,
  handlers: readonly ErrorHandler<unknown>[],
): Promise<T | undefined> {
  return quiet(() => handle(body, handlers));
}

async function handle<T>(
  body: () => T | Promise<T>,
  handlers: readonly ErrorHandler<unknown>[],
): Promise<T | undefined> {
  if (typeof body !== "function") {
    throw new TypeError(`Cannot handle errors as "body" must be a function: received ${typeof body}`);
  }
  try {
    return await body();
  } catch (error) {
    if (isCancelled(error)) throw error;
    const group = isErrorGroup(error) ? error : new ErrorGroup([error]);
    // A cancellation is nobody's to handle.
    const [cancelled, failures] = group.split(isCancelled);
    const remaining: unknown[] = [];
    let rest = failures;
    for (const [match, handle] of handlers) {
      if (rest === null) break;
      const [mine, others]: [ErrorGroup | null, ErrorGroup | null] = rest.split(match);
      if (mine === null) continue;
      rest = others;
      try {
        await handle(mine);
      } catch (thrown) {
        remaining.push(thrown);
      }
    }
    // Nobody wanted any of it: it leaves as it came.
    if (rest === failures && failures !== null) throw error;
    for (const part of [rest, cancelled]) if (part !== null) remaining.push(part);
    if (remaining.length === 0) return undefined;
    throw remaining.length === 1 && isErrorGroup(remaining[0]) ? remaining[0] : new ErrorGroup(remaining);
  }
}

/** What `stripCancelled()` returns when nothing is left. A symbol, as `undefined` can be thrown too. */
export const NOTHING: unique symbol = Symbol("nothing");

/**
 * Takes the cancellations out of what leaves a scope.
 *
 * Returns `NOTHING` when nothing else is left, the same error when there was none in it, and otherwise what
 * remains, in the shape it had. Looks into `ErrorGroup`, plain `AggregateError` (from `Promise.any`) and
 * `SuppressedError` (from `using`).
 */
export function stripCancelled(error: unknown): unknown {
  if (isCancelled(error)) return NOTHING;
  if (error instanceof SuppressedError) {
    const [main, suppressed] = [stripCancelled(error.error), stripCancelled(error.suppressed)];
    if (main === error.error && suppressed === error.suppressed) return error;
    if (main === NOTHING) return suppressed;
    return suppressed === NOTHING ? main : new SuppressedError(main, suppressed, error.message);
  }
  if (!isErrorGroup(error) && !(error instanceof AggregateError)) return error;
  if (stripped.has(error)) return error;
  const kept: unknown[] = [];
  let changed = false;
  for (const inner of error.errors) {
    const rest = stripCancelled(inner);
    if (rest !== NOTHING) kept.push(rest);
    changed ||= rest !== inner;
  }
  const rest = !changed ? error : kept.length > 0 ? derive(error, kept) : NOTHING;
  if (rest !== NOTHING) stripped.add(rest);
  return rest;
}

/** Groups known to hold no cancellation: an error on its way up through 5,000 nurseries is not searched 5,000 times. */
const stripped = new WeakSet<object>();

type Test = (error: unknown) => boolean;

function predicate(match: ErrorMatch): Test {
  if (typeof match !== "function") {
    throw new TypeError(
      `Cannot match errors as "match" must be an error class or a function: received ${typeof match}`,
    );
  }
  const isClass = match === Error || match.prototype instanceof Error ||
    /^class\b/.test(Function.prototype.toString.call(match));
  return isClass ? (error) => error instanceof match : (match as Test);
}

/** Splits a tree into (matching, rest); `NOTHING` for an empty side. Unchanged subtrees keep their identity. */
function splitTree(error: unknown, test: Test): [unknown, unknown] {
  const isNode = isErrorGroup(error) || error instanceof AggregateError;
  if (test(error)) return [error, NOTHING];
  if (!isNode) return [NOTHING, error];
  const yes: unknown[] = [];
  const no: unknown[] = [];
  let changed = false;
  for (const inner of error.errors) {
    const [a, b] = splitTree(inner, test);
    if (a !== NOTHING) yes.push(a);
    if (b !== NOTHING) no.push(b);
    changed ||= b !== inner;
  }
  if (!changed) return [NOTHING, error];
  return [yes.length > 0 ? derive(error, yes) : NOTHING, no.length > 0 ? derive(error, no) : NOTHING];
}

/** The same group with other members: class, message of its own, cause and the frames of the stack stay. */
function derive(from: AggregateError, errors: unknown[]): AggregateError {
  const options = from.cause === undefined ? undefined : { cause: from.cause };
  const own = isErrorGroup(from) && from.message === summary(from.errors) ? undefined : from.message;
  const made = isErrorGroup(from)
    ? new ErrorGroup(errors, own, options)
    : new AggregateError(errors, from.message, options);
  if (from.stack !== undefined) {
    const [was, is] = [from, made].map(({ name, message }) => `${name}: ${message}`) as [string, string];
    made.stack = from.stack.startsWith(was) ? is + from.stack.slice(was.length) : from.stack;
  }
  return made;
}

function asGroup(error: unknown): ErrorGroup | null {
  if (error === NOTHING) return null;
  return isErrorGroup(error) ? error : new ErrorGroup([error]);
}

function summary(errors: readonly unknown[]): string {
  const shown = errors.slice(0, 5).map(headline).join("; ");
  const more = errors.length > 5 ? `; and ${errors.length - 5} more` : "";
  return `${errors.length} ${errors.length === 1 ? "error" : "errors"}: ${shown}${more}`;
}

function headline(error: unknown): string {
  // Cut, or the message of a deep nest of groups would grow with the square of its depth.
  if (isErrorGroup(error)) {
    return error.message.length > 120 ? `(${error.message.slice(0, 119)}…)` : `(${error.message})`;
  }
  if (error instanceof Error) return error.message === "" ? error.name : `${error.name}: ${error.message}`;
  try {
    return `thrown ${typeof error} ${String(error)}`;
  } catch {
    return `thrown ${typeof error}`;
  }
}
