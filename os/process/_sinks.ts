/** Where the output of a process goes, chunk by chunk. */

import type { SendStream } from "../../net/mod.ts";
import { ownOutput } from "../host/processes.ts";
import { joined, Tail } from "./_tail.ts";
import type { OutputTo } from "./_plan.ts";

/** How much of an output is kept for error messages, in bytes. */
const TAIL = 4 * 1024;
/** A line that is longer comes in pieces, in characters. */
const LONGEST_LINE = 64 * 1024;

/** See the header. */
export interface Sink {
  /** Takes the next chunk, which belongs to it. */
  take(chunk: Uint8Array): void | Promise<void>;
  /** There is no more. */
  end?(): void;
  /** What was captured. */
  readonly result: string | Uint8Array | null;
}

/** Thrown when more is written than may be captured; becomes a `ProcessError`. */
export class OutputTooLong {
  constructor(readonly pipe: "stdout" | "stderr") {}
}

/** The sink for an output of which the user has said where it is to go. */
export function sinkFor(
  pipe: "stdout" | "stderr",
  to: Exclude<OutputTo, "pipe">,
  { maxOutput }: { readonly maxOutput: number },
): Sink {
  if (to === "text" || to === "bytes") return new Collector(pipe, to, { maxOutput });
  if (to === "tail") return new TailSink();
  if (to === "null") return { take() {}, result: null };
  if (to === "inherit") return new SendSink(ownOutput(pipe));
  return typeof to === "function" ? new Lines(to) : new SendSink(to);
}

/** Keeps everything. */
class Collector implements Sink {
  readonly #pipe: "stdout" | "stderr";
  readonly #form: "text" | "bytes";
  readonly #most: number;
  #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(pipe: "stdout" | "stderr", form: "text" | "bytes", { maxOutput }: { readonly maxOutput: number }) {
    this.#pipe = pipe;
    this.#form = form;
    this.#most = maxOutput;
  }

  take(chunk: Uint8Array): void {
    const room = this.#most - this.#size;
    const part = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#chunks.push(part);
    this.#size += part.length;
    if (part !== chunk) throw new OutputTooLong(this.#pipe);
  }

  get result(): string | Uint8Array {
    const bytes = joined(this.#chunks, this.#size);
    this.#chunks = [bytes];
    return this.#form === "bytes" ? bytes : new TextDecoder().decode(bytes);
  }
}

/** Keeps the end, for error messages. */
export class TailSink implements Sink {
  readonly #tail = new Tail(TAIL);

  take(chunk: Uint8Array): void {
    this.#tail.take(chunk);
  }

  get result(): string {
    return this.#tail.text;
  }
}

/** Sends it on. */
class SendSink implements Sink {
  readonly result = null;
  readonly #stream: Pick<SendStream, "sendAll">;

  constructor(stream: Pick<SendStream, "sendAll">) {
    this.#stream = stream;
  }

  take(chunk: Uint8Array): Promise<void> {
    return this.#stream.sendAll(chunk);
  }
}

/** Calls a function with each line. */
export class Lines implements Sink {
  readonly result = null;
  readonly #tell: (line: string) => void;
  readonly #decoder = new TextDecoder();
  /** The beginning of a line whose end has not come. */
  #rest = "";

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  take(chunk: Uint8Array): void {
    this.#split(this.#decoder.decode(chunk, { stream: true }));
  }

  end(): void {
    this.#split(this.#decoder.decode());
    if (this.#rest === "") return;
    const last = this.#rest;
    this.#rest = "";
    this.#tell(last);
  }

  #split(text: string): void {
    const lines = text.split("\n");
    lines[0] = this.#rest + lines[0];
    this.#rest = lines.pop() as string;
    for (const line of lines) this.#inPieces(line.endsWith("\r") ? line.slice(0, -1) : line);
    while (this.#rest.length > LONGEST_LINE) this.#rest = this.#cut(this.#rest);
  }

  #inPieces(line: string): void {
    let rest = line;
    while (rest.length > LONGEST_LINE) rest = this.#cut(rest);
    this.#tell(rest);
  }

  /** Tells the first piece of a line that is too long; returns what is left. Does not cut through a surrogate pair. */
  #cut(line: string): string {
    const at = /[\uD800-\uDBFF]/.test(line[LONGEST_LINE - 1]!) ? LONGEST_LINE - 1 : LONGEST_LINE;
    this.#tell(line.slice(0, at));
    return line.slice(at);
  }
}

/** Several sinks for one output; the first gives the result. */
export class Both implements Sink {
  readonly #first: Sink;
  readonly #second: Sink;

  constructor(first: Sink, second: Sink) {
    this.#first = first;
    this.#second = second;
  }

  async take(chunk: Uint8Array): Promise<void> {
    this.#second.take(chunk);
    await this.#first.take(chunk);
  }

  end(): void {
    this.#second.end?.();
    this.#first.end?.();
  }

  get result(): string | Uint8Array | null {
    return this.#first.result ?? this.#second.result;
  }
}
