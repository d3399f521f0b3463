/** Checks of arguments, before any effect: those of every stream here have the messages of a socket's. */

import { show } from "../core/internal.ts";

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

/** Requires a function. */
export function requireFunction(action: string, name: string, fn: unknown): void {
  if (typeof fn !== "function") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a function: received ${typeof fn}`);
  }
}

/** Runs a check and returns what it threw: for functions that return promises, which reject and never throw. */
export function faultOf(check: () => void): unknown {
  try {
    check();
    return null;
  } catch (error) {
    return error;
  }
}
