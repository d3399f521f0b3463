/**
 * Messages as bytes, for processes: a magic byte, the length in four bytes, the value as `node:v8` writes it. Imports
 * nothing: it is used in workers as well.
 *
 * What a module prints on its stdout past `console` gets between the frames, and breaks the magic: that is an error
 * with a sentence of its own.
 */

const MAGIC = 0xf7;
const HEAD = 5;

/** The most bytes that a message between processes may have. */
export const MAX_MESSAGE: number = 256 * 1024 * 1024;

/** What a reader of frames failed with. */
export class FrameError extends Error {}

/** A value as a frame. */
export function frameOf(payload: Uint8Array): Uint8Array {
  if (payload.length > MAX_MESSAGE) {
    throw new RangeError(
      `Cannot send to a process as a message must be at most ${MAX_MESSAGE} bytes: this one has ${payload.length}`,
    );
  }
  const frame = new Uint8Array(HEAD + payload.length);
  frame[0] = MAGIC;
  new DataView(frame.buffer).setUint32(1, payload.length);
  frame.set(payload, HEAD);
  return frame;
}

/** Takes frames out of what comes in pieces. Each payload is written once, into memory of its own. */
export class FrameReader {
  readonly #taken: (payload: Uint8Array) => void;
  readonly #head = new Uint8Array(HEAD);
  #headLength = 0;
  #payload: Uint8Array | null = null;
  #length = 0;

  constructor(taken: (payload: Uint8Array) => void) {
    this.#taken = taken;
  }

  /** Takes in the next piece. Throws a `FrameError` if it cannot be one. */
  push(piece: Uint8Array): void {
    for (let rest = piece; rest.length > 0;) {
      if (this.#payload === null) {
        const part = rest.subarray(0, HEAD - this.#headLength);
        this.#head.set(part, this.#headLength);
        this.#headLength += part.length;
        rest = rest.subarray(part.length);
        this.#begin();
      } else {
        const part = rest.subarray(0, this.#payload.length - this.#length);
        this.#payload.set(part, this.#length);
        this.#length += part.length;
        rest = rest.subarray(part.length);
      }
      this.#end();
    }
  }

  #begin(): void {
    if (this.#head[0] !== MAGIC) {
      const text = new TextDecoder().decode(this.#head.subarray(0, this.#headLength));
      throw new FrameError(`Its stdout must carry messages only: ${JSON.stringify(text)} was written to it`);
    }
    if (this.#headLength < HEAD) return;
    const length = new DataView(this.#head.buffer).getUint32(1);
    if (length > MAX_MESSAGE) {
      throw new FrameError(`A message must be at most ${MAX_MESSAGE} bytes: it wrote one of ${length}`);
    }
    this.#payload = new Uint8Array(length);
    this.#length = 0;
  }

  #end(): void {
    const payload = this.#payload;
    if (payload === null || this.#length < payload.length) return;
    this.#payload = null;
    this.#headLength = 0;
    this.#taken(payload);
  }
}
