/** What all byte streams have in common, real and simulated: which arguments they take, how a chunk is handed out. */

import { faultOf, requireOptions, show } from "./check.ts";

/** How much is received at most where nobody says how much, in bytes. What Trio and Deno's own streams use. */
export const CHUNK = 64 * 1024;
/** Up to this size, in bytes, a chunk is copied, and a buffer begins with it: most connections of a busy server are idle. */
export const SMALL_CHUNK = 8 * 1024;

const encoder = new TextEncoder();

/** What is wrong with the `max` of `receiveSome()`. */
export function faultOfMax(max: unknown): Error | null {
  if (typeof max !== "number") return new TypeError(`Cannot receive as "max" must be a number: received ${show(max)}`);
  if (Number.isInteger(max) && max >= 1) return null;
  return new RangeError(`Cannot receive as "max" must be a whole number >= 1: received ${max}`);
}

/** What is wrong with options. */
export function faultOfOptions(action: string, options: unknown): unknown {
  return typeof options === "object" && options !== null ? null : faultOf(() => requireOptions(action, options));
}

/** What is wrong with the buffer of `receiveInto()`. */
export function faultOfTarget(buffer: unknown): Error | null {
  if (!(buffer instanceof Uint8Array)) {
    return new TypeError(`Cannot receive as "buffer" must be a Uint8Array: received ${show(buffer)}`);
  }
  return buffer.length > 0 ? null : new RangeError('Cannot receive as "buffer" must hold at least one byte');
}

/** What is wrong with the bytes of `sendAll()`. */
export function faultOfBytes(bytes: unknown): Error | null {
  if (bytes instanceof Uint8Array) return null;
  return new TypeError(`Cannot send as "bytes" must be a Uint8Array: received ${show(bytes)}`);
}

/** What is wrong with a number of bytes that an operation says it has moved, of at most `most`. */
export function faultOfSize(size: unknown, most: number): Error | null {
  if (Number.isInteger(size) && (size as number) >= 1 && (size as number) <= most) return null;
  return new RangeError(
    `Cannot go on as a read or write must move 1 to ${most} bytes (null is the end): it said ${show(size)}`,
  );
}

/** Sends a text as bytes. */
export function encodeText(text: unknown, send: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  if (typeof text === "string") return send(encoder.encode(text));
  return Promise.reject(new TypeError(`Cannot send as "text" must be a string: received ${show(text)}`));
}

/**
 * The beginning of a chunk for its receiver, and the rest that stays with the stream, if any. They do not share their
 * memory: what is received belongs to the receiver, who may transfer it.
 */
export function splitChunk(chunk: Uint8Array, max: number): [part: Uint8Array, rest: Uint8Array | null] {
  return chunk.length <= max ? [chunk, null] : [chunk.slice(0, max), chunk.subarray(max)];
}
