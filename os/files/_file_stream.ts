/**
 * A file of the host as a stream. There is one position, so one operation at a time.
 *
 * The read of a cancelled receive is left behind: its bytes are stashed, and come first. As the position of the host is
 * behind them then, a write and a seek go back by as much. (What has no position, such as a named pipe, refuses to:
 * there reading and writing have nothing to do with each other.) A cancelled write is left behind as well, and lands
 * before anything else begins.
 */

import {
  encodeText,
  faultOf,
  faultOfMax,
  faultOfSize,
  faultOfTarget,
  inspectable,
  iterate,
  read,
  requireInteger,
  show,
  splitChunk,
} from "../../core/internal.ts";
import { BrokenResourceError } from "../../core/mod.ts";
import { OneAtATime, type Operation } from "../base/one_at_a_time.ts";
import { writeAll } from "../base/write_all.ts";
import { seekIn } from "../host/files.ts";
import type { FileStream } from "./file_stream.ts";

/** How much is read at most, in bytes: a read of 256 KiB takes no longer than one of 64. */
const CHUNK = 256 * 1024;

const WORDS = { action: "use the file", what: "it", busy: "using it" };
const WHENCE = ["start", "current", "end"] as const;

/** See the header. */
export class FileStreamImpl implements FileStream {
  static {
    inspectable(FileStreamImpl, "FileStream", ({ path }) => ({ path }));
  }

  readonly path: string;
  readonly #file: Deno.FsFile;
  readonly #operations: OneAtATime;
  /** What a cancelled receive has read. Written when that lands, and by all that moves the position. */
  #stash: Uint8Array | null = null;
  /** Whether the host has refused to move the position. */
  #hasNoPosition = false;
  /** The read buffer of its own, made when first needed. */
  #own: Uint8Array | null = null;

  constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
    this.#operations = new OneAtATime(WORDS, { kind: "use file", label: path }, (error) => {
      // A pipe, whose reader has gone.
      if (read(error, "name") !== "BrokenPipe") return error;
      return new BrokenResourceError(`Cannot send to ${path} as somebody must read it: nobody does`, { cause: error });
    });
  }

  receiveSome(max: number = Infinity): Promise<Uint8Array | null> {
    const fault = max === Infinity ? null : faultOfMax(max);
    if (fault !== null) return Promise.reject(fault);
    let buffer: Uint8Array;
    return this.#receive<Uint8Array>(max, {
      buffer: () => buffer = this.#ownBuffer(max),
      fromStash: (part) => part,
      taken: (size) => this.#takeOut(buffer, size),
    });
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    const fault = faultOfTarget(buffer);
    if (fault !== null) return Promise.reject(fault);
    return this.#receive<number>(buffer.length, {
      buffer: () => buffer,
      fromStash: (part) => {
        buffer.set(part);
        return part.length;
      },
      taken: (size) => size,
    });
  }

  sendAll(bytes: Uint8Array): Promise<void> {
    return writeAll(this.#operations, bytes, {
      label: `write ${this.path}`,
      write: async (rest) => {
        if (this.#stash !== null) await this.#goBack();
        return await this.#file.write(rest);
      },
    });
  }

  sendText(text: string): Promise<void> {
    return encodeText(text, (bytes) => this.sendAll(bytes));
  }

  seek(offset: number, from: "start" | "current" | "end" = "start"): Promise<number> {
    const fault = faultOf(() => {
      requireInteger("seek", "offset", offset, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
      if (from === "start") requireInteger("seek", "offset", offset, 0, Number.MAX_SAFE_INTEGER);
      if (WHENCE.includes(from)) return;
      throw new TypeError(`Cannot seek as "from" must be "start", "current" or "end": received ${show(from)}`);
    });
    if (fault !== null) return Promise.reject(fault);
    return this.#operations.perform<number>({
      label: `seek ${this.path}`,
      run: async () => {
        const ahead = from === "current" ? this.#stash?.length ?? 0 : 0;
        const position = await seekIn(this.#file, offset - ahead, from);
        this.#stash = null;
        return position;
      },
      done: (position) => ({ value: position as number }),
    });
  }

  size(): Promise<number> {
    return this.#simple(`stat ${this.path}`, async () => (await this.#file.stat()).size);
  }

  sync(): Promise<void> {
    return this.#simple(`sync ${this.path}`, () => this.#file.sync());
  }

  truncate(size: number = 0): Promise<void> {
    const fault = faultOf(() => requireInteger("truncate", "size", size, 0, Number.MAX_SAFE_INTEGER));
    if (fault !== null) return Promise.reject(fault);
    return this.#simple(`truncate ${this.path}`, () => this.#file.truncate(size));
  }

  close(): void {
    if (this.#operations.closedAs !== null) return;
    this.#operations.shut();
    this.#stash = this.#own = null;
    // A write in flight completes, a read of a pipe ends.
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return iterate(() => this.receiveSome());
  }

  #receive<T>(max: number, into: {
    /** Where the host reads into. */
    buffer(): Uint8Array;
    /** What the receive returns, of bytes that were read before. */
    fromStash(part: Uint8Array): T;
    /** What the receive returns, of a read. */
    taken(size: number): T;
  }): Promise<T | null> {
    let buffer: Uint8Array;
    let lent = 0;
    const operation: Operation<T | null> = {
      label: `read ${this.path}`,
      atOnce: () => {
        const stash = this.#stash;
        if (stash === null) return null;
        const [part, rest] = splitChunk(stash, max);
        this.#stash = rest;
        return { value: into.fromStash(part) };
      },
      run: () => {
        buffer = into.buffer();
        lent = buffer.length;
        return this.#file.read(buffer);
      },
      done: (size) => {
        if (size === null) return { value: null };
        const fault = faultOfLoan(buffer, lent) ?? faultOfSize(size, lent);
        return fault === null ? { value: into.taken(size as number) } : { error: fault };
      },
      late: (size) => {
        if (size !== null && faultOfLoan(buffer, lent) === null) this.#stash = buffer.slice(0, size as number);
      },
    };
    return this.#operations.perform(operation);
  }

  #simple<T>(label: string, run: () => PromiseLike<T>): Promise<T> {
    return this.#operations.perform<T>({ label, run, done: (value) => ({ value: value as T }) });
  }

  /** Puts the position of the host where that of the stream is. */
  async #goBack(): Promise<void> {
    if (this.#hasNoPosition) return;
    try {
      await seekIn(this.#file, -(this.#stash as Uint8Array).length, "current");
      this.#stash = null;
    } catch (error) {
      if (read(error, "code") !== "ESPIPE") throw error;
      this.#hasNoPosition = true;
    }
  }

  #ownBuffer(max: number): Uint8Array {
    const own = this.#own ??= new Uint8Array(CHUNK);
    return max < own.length ? own.subarray(0, max) : own;
  }

  /** The bytes of a read as a chunk of their own; a large one takes the buffer with it. */
  #takeOut(buffer: Uint8Array, size: number): Uint8Array {
    if (size < CHUNK / 2) return buffer.slice(0, size);
    this.#own = null;
    return buffer.subarray(0, size);
  }
}

/** What is wrong with the buffer of a caller that was read into. */
function faultOfLoan(buffer: Uint8Array, lent: number): Error | null {
  if (buffer.length >= lent) return null;
  return new BrokenResourceError(
    "Cannot receive as the buffer on loan to the stream must stay as it is: it was transferred or resized, and the " +
      "bytes that came are lost",
  );
}
