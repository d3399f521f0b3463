/**
 * Looking at what others have made: getters may throw, proxies may be revoked, errors may hold themselves.
 *
 * Nothing here throws, and nothing loops for ever. The kernel looks at foreign values through these functions alone,
 * as an error in the middle of one of its steps would leave a task that never ends.
 */

import { hasBrand } from "./brand.ts";

/** What nothing can be said of. */
const UNREADABLE = "an object that cannot be looked at";

/** A property; `undefined` if it cannot be read. */
export function read(value: unknown, key: PropertyKey): unknown {
  try {
    return (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  } catch {
    return undefined;
  }
}

/** `value instanceof Class`, for values whose prototype may be a trap. */
export function isInstance<T>(value: unknown, Class: abstract new (...args: never[]) => T): value is T {
  try {
    return value instanceof Class;
  } catch {
    return false;
  }
}

/** Whether something is an object or a function: what can be a key of a WeakMap. */
export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** Whether the host made something as an error, in whatever realm. Node 22 has no `Error.isError()`. */
const isErrorOfHost = (Error as { isError?: (value: unknown) => boolean }).isError ?? ((value: unknown): boolean => {
  try {
    return Object.prototype.toString.call(value) === "[object Error]";
  } catch {
    // A `Symbol.toStringTag` that throws.
    return false;
  }
});

/** Whether something is an error, also one of another realm (`node:vm`, an iframe). */
export function isError(value: unknown): value is Error {
  return isErrorOfHost(value) || isInstance(value, Error);
}

/** The name and message of an error in one line, or what else was thrown. */
export function textOf(error: unknown): string {
  try {
    if (!isError(error)) return `thrown ${typeof error} ${String(error)}`;
    const { name, message } = error;
    return message === "" ? `${name}` : `${name}: ${message}`;
  } catch {
    return UNREADABLE;
  }
}

/**
 * The errors inside an error: of a group, of an `AggregateError` (as from `Promise.any()`), of a `SuppressedError` (as
 * from `using`). `null` if it holds none.
 */
export function partsOf(error: unknown): readonly unknown[] | null {
  if (typeof error !== "object" || error === null) return null;
  if (hasBrand(error, "ErrorGroup") || isKind(error, "AggregateError")) {
    const errors = read(error, "errors");
    try {
      // A list of a hundred million holes would take half a minute to copy.
      return Array.isArray(errors) && errors.length <= MOST_PARTS ? [...errors] : null;
    } catch {
      return null;
    }
  }
  return isKind(error, "SuppressedError") ? [read(error, "error"), read(error, "suppressed")] : null;
}

/** Whether an error is of a class of the language, of this realm or another. */
function isKind(error: object, name: "AggregateError" | "SuppressedError"): boolean {
  // `SuppressedError` is not everywhere yet.
  const Class = (globalThis as unknown as Record<string, (abstract new () => object) | undefined>)[name];
  if (Class !== undefined && isInstance(error, Class)) return true;
  // One of another realm has no class that is known here.
  if (isInstance(error, Error)) return false;
  return isErrorOfHost(error) && read(error, "name") === name;
}

/** Errors known to hold no cancellation: one on its way up through 5,000 nurseries is not searched 5,000 times. */
export const clean = new WeakSet<object>();

/** More than this many errors in one tree are taken for one that makes its members up as one looks. */
export const MOST_PARTS = 1_000_000;

/** Visits the leaves of a tree of errors, depth first, each object once; stops when `visit` returns `false`. */
export function eachLeaf(error: unknown, visit: (leaf: unknown) => boolean, inside = partsOf): void {
  const seen = new Set<unknown>();
  const open: unknown[] = [error];
  for (let count = 0; open.length > 0; count++) {
    const next = open.pop();
    if (isObject(next)) {
      if (seen.has(next)) continue;
      seen.add(next);
    }
    const parts = count < MOST_PARTS ? inside(next) : null;
    if (parts === null) {
      if (!visit(next)) return;
    } else for (let i = parts.length - 1; i >= 0; i--) open.push(parts[i]);
  }
}
