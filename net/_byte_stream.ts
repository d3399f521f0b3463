/** What all byte streams have in common: which arguments they take, how they are iterated, how a chunk is handed out. */

import { quietly } from "./_quietly.ts";

/** What is wrong with the `max` of `receiveSome()`. */
export function faultOfMax(max: unknown): Error | null {
  if (typeof max !== "number") return new TypeError(`Cannot receive as "max" must be a number: received ${typeof max}`);
  if (Number.isInteger(max) && max >= 1) return null;
  return new RangeError(`Cannot receive as "max" must be a whole number >= 1: received ${max}`);
}

/** What is wrong with the buffer of `receiveInto()`. */
export function faultOfTarget(buffer: unknown): Error | null {
  if (!(buffer instanceof Uint8Array)) {
    return new TypeError(`Cannot receive as "buffer" must be a Uint8Array: received ${typeof buffer}`);
  }
  return buffer.length > 0 ? null : new RangeError('Cannot receive as "buffer" must hold at least one byte');
}

/** What is wrong with the bytes of `sendAll()`. */
export function faultOfBytes(bytes: unknown): Error | null {
  if (bytes instanceof Uint8Array) return null;
  return new TypeError(`Cannot send as "bytes" must be a Uint8Array: received ${typeof bytes}`);
}

/**
 * The beginning of a chunk for its receiver, and the rest that stays with the stream, if any. They do not share their
 * memory: what is received belongs to the receiver, who may transfer it.
 */
export function divide(chunk: Uint8Array, max: number): [part: Uint8Array, rest: Uint8Array | null] {
  return chunk.length <= max ? [chunk, null] : [chunk.slice(0, max), chunk.subarray(max)];
}

/** Gives chunks until the end. Leaving the loop does not close the stream. */
export function chunksOf(stream: { receiveSome(): Promise<Uint8Array | null> }): AsyncIterator<Uint8Array> {
  return {
    next: () =>
      quietly(
        stream.receiveSome().then((value) =>
          value === null ? { done: true, value: undefined } : { done: false, value }
        ),
      ),
  };
}
