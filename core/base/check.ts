/** Checks of arguments, with the house's message. They run before any effect. */

import { read } from "./foreign.ts";
import type { NamedOptions } from "./named.ts";

/** Requires a number that is not `NaN`: an absolute time. */
export function requireTime(action: string, name: string, value: unknown): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a number: received ${show(value)}`);
  }
  if (Number.isNaN(value)) {
    throw new RangeError(`Cannot ${action} as "${name}" must be a time in milliseconds: received NaN`);
  }
}

/** Requires a number >= 0: a length of time. */
export function requireTimeout(action: string, name: string, value: unknown): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a number: received ${show(value)}`);
  }
  if (!(value >= 0)) throw new RangeError(`Cannot ${action} as "${name}" must be >= 0: received ${value}`);
}

const [PLAIN, ASYNC, ...GENERATORS] = [() => {}, async () => {}, function* () {}, async function* () {}].map((fn) =>
  Object.getPrototypeOf(fn)
);

/** Requires a function whose body runs when it is called. */
export function requireFunction(action: string, name: string, value: unknown): void {
  if (typeof value === "function") {
    const kind = Object.getPrototypeOf(value);
    if (kind === ASYNC || kind === PLAIN) return;
    // Its body would never run: calling it only makes a generator.
    if (!GENERATORS.includes(kind)) return;
    throw new TypeError(
      `Cannot ${action} as "${name}" must be a plain or async function: received a generator function`,
    );
  }
  const hint = typeof read(value, "then") === "function"
    ? "a promise: write () => work() instead of work()"
    : show(value);
  throw new TypeError(`Cannot ${action} as "${name}" must be a function: received ${hint}`);
}

/** Requires `true` or `false`. */
export function requireBoolean(action: string, name: string, value: unknown): void {
  if (typeof value !== "boolean") {
    throw new TypeError(`Cannot ${action} as "${name}" must be true or false: received ${show(value)}`);
  }
}

/** Requires a text, where one is given. */
export function requireText(action: string, name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "string") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a string: received ${show(value)}`);
  }
}

/** Requires an object of options, where one is given. */
export function requireOptions(action: string, value: unknown): void {
  if (value === undefined || (typeof value === "object" && value !== null)) return;
  throw new TypeError(`Cannot ${action} as "options" must be an object: received ${show(value)}`);
}

/**
 * Requires options, where some are given, with a text for a name, where there is one; returns that, or an empty one.
 */
export function requireName(action: string, options: NamedOptions | undefined): string {
  requireOptions(action, options);
  const name = options?.name;
  requireText(action, "name", name);
  return name ?? "";
}

/** Requires a whole number in a range. */
export function requireInteger(action: string, name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a number: received ${show(value)}`);
  }
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(
      `Cannot ${action} as "${name}" must be a whole number from ${least} to ${most}: received ${value}`,
    );
  }
}

/** Requires a whole number >= 0, or `Infinity`. */
export function requireCount(action: string, name: string, value: unknown): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a number: received ${show(value)}`);
  }
  if (!(value >= 0) || (value !== Infinity && !Number.isInteger(value))) {
    throw new RangeError(`Cannot ${action} as "${name}" must be a whole number >= 0 or Infinity: received ${value}`);
  }
}

/** What a check throws, for functions that return a promise and so must not throw themselves; `null` if all is well. */
export function faultOf(check: () => void): unknown {
  try {
    check();
    return null;
  } catch (error) {
    return error;
  }
}

/** A value in an error message, short. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 39)}…` : value);
  if (typeof value === "object") {
    const name = read(read(value, "constructor"), "name");
    return `an object of type ${typeof name === "string" ? name : "null prototype"}`;
  }
  return typeof value === "function" ? "a function" : String(value);
}

/** Throws a fault, if there is one. */
export function throwFault(fault: unknown): void {
  if (fault !== null) throw fault;
}
