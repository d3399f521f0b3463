/** Checks of arguments that only the tools for tests have, besides those of the core. They run before any effect. */

import { requireOptions, show } from "../../core/internal.ts";

/** Requires a whole number >= `least`. */
export function requireWhole(action: string, name: string, value: unknown, least: number): void {
  requireNumber(action, name, value);
  if (!Number.isInteger(value) || value < least) {
    throw new RangeError(`Cannot ${action} as "${name}" must be a whole number >= ${least}: received ${value}`);
  }
}

/** Requires a length of time that passes. */
export function requireFinite(action: string, name: string, value: unknown): void {
  requireNumber(action, name, value);
  if (!(value >= 0 && value < Infinity)) {
    throw new RangeError(`Cannot ${action} as "${name}" must be a finite number >= 0: received ${value}`);
  }
}

/** Requires a seed: each of its bits counts, so it must be one of the whole numbers that JavaScript tells apart. */
export function requireSeed(action: string, seed: unknown): void {
  requireNumber(action, "seed", seed);
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`Cannot ${action} as "seed" must be a safe integer: received ${seed}`);
  }
}

function requireNumber(action: string, name: string, value: unknown): asserts value is number {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a number: received ${show(value)}`);
  }
}

/** Requires options with known names only: one that is misspelt would do nothing. */
export function requireKnown(action: string, options: unknown, known: readonly string[]): void {
  requireOptions(action, options);
  for (const name of Object.keys(options ?? {})) {
    if (known.includes(name)) continue;
    throw new TypeError(`Cannot ${action} as its options must be among ${list(known)}: received ${show(name)}`);
  }
}

/** Requires an option, if it is given, to be one of several words. */
export function requireWord(action: string, name: string, value: unknown, words: readonly string[]): void {
  if (value === undefined || words.includes(value as string)) return;
  throw new RangeError(`Cannot ${action} as "${name}" must be ${list(words, "or")}: received ${show(value)}`);
}

function list(words: readonly string[], last = "and"): string {
  const quoted = words.map((word) => `"${word}"`);
  const end = quoted.pop() ?? "";
  return quoted.length === 0 ? end : `${quoted.join(", ")} ${last} ${end}`;
}
