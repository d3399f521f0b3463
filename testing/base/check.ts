/** Checks of arguments, before any effect: those of every stream here have the messages of a socket's. */

import { requireFunction, show } from "../../core/internal.ts";

export { faultOf, requireFunction } from "../../core/internal.ts";

/** Requires bytes to send. */
export function requireBytes(bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`Cannot send as "bytes" must be a Uint8Array: received ${typeof bytes}`);
  }
}

const encoder = new TextEncoder();

/** Sends a text as bytes. */
export function encodeText(text: unknown, send: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  if (typeof text === "string") return send(encoder.encode(text));
  return Promise.reject(new TypeError(`Cannot send as "text" must be a string: received ${show(text)}`));
}

/** Requires the most to receive. */
export function requireMax(max: unknown): void {
  if (typeof max !== "number") {
    throw new TypeError(`Cannot receive as "max" must be a number: received ${typeof max}`);
  }
  requireWhole("receive", "max", max, 1);
}

/** Requires a buffer to receive into. */
export function requireBuffer(buffer: unknown): void {
  if (!(buffer instanceof Uint8Array)) {
    throw new TypeError(`Cannot receive as "buffer" must be a Uint8Array: received ${typeof buffer}`);
  }
  if (buffer.length === 0) throw new RangeError('Cannot receive as "buffer" must hold at least one byte');
}

/** Requires a whole number >= `least`. */
export function requireWhole(action: string, name: string, value: unknown, least: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a number: received ${typeof value}`);
  }
  if (!Number.isInteger(value) || value < least) {
    throw new RangeError(`Cannot ${action} as "${name}" must be a whole number >= ${least}: received ${value}`);
  }
}

/** Requires a number of milliseconds >= 0. */
export function requireMilliseconds(action: string, name: string, value: unknown): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a number: received ${typeof value}`);
  }
  if (!(value >= 0)) throw new RangeError(`Cannot ${action} as "${name}" must be >= 0: received ${value}`);
}

/** Requires an object that holds known options only: one that is misspelt would do nothing. */
export function requireOptions(action: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Cannot ${action} as "options" must be an object: received ${show(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new TypeError(`Cannot ${action} as its options must be among ${list(known)}: received ${show(name)}`);
  }
}

/** Requires an option, if it is given, to be one of several words. */
export function requireWord(action: string, name: string, value: unknown, words: readonly string[]): void {
  if (value === undefined || words.includes(value as string)) return;
  throw new RangeError(`Cannot ${action} as "${name}" must be ${list(words, "or")}: received ${show(value)}`);
}

/** Requires an option, if it is given, to be true or false. */
export function requireFlag(action: string, name: string, value: unknown): void {
  if (value === undefined || typeof value === "boolean") return;
  throw new TypeError(`Cannot ${action} as "${name}" must be true or false: received ${show(value)}`);
}

/** Requires a method, if it is there. */
export function requireOptionalFunction(action: string, name: string, fn: unknown): void {
  if (fn !== undefined) requireFunction(action, name, fn);
}

function list(words: readonly string[], last = "and"): string {
  const quoted = words.map((word) => `"${word}"`);
  const end = quoted.pop() ?? "";
  return quoted.length === 0 ? end : `${quoted.join(", ")} ${last} ${end}`;
}
