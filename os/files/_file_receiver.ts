/** An open file as a stream of bytes. A read in flight when its wait is cancelled is kept for the next. */

import { LeftBehind, type Words } from "../../core/internal.ts";
import type { ReceiveStream } from "../../net/mod.ts";
import type { HostFile } from "../host/files.ts";

/** As long a piece as the host reads in one go (a larger one takes as long as two). */
const CHUNK = 262_144;
const WORDS: Words = { action: "receive", what: "the file", busy: "receive" };

type Chunk = Uint8Array<ArrayBuffer>;

/** See the header. */
export class FileReceiver extends LeftBehind<Chunk | null, Chunk | null> implements ReceiveStream {
  readonly #file: HostFile;
  readonly #label: string;

  constructor(file: HostFile, label: string) {
    super(WORDS, { kind: label });
    this.#file = file;
    this.#label = label;
  }

  async receiveSome(max: number = CHUNK): Promise<Chunk | null> {
    const chunk = await this.wait();
    if (chunk === null || chunk.length <= max) return chunk;
    this.keep(chunk.slice(max));
    return chunk.slice(0, max);
  }

  async receiveInto(buffer: Uint8Array): Promise<number | null> {
    const chunk = await this.receiveSome(buffer.length);
    if (chunk === null) return null;
    buffer.set(chunk);
    return chunk.length;
  }

  close(): void {
    if (this.closedAs !== null) return;
    this.shut();
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Chunk> {
    for (let chunk = await this.receiveSome(); chunk !== null; chunk = await this.receiveSome()) yield chunk;
  }

  protected override get label(): string {
    return this.#label;
  }

  override async begin(): Promise<Chunk | null> {
    const buffer = new Uint8Array(CHUNK);
    const size = await this.#file.read(buffer);
    return size === null ? null : buffer.subarray(0, size);
  }

  protected override landed(chunk: Chunk | null): void {
    if (chunk === null) this.over({ value: null });
    else this.arrived(chunk);
  }

  protected override failed(error: unknown): void {
    this.over({ error });
  }
}
