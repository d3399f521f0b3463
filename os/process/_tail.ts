/** The end of an output, for error messages. */

/** See the header. Keeps the last bytes, and copies each byte at most twice. */
export class Tail {
  readonly #size: number;
  #chunks: Uint8Array[] = [];
  #kept = 0;
  #cut = false;

  constructor(size: number) {
    this.#size = size;
  }

  take(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#kept += chunk.length;
    // Not at each chunk: a process that writes byte by byte would have all of it copied each time.
    if (this.#kept > 2 * this.#size) this.#chunks = [this.#last()];
  }

  /** The last bytes as text. Where something was cut off, it begins with a whole line, if there is one. */
  get text(): string {
    const text = new TextDecoder().decode(this.#last());
    const newline = text.indexOf("\n");
    return this.#cut && newline >= 0 && newline < text.length - 1 ? text.slice(newline + 1) : text;
  }

  #last(): Uint8Array {
    const all = joined(this.#chunks, this.#kept);
    if (all.length <= this.#size) return all;
    this.#cut = true;
    this.#kept = this.#size;
    // A copy, so that what was cut off is let go.
    return all.slice(-this.#size);
  }
}

/** Chunks, one after the other. */
export function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
