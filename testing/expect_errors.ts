/** Asserting which errors come out, however they are packed. */

import { type ErrorMatch, isCancelled, isErrorGroup } from "../core/mod.ts";

/** What is expected of one error: a class, a predicate, its properties, or a group made by `group()`. */
export type ErrorExpectation = ErrorMatch | ErrorProperties | GroupExpectation;

/** Properties an error must have; those not mentioned may be anything. */
export interface ErrorProperties {
  /** The class, or a predicate. */
  readonly type?: ErrorMatch;
  /** The whole message, or a pattern in it. */
  readonly message?: string | RegExp;
  /** What its `cause` must be. */
  readonly cause?: ErrorExpectation;
}

/** An `ErrorGroup` with exactly these errors: see `group()`. */
export interface GroupExpectation {
  /** What its errors must be, in any order. */
  readonly group: readonly ErrorExpectation[];
  /** The whole message of the group, or a pattern in it. */
  readonly message?: string | RegExp;
}

/** How strictly the shape is compared. */
export interface ExpectErrorsOptions {
  /**
   * Whether groups in the group are taken apart first, so that only the leaves count.
   *
   * @default {false}
   */
  readonly flatten?: boolean;
  /**
   * Whether a single error without a group will do, if a single one is expected.
   *
   * @default {false}
   */
  readonly allowSingle?: boolean;
  /**
   * Whether `Cancelled` among the errors is passed over.
   *
   * @default {false}
   */
  readonly ignoreCancelled?: boolean;
}

/**
 * Expects a group in the group: for `expectErrors()`.
 *
 * @example A nursery in a nursery
 * ```ts
 * import { expectErrors, group, openNursery } from "@trefoil/io";
 *
 * await expectErrors(() =>
 *   openNursery(() =>
 *     openNursery(() => {
 *       throw new TypeError("inner");
 *     })
 *   ), [group([TypeError])]);
 * ```
 *
 * @param errors What its errors must be, in any order.
 * @param message The whole message of the group, or a pattern in it.
 * @returns The expectation.
 */
export function group(errors: readonly ErrorExpectation[], message?: string | RegExp): GroupExpectation {
  return message === undefined ? { group: errors } : { group: errors, message };
}

/**
 * Asserts that something fails with an `ErrorGroup` of exactly these errors, in any order.
 *
 * The matching is the best one there is, not the first that comes along: `[Error, TypeError]` matches a TypeError and
 * an Error in either order. A failure shows the tree of errors with a mark for each, and what nothing matched.
 *
 * **Cancellation:** that of the caller's own scope is not told from the errors of the call: use it where none is near.
 *
 * @example Two children that fail
 * ```ts
 * import { expectErrors, openNursery } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const [type] = await expectErrors(() =>
 *   openNursery((nursery) => {
 *     nursery.startSoon(() => Promise.reject(new RangeError("too far")));
 *     nursery.startSoon(() => Promise.reject(new TypeError("no number")));
 *   }), [TypeError, { message: /far/ }]);
 * assertEquals((type as Error).message, "no number");
 * ```
 *
 * @param action A promise, or a function that is called.
 * @param expected What the errors must be.
 * @param options How strictly the shape is compared.
 * @returns The errors, in the order of `expected`.
 * @throws {Error} If it does not fail, or with other errors.
 */
export async function expectErrors(
  action: Promise<unknown> | (() => unknown),
  expected: readonly ErrorExpectation[],
  options: ExpectErrorsOptions = {},
): Promise<unknown[]> {
  let thrown: unknown;
  try {
    await (typeof action === "function" ? action() : action);
  } catch (error) {
    thrown = error;
    return judge(thrown, expected, options);
  }
  throw new Error(`Cannot accept the result as it must be a failure with ${list(expected)}: it succeeded`);
}

function judge(thrown: unknown, expected: readonly ErrorExpectation[], options: ExpectErrorsOptions): unknown[] {
  const { flatten = false, allowSingle = false, ignoreCancelled = false } = options;
  const isGroup = isErrorGroup(thrown);
  const actual = (isGroup ? (flatten ? thrown.flatten() : thrown.errors) : [thrown])
    .filter((error) => !(ignoreCancelled && isCancelled(error)));
  const matching = assign(actual, expected);
  const complete = matching.every((at) => at >= 0) && actual.length === expected.length;
  if (complete && (isGroup || allowSingle && expected.length === 1)) return matching.map((at) => actual[at]);
  const lines: string[] = [];
  const matched = new Set(matching.map((at) => actual[at]));
  const missing = expected.filter((_, i) => (matching[i] as number) < 0);
  if (isGroup) {
    lines.push(`  ErrorGroup`);
    render(thrown.errors, "  ", { flatten, ignoreCancelled, matched, missing }, lines);
  } else lines.push(`  ${complete ? "✓" : matched.has(thrown) ? "✓" : "✗"} ${headline(thrown)}`);
  for (const one of missing) lines.push(`  nothing matches ${show(one)}`);
  const why = complete
    ? "it must be an ErrorGroup (option allowSingle): a single error was thrown"
    : `it must consist of ${list(expected)}: received`;
  throw new Error(`Cannot accept the failure as ${why}\n${lines.join("\n")}`, { cause: thrown });
}

/**
 * Finds for each expectation an error of its own, for as many as possible (Kuhn's algorithm): index, or -1.
 */
function assign(actual: readonly unknown[], expected: readonly ErrorExpectation[]): number[] {
  const takenBy = new Map<number, number>();
  const fits = expected.map((one) => actual.map((error) => matches(error, one)));
  const place = (i: number, tried: Set<number>): boolean => {
    for (let at = 0; at < actual.length; at++) {
      if (!fits[i]?.[at] || tried.has(at)) continue;
      tried.add(at);
      const other = takenBy.get(at);
      if (other !== undefined && !place(other, tried)) continue;
      takenBy.set(at, i);
      return true;
    }
    return false;
  };
  expected.forEach((_, i) => place(i, new Set()));
  const result = expected.map(() => -1);
  for (const [at, i] of takenBy) result[i] = at;
  return result;
}

function matches(error: unknown, expected: ErrorExpectation): boolean {
  if (typeof expected === "function") return matchesType(error, expected);
  if ("group" in expected) {
    if (!isErrorGroup(error) || !matchesText(error.message, expected.message)) return false;
    const inner = expected.group;
    return error.errors.length === inner.length && assign(error.errors, inner).every((at) => at >= 0);
  }
  const { type, message, cause } = expected;
  if (type !== undefined && !matchesType(error, type)) return false;
  if (message !== undefined && !matchesText((error as Error | undefined)?.message, message)) return false;
  return cause === undefined || matches((error as Error | undefined)?.cause, cause);
}

/** A class is what has Error, or the keyword, in its nature; anything else is asked. */
function matchesType(error: unknown, match: ErrorMatch): boolean {
  return isErrorClass(match) ? error instanceof match : (match as (error: unknown) => boolean)(error);
}

function isErrorClass(match: ErrorMatch): boolean {
  return match === Error || match.prototype instanceof Error ||
    /^class\b/.test(Function.prototype.toString.call(match));
}

function matchesText(text: string | undefined, expected: string | RegExp | undefined): boolean {
  if (expected === undefined) return true;
  return typeof expected === "string" ? text === expected : text !== undefined && text.search(expected) >= 0;
}

interface Marks {
  readonly flatten: boolean;
  readonly ignoreCancelled: boolean;
  readonly matched: ReadonlySet<unknown>;
  /** Expectations nothing has matched: a group is compared with the first group among them. */
  readonly missing: readonly ErrorExpectation[];
}

function render(errors: readonly unknown[], indent: string, marks: Marks, lines: string[]): void {
  errors.forEach((error, i) => {
    const last = i === errors.length - 1;
    const branch = `${indent}${last ? "└─ " : "├─ "}`;
    const below = `${indent}${last ? "   " : "│  "}`;
    const ok = marks.matched.has(error);
    if (!isErrorGroup(error)) {
      const mark = ok ? "✓" : marks.ignoreCancelled && isCancelled(error) ? "–" : "✗";
      lines.push(`${branch}${mark} ${headline(error)}`);
      return;
    }
    lines.push(`${branch}${marks.flatten ? "" : ok ? "✓ " : "✗ "}ErrorGroup`);
    if (marks.flatten) return render(error.errors, below, marks, lines);
    // What of an inner group would have matched, if that is what was meant.
    const meant = marks.missing.find((one) => typeof one !== "function" && "group" in one) as
      | GroupExpectation
      | undefined;
    const inner = meant?.group ?? [];
    const matching = assign(error.errors, inner);
    const matched = ok
      ? new Set(error.errors)
      : new Set(matching.filter((at) => at >= 0).map((at) => error.errors[at]));
    const missing = ok ? [] : inner.filter((_, j) => (matching[j] as number) < 0);
    render(error.errors, below, { ...marks, matched, missing }, lines);
  });
}

function headline(error: unknown): string {
  if (error instanceof Error) return error.message === "" ? error.name : `${error.name}: ${error.message}`;
  return `thrown ${typeof error} ${String(error)}`;
}

function list(expected: readonly ErrorExpectation[]): string {
  return expected.length === 0 ? "no error at all" : expected.map(show).join(", ");
}

function show(expected: ErrorExpectation): string {
  if (typeof expected === "function") {
    return isErrorClass(expected) ? expected.name : `an error for which ${expected.name || "the predicate"} holds`;
  }
  const message = expected.message === undefined
    ? ""
    : ` with message ${expected.message instanceof RegExp ? expected.message : JSON.stringify(expected.message)}`;
  if ("group" in expected) return `group(${list(expected.group)})${message}`;
  const cause = expected.cause === undefined ? "" : ` caused by ${show(expected.cause)}`;
  return `${expected.type === undefined ? "an error" : show(expected.type)}${message}${cause}`;
}
