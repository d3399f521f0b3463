/** Streams in memory for tests: what they give and take is a script, in virtual time. */

import { ClosedResourceError, sleep } from "../../core/mod.ts";
import { currentRun, type Waker } from "../../core/lowlevel.ts";
import { LeftBehind } from "../../core/internal.ts";
import { StapledStream } from "../streams/stapled_stream.ts";
import type { HalfCloseableStream, ReceiveStream, SendStream } from "../streams/stream.ts";

const encoder = new TextEncoder();

/** Text or numbers, as bytes. */
export function bytes(data: string | readonly number[]): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : new Uint8Array(data);
}

/** Bytes, as text. */
export function text(data: Uint8Array | null): string | null {
  return data === null ? null : new TextDecoder().decode(data);
}

/** What a scripted stream does next: gives bytes, lets time pass, fails. After the script it ends. */
export type Step = Uint8Array | string | { readonly wait: number } | { readonly fail: Error };

/**
 * Gives what a script says. Like a socket it goes on with a read that nobody waits for any more, and writes into the
 * buffer of that read, which is still on loan; whoever uses that memory for something else will see it.
 */
export class ScriptedReceiveStream extends LeftBehind<Uint8Array | null, number | null, Uint8Array, Uint8Array>
  implements ReceiveStream {
  protected readonly label = "read of a script";
  /** The sizes of the buffers it was given. */
  readonly asked: number[] = [];
  closed = 0;
  readonly #script: Step[];
  #into = bytes("");

  constructor(...script: readonly Step[]) {
    super({ action: "receive", what: "the stream", busy: "receiving from this stream" }, {
      kind: "receive from script",
    }, { inMemory: true });
    this.#script = [...script];
  }

  async receiveSome(max: number = 65_536): Promise<Uint8Array | null> {
    const buffer = new Uint8Array(max);
    const size = await this.receiveInto(buffer);
    return size === null ? null : buffer.slice(0, size);
  }

  receiveInto(buffer: Uint8Array): Promise<number | null> {
    return this.wait(buffer);
  }

  close(): void {
    if (this.closed++ === 0) this.shut();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (let chunk = await this.receiveSome(); chunk !== null; chunk = await this.receiveSome()) yield chunk;
  }

  protected override admit(buffer: Uint8Array): null {
    this.asked.push(buffer.length);
    this.#into = buffer;
    return null;
  }

  override async begin(): Promise<Uint8Array | null> {
    const buffer = this.#into;
    while (true) {
      const step = this.#script.shift();
      if (step === undefined) return null;
      if (typeof step === "object" && "fail" in step) throw step.fail;
      if (typeof step === "object" && "wait" in step) {
        const { clock } = currentRun();
        // No wait of the library: like the host's, it goes on when the receive is cancelled.
        await new Promise<void>((resolve) => clock.at(clock.now() + step.wait, resolve, undefined));
      } else {
        const data = typeof step === "string" ? bytes(step) : step;
        const part = data.slice(0, buffer.length);
        if (part.length < data.length) this.#script.unshift(data.subarray(part.length));
        buffer.fill(0xee);
        return part;
      }
    }
  }

  protected override landed(part: Uint8Array | null): void {
    if (part === null) this.over({ value: null });
    else this.arrived(part);
  }

  protected override failed(error: unknown): void {
    this.over({ error });
  }

  protected override give(waiter: Waker<number | null>, chunk: Uint8Array): void {
    const into = this.#into;
    const size = Math.min(chunk.length, into.length);
    into.set(chunk.subarray(0, size));
    this.keep(size < chunk.length ? chunk.subarray(size) : null);
    waiter.wake(size);
  }
}

/** How a `RecordingSendStream` behaves. */
export interface RecordingOptions {
  /** How long a send takes, in virtual milliseconds. */
  readonly delay?: number;
  /** What sends fail with. */
  readonly fail?: Error;
}

/** Remembers what was sent on it. */
export class RecordingSendStream implements SendStream, Pick<HalfCloseableStream, "sendEof"> {
  readonly sent: number[] = [];
  /** The most a send handed over at once. */
  largest = 0;
  eofs = 0;
  closed = 0;
  readonly #options: RecordingOptions;

  constructor(options: RecordingOptions = {}) {
    this.#options = options;
  }

  async sendAll(data: Uint8Array): Promise<void> {
    if (this.closed > 0) throw new ClosedResourceError("Cannot send as the stream is closed");
    const { delay = 0, fail } = this.#options;
    await sleep(delay);
    if (fail !== undefined) throw fail;
    this.sent.push(...data);
    this.largest = Math.max(this.largest, data.length);
  }

  async sendEof(): Promise<void> {
    await sleep(0);
    this.eofs++;
  }

  close(): void {
    this.closed++;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

/** Both in one. */
export type ScriptedStream = StapledStream<RecordingSendStream, ScriptedReceiveStream>;

/** Makes a stream that gives what a script says, and remembers what was sent on it. */
export function scriptedStream(script: readonly Step[], options: RecordingOptions = {}): ScriptedStream {
  return new StapledStream(new RecordingSendStream(options), new ScriptedReceiveStream(...script));
}

/** What was sent on a stream, as text. */
export function sentOn({ sendStream }: ScriptedStream): string | null {
  return text(new Uint8Array(sendStream.sent));
}

/** Whether both directions of a stream were closed. */
export function isClosed({ sendStream, receiveStream }: ScriptedStream): boolean {
  return sendStream.closed > 0 && receiveStream.closed > 0;
}
