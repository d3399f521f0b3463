/** Asserting which errors come out of a call. */

import {
  composedWait,
  eachLeaf,
  failureOf,
  faultOf,
  ignore,
  isErrorClass,
  isInstance,
  isObject,
  NOTHING,
  partsOf,
  read,
  requireBoolean,
  requireFunction,
  show as shown,
  textOf,
  treeLines,
} from "../../core/internal.ts";
import { type ErrorMatch, isErrorGroup, isOnlyCancelled } from "../../core/mod.ts";
import { cancelShieldedCheckpoint } from "../../core/lowlevel.ts";
import { requireKnown } from "../base/check.ts";

/**
 * The expectation of one error: a class, a predicate, properties, or a group.
 *
 * @category Assertions
 */
export type ErrorExpectation = ErrorMatch | ErrorProperties | GroupExpectation;

/**
 * Properties that an error must have. Properties that are left out may be anything.
 *
 * @category Assertions
 */
export interface ErrorProperties {
  /** The class, or a predicate. */
  readonly type?: ErrorMatch;
  /** The whole message, or a pattern in it. */
  readonly message?: string | RegExp;
  /** The expectation of its `cause`. */
  readonly cause?: ErrorExpectation;
}

/**
 * The expectation of an `ErrorGroup` with exactly these errors: for a group in a group, or for the message of the
 * group.
 *
 * @category Assertions
 */
export interface GroupExpectation {
  /** The expectations of its errors, in any order. */
  readonly group: readonly ErrorExpectation[];
  /** The whole message of the group, or a pattern in it. */
  readonly message?: string | RegExp;
}

/**
 * Options of `expectErrors()`.
 *
 * @category Assertions
 */
export interface ExpectErrorsOptions {
  /**
   * Whether nested groups are taken apart first, so that only the leaves count.
   *
   * @default {false}
   */
  readonly flatten?: boolean;
  /**
   * Whether a single error without a group is accepted where a single one is expected.
   *
   * @default {false}
   */
  readonly allowSingle?: boolean;
  /**
   * Whether all cancellations among the errors are ignored, also those of other scopes than the caller's.
   *
   * @default {false}
   */
  readonly ignoreCancelled?: boolean;
}

/**
 * Asserts that something fails with an `ErrorGroup` of exactly these errors, in any order.
 *
 * It finds the best matching: `[Error, TypeError]` matches a TypeError and an Error in either order. If it fails, the
 * message shows the tree of errors with a mark for each, and the expectations that nothing has matched.
 *
 * **Cancellation:** a cancellation of the caller's own scope is passed on if nothing else was thrown; among other
 * errors it does not count.
 *
 * @example Two children that fail
 * ```ts
 * import { openNursery } from "@trefoil/io";
 * import { expectErrors } from "@trefoil/io/testing";
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
 * @param expected The expectations of the errors; `{ group, message }` to check the message of the group as well.
 * @param options How strictly the shape is compared.
 * @returns The errors, in the order of `expected`.
 * @throws {Error} If it does not fail, or fails with other errors.
 * @throws {TypeError} If `expected` is not a valid expectation; `action` is not called then.
 * @category Assertions
 */
export function expectErrors(
  action: Promise<unknown> | (() => unknown),
  expected: readonly ErrorExpectation[] | GroupExpectation,
  options: ExpectErrorsOptions = {},
): Promise<unknown[]> {
  const fault = faultOf(() => check(action, expected, options));
  if (fault === null) return composedWait(() => examine(action, expected, options));
  // Its outcome was to be looked at here.
  if (typeof action !== "function") Promise.resolve(action).catch(ignore);
  return Promise.reject(fault);
}

async function examine(
  action: Promise<unknown> | (() => unknown),
  expected: readonly ErrorExpectation[] | GroupExpectation,
  options: ExpectErrorsOptions,
): Promise<unknown[]> {
  const whole: GroupExpectation = isList(expected) ? { group: expected } : expected;
  try {
    await (typeof action === "function" ? action() : action);
  } catch (error) {
    if (failureOf(error) === NOTHING) throw error;
    // A loop of actions that fail at once must not starve the event loop.
    await cancelShieldedCheckpoint();
    return judge(error, whole, options);
  }
  throw new Error(`Cannot accept the result as it must be a failure with ${wording(whole)}: it succeeded`);
}

function judge(thrown: unknown, whole: GroupExpectation, options: ExpectErrorsOptions): unknown[] {
  const { flatten = false, allowSingle = false, ignoreCancelled = false } = options;
  const { group: expected, message } = whole;
  const isGroup = isErrorGroup(thrown);
  const isPassedOver = (error: unknown): boolean =>
    isOnlyCancelled(error) && (ignoreCancelled || failureOf(error) === NOTHING);
  const actual = (isGroup ? (flatten ? leavesOf(thrown) : errorsIn(thrown)) : [thrown])
    .filter((error) => !isPassedOver(error));
  const matching = assign(actual, expected);
  const complete = matching.every((at) => at >= 0) && actual.length === expected.length;
  const rightMessage = message === undefined || (isGroup && matchesText(read(thrown, "message"), message));
  if (complete && rightMessage && (isGroup || (allowSingle && expected.length === 1))) {
    return matching.map((at) => actual[at]);
  }
  const lines: string[] = [];
  const matched = new Set(matching.map((at) => actual[at]));
  const missing = expected.filter((_, i) => (matching[i] as number) < 0);
  if (isGroup) {
    lines.push(message === undefined ? "  ErrorGroup" : `  ${rightMessage ? "✓" : "✗"} ${textOf(thrown)}`);
    render(thrown, { flatten, isPassedOver, matched, missing }, lines);
  } else lines.push(`  ${matched.has(thrown) ? "✓" : "✗"} ${headline(thrown)}`);
  for (const one of missing) lines.push(`  nothing matches ${show(one)}`);
  const why = complete && !isGroup
    ? "it must be an ErrorGroup (option allowSingle): a single error was thrown"
    : `it must consist of ${wording(whole)}: received`;
  throw new Error(`Cannot accept the failure as ${why}\n${lines.join("\n")}`, { cause: thrown });
}

/** The errors right in a group. */
function errorsIn(group: unknown): readonly unknown[] {
  return partsOf(group) ?? [];
}

/** The errors in a group and in the groups in it, each once. */
function leavesOf(group: unknown): unknown[] {
  const leaves: unknown[] = [];
  eachLeaf(group, (leaf) => leaves.push(leaf) > 0, (error) => isErrorGroup(error) ? errorsIn(error) : null);
  return leaves;
}

function isList(expected: readonly ErrorExpectation[] | GroupExpectation): expected is readonly ErrorExpectation[] {
  return Array.isArray(expected);
}

function check(action: unknown, expected: unknown, options: ExpectErrorsOptions): void {
  if (typeof read(action, "then") !== "function") requireFunction(ACTION, "action", action);
  requireKnown(ACTION, options, ["flatten", "allowSingle", "ignoreCancelled"]);
  const { flatten = false, allowSingle = false, ignoreCancelled = false } = options;
  for (const [name, value] of Object.entries({ flatten, allowSingle, ignoreCancelled })) {
    requireBoolean(ACTION, name, value);
  }
  if (!Array.isArray(expected) && !(isObject(expected) && Object.hasOwn(expected, "group"))) {
    throw new TypeError(
      `Cannot ${ACTION} as "expected" must be an array of expectations, or { group }: received ${shown(expected)}`,
    );
  }
  const open: unknown[] = Array.isArray(expected) ? [...expected] : [expected];
  const seen = new Set<unknown>();
  while (open.length > 0) {
    const one = open.pop();
    if (seen.has(one)) continue;
    seen.add(one);
    checkOne(one, open);
  }
}

const ACTION = "expect errors";

/** Checks one expectation; those in it are left in `open`. */
function checkOne(one: unknown, open: unknown[]): void {
  if (typeof one === "function") return requireFunction(ACTION, "expected", one);
  if (!isObject(one)) {
    throw new TypeError(
      `Cannot ${ACTION} as each expectation must be a class, a predicate, properties or { group }: received ${
        shown(one)
      }`,
    );
  }
  const { type, message, cause, group } = one as ErrorProperties & Partial<GroupExpectation>;
  requireKnown(ACTION, one, group === undefined ? ["type", "message", "cause"] : ["group", "message"]);
  if (type !== undefined) requireFunction(ACTION, "type", type);
  if (message !== undefined && typeof message !== "string" && !isInstance(message, RegExp)) {
    throw new TypeError(`Cannot ${ACTION} as "message" must be a string or a RegExp: received ${shown(message)}`);
  }
  if (group !== undefined && !Array.isArray(group)) {
    throw new TypeError(`Cannot ${ACTION} as "group" must be an array: received ${shown(group)}`);
  }
  open.push(...group ?? [], ...cause === undefined ? [] : [cause]);
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
    if (!isErrorGroup(error) || !matchesText(read(error, "message"), expected.message)) return false;
    const inner = expected.group;
    const errors = errorsIn(error);
    return errors.length === inner.length && assign(errors, inner).every((at) => at >= 0);
  }
  const { type, message, cause } = expected;
  if (type !== undefined && !matchesType(error, type)) return false;
  if (message !== undefined && !matchesText(read(error, "message"), message)) return false;
  return cause === undefined || matches(read(error, "cause"), cause);
}

function matchesType(error: unknown, match: ErrorMatch): boolean {
  return isErrorClass(match) ? isInstance(error, match as never) : (match as (error: unknown) => boolean)(error);
}

function matchesText(text: unknown, expected: string | RegExp | undefined): boolean {
  if (expected === undefined) return true;
  return typeof expected === "string" ? text === expected : typeof text === "string" && text.search(expected) >= 0;
}

interface Marks {
  readonly flatten: boolean;
  isPassedOver(error: unknown): boolean;
  readonly matched: ReadonlySet<unknown>;
  /** Expectations nothing has matched: a group is compared with the first group among them. */
  readonly missing: readonly ErrorExpectation[];
}

/** Lines that are shown, and how deep: a tree of errors may have any size, and may hold itself. */
const MOST_LINES = 200;
const DEEPEST = 24;

interface Row {
  readonly error: unknown;
  readonly marks: Marks;
  readonly level: number;
  /** Why what is in it is not shown. Written when it is. */
  cut: string;
}

/** Adds a line for each error in a group. */
function render(root: unknown, marks: Marks, lines: string[]): void {
  const seen = new Set<unknown>();
  for (const { node, branch } of treeLines<Row>({ error: root, marks, level: 0, cut: "" }, rowsIn)) {
    const { error, marks, level } = node;
    if (lines.length > MOST_LINES) return void lines.push("  and more");
    const ok = marks.matched.has(error);
    if (!isErrorGroup(error)) {
      lines.push(`  ${branch}${ok ? "✓" : marks.isPassedOver(error) ? "–" : "✗"} ${headline(error)}`);
      continue;
    }
    node.cut = seen.has(error) ? " (shown above)" : level >= DEEPEST ? " (deeper groups are not shown)" : "";
    seen.add(error);
    // The line of the outermost one is there.
    if (level > 0) lines.push(`  ${branch}${marks.flatten ? "" : ok ? "✓ " : "✗ "}ErrorGroup${node.cut}`);
  }
}

/** The errors in a group that is shown. */
function rowsIn({ error, marks, level, cut }: Row): Row[] {
  if (cut !== "" || !isErrorGroup(error)) return [];
  const inner = level === 0 || marks.flatten ? marks : inside(error, marks.matched.has(error), marks);
  return errorsIn(error).map((one) => ({ error: one, marks: inner, level: level + 1, cut: "" }));
}

/** The marks in an inner group: what of it would have matched, if that group is what was meant. */
function inside(group: unknown, ok: boolean, marks: Marks): Marks {
  const errors = errorsIn(group);
  const meant = marks.missing.find((one) => typeof one !== "function" && "group" in one) as
    | GroupExpectation
    | undefined;
  const inner = meant?.group ?? [];
  const matching = assign(errors, inner);
  const matched = ok ? new Set(errors) : new Set(matching.filter((at) => at >= 0).map((at) => errors[at]));
  const missing = ok ? [] : inner.filter((_, j) => (matching[j] as number) < 0);
  return { ...marks, matched, missing };
}

function headline(error: unknown): string {
  return isErrorGroup(error) ? "ErrorGroup" : textOf(error);
}

/** What is expected of the whole. */
function wording(whole: GroupExpectation): string {
  return whole.message === undefined ? list(whole.group) : show(whole);
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
  if ("group" in expected) return `group [${expected.group.map(show).join(", ")}]${message}`;
  const cause = expected.cause === undefined ? "" : ` caused by ${show(expected.cause)}`;
  return `${expected.type === undefined ? "an error" : show(expected.type)}${message}${cause}`;
}
