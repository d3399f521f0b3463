/**
 * The standard input of the program.
 *
 * It is that of `node:process`, as a read of `Deno.stdin` in flight keeps the program there until somebody presses Enter,
 * and its `close()` is for good. Node's can be paused: nothing is in flight then, so the program can end, and what the
 * system has not given yet stays where it is. It works for terminals, pipes, files and closed ones, takes no permission,
 * and is loaded when the first task waits for it.
 */

import type { StandardInput } from "../../core/lowlevel.ts";
import { outside } from "../../core/internal.ts";

type Stdin = typeof import("node:process")["stdin"];
/** How much a stream of Node's reads ahead, in bytes. */
type Buffered = Stdin & { readonly _readableState: { highWaterMark: number } };

/** How much is read at most, in bytes: as much as a pipe holds. */
const CHUNK = 65_536;

class ProgramInput implements StandardInput {
  /** What has come and was not taken: one chunk at most, and what was put back. */
  readonly #queue: Uint8Array[] = [];
  #end: { readonly value: null } | { readonly error: unknown } | null = null;
  #tell: (() => void) | null = null;
  #stdin: Promise<Stdin> | null = null;

  take(): Uint8Array | null | undefined {
    const chunk = this.#queue.shift();
    if (chunk !== undefined) return chunk;
    if (this.#end === null) return undefined;
    if ("error" in this.#end) throw this.#end.error;
    return null;
  }

  putBack(bytes: Uint8Array): void {
    this.#queue.unshift(bytes);
  }

  wait(tell: () => void): () => void {
    this.#tell = tell;
    this.#turn();
    return () => {
      if (this.#tell !== tell) return;
      this.#tell = null;
      this.#turn();
    };
  }

  /** Lets the host read exactly while a task waits. */
  #turn(): void {
    outside(() => this.#stdin ??= this.#open()).then((stdin) => {
      // Told after the end, it would complain.
      if (this.#end !== null) return;
      if (this.#tell !== null) outside(() => stdin.resume());
      else stdin.pause();
    }, (error) => this.#ended({ error }));
  }

  async #open(): Promise<Stdin> {
    const { default: { stdin } } = await outside(() => import("node:process"));
    // As it is for a terminal: otherwise a pipe is read on until so much is there, which keeps the program there. A read
    // would be of 16 KiB then, which takes three times as long.
    (stdin as Buffered)._readableState.highWaterMark = 0;
    const { _read } = stdin;
    stdin._read = () => _read.call(stdin, CHUNK);
    stdin.on("data", (chunk: Uint8Array<ArrayBuffer>) => {
      // Not a part of a larger buffer that somebody else has. It is paused by `#turn()`, in a later step: within this one,
      // a pipe would begin another read all the same.
      const { buffer, byteLength } = chunk;
      this.#queue.push(byteLength === buffer.byteLength ? new Uint8Array(buffer) : new Uint8Array(chunk));
      this.#told();
    });
    const end = () => this.#ended({ value: null });
    stdin.on("end", end).on("close", end).on("error", (error: unknown) => this.#ended({ error }));
    stdin.pause();
    return stdin;
  }

  #ended(how: { readonly value: null } | { readonly error: unknown }): void {
    if (this.#end !== null) return;
    this.#end = how;
    this.#told();
  }

  #told(): void {
    const tell = this.#tell;
    this.#tell = null;
    this.#turn();
    tell?.();
  }
}

/** The one of this program. */
export const programInput: StandardInput = new ProgramInput();
