// deno-lint-ignore-file trefoil/error-message -- the words are those of the host
/**
 * Bodies of messages of HTTP/1.1, both ways.
 *
 * What is sent says its length where that is known: a body that is one chunk, which ends at once. Of a stream nobody
 * knows whether it will: it is asked, and if there is no answer within some microtasks, the head goes out first.
 */

import type { NetworkConn } from "../../../core/lowlevel.ts";
import type { Framing } from "./_head.ts";
import { readHeaders } from "./_head.ts";
import { type ByteReader, ProtocolError, writeAll } from "./reader.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The most bytes that a chunk of a body has. */
const CHUNK = 65_536;
/** The longest line before a chunk. */
const CHUNK_LINE = 1_024;
/** How many microtasks a body may take to show that it ends after its first chunk. */
const PATIENCE = 32;

const encoder = new TextEncoder();
const END = encoder.encode("0\r\n\r\n");
const CRLF = encoder.encode("\r\n");

/** Who hears of the reading of a body. */
export interface BodyListener {
  /** Before the first read. */
  begin?(): void;
  /** It was read to its end. */
  end(): void;
  /** It was given up, or broke: nothing more can be read. */
  broken(error: unknown): void;
  /** What the reader of the body is told of an error. */
  explain(error: unknown): unknown;
}

/** A body that comes over a connection. */
export function incomingBody(reader: ByteReader, framing: Framing, listener: BodyListener): ReadableStream<Bytes> {
  const next = piecesOf(reader, framing);
  let begun = false;
  let over = false;
  return new ReadableStream<Bytes>({
    type: "bytes",
    async pull(controller: ReadableByteStreamController) {
      if (!begun) listener.begin?.();
      begun = true;
      let piece: Bytes | null;
      try {
        piece = await next();
      } catch (error) {
        if (over) return;
        over = true;
        listener.broken(error);
        throw listener.explain(error);
      }
      if (over) return;
      if (piece !== null) return controller.enqueue(piece);
      over = true;
      controller.close();
      controller.byobRequest?.respond(0);
      listener.end();
    },
    cancel(reason: unknown) {
      over = true;
      listener.broken(reason);
    },
  } as unknown as UnderlyingDefaultSource<Bytes>);
}

/** The pieces of a body, one by one; `null` at its end. */
function piecesOf(reader: ByteReader, framing: Framing): () => Promise<Bytes | null> {
  if (framing === "close") return () => reader.some(CHUNK);
  if (framing === "chunked") return chunksOf(reader);
  let left = framing.length;
  return async () => {
    if (left === 0) return null;
    const piece = await reader.some(Math.min(left, CHUNK));
    if (piece === null) throw new ProtocolError("end of file before message length reached");
    left -= piece.length;
    return piece;
  };
}

function chunksOf(reader: ByteReader): () => Promise<Bytes | null> {
  let left = 0;
  let first = true;
  return async () => {
    if (left === 0) {
      if (!first && await reader.line(2) !== "") throw new ProtocolError("invalid chunk: it has no end");
      first = false;
      const line = await reader.line(CHUNK_LINE);
      const size = /^([0-9a-f]{1,13})[ \t]*(?:;.*)?$/i.exec(line ?? "");
      if (line === null) throw new ProtocolError("unexpected EOF during chunk size line");
      if (size === null) throw new ProtocolError("Invalid chunk size line: Invalid Size");
      left = parseInt(size[1]!, 16);
      if (left === 0) {
        await readHeaders(reader);
        return null;
      }
    }
    const piece = await reader.some(Math.min(left, CHUNK));
    if (piece === null) throw new ProtocolError("unexpected EOF during chunk");
    left -= piece.length;
    return piece;
  };
}

/** A body that goes out over a connection. */
export class OutgoingBody {
  readonly #reader: ReadableStreamDefaultReader<unknown> | null;
  /** What was read to find out its length. */
  readonly #first: Bytes | null;
  readonly #second: Promise<ReadableStreamReadResult<unknown>> | null;
  /** All of it, if that is known. */
  readonly whole: Bytes | null;

  private constructor(
    reader: ReadableStreamDefaultReader<unknown> | null,
    first: Bytes | null,
    second: Promise<ReadableStreamReadResult<unknown>> | null,
    whole: Bytes | null,
  ) {
    this.#reader = reader;
    this.#first = first;
    this.#second = second;
    this.whole = whole;
  }

  /** Looks at a body. Throws what it fails with, if it does so at once. */
  static async of(stream: ReadableStream<unknown> | null): Promise<OutgoingBody> {
    if (stream === null) return new OutgoingBody(null, null, null, new Uint8Array());
    const reader = stream.getReader();
    const reading = reader.read();
    const first = await atOnce(reading);
    if (first === null) return new OutgoingBody(reader, null, reading, null);
    if (first.done) return new OutgoingBody(null, null, null, new Uint8Array());
    const bytes = bytesOf(first.value);
    const next = reader.read();
    const second = await atOnce(next);
    if (second?.done) return new OutgoingBody(null, null, null, bytes);
    return new OutgoingBody(reader, bytes, next, null);
  }

  /** The same again. */
  static again(whole: Bytes): OutgoingBody {
    return new OutgoingBody(null, null, null, whole);
  }

  /** The headers that say how long it is. */
  framing(headers: Headers): [string, string][] {
    if (headers.has("content-length")) return [];
    if (this.whole === null) return [["transfer-encoding", "chunked"]];
    return [["content-length", String(this.whole.length)]];
  }

  /** Sends it, after its head. A body whose own error ends it leaves the message without an end. */
  async send(conn: Pick<NetworkConn, "write">, head: Bytes, { headers }: { headers: Headers }): Promise<void> {
    const { whole } = this;
    if (whole !== null) return await writeAll(conn, whole.length === 0 ? head : concat(head, whole));
    await writeAll(conn, head);
    const length = headers.get("content-length");
    const send = length === null
      ? (piece: Bytes) => writeAll(conn, concat(encoder.encode(`${piece.length.toString(16)}\r\n`), piece, CRLF))
      : (piece: Bytes) => writeAll(conn, piece);
    let sent = 0;
    for await (const piece of this.#pieces()) {
      sent += piece.length;
      if (piece.length > 0) await send(piece);
    }
    if (length === null) await writeAll(conn, END);
    else if (sent !== Number(length)) throw new ProtocolError("the body has not the length that its head says");
  }

  /** Lets go of it, as it is not sent. */
  async cancel(reason: unknown): Promise<void> {
    this.#second?.catch(() => {});
    await this.#reader?.cancel(reason).catch(() => {});
  }

  async *#pieces(): AsyncGenerator<Bytes> {
    if (this.#first !== null) yield this.#first;
    for (let next = this.#second!;; next = this.#reader!.read()) {
      const { done, value } = await next;
      if (done) return;
      yield bytesOf(value);
    }
  }
}

async function atOnce<T>(promise: Promise<T>): Promise<T | null> {
  let settled = false;
  const mark = (): void => void (settled = true);
  promise.then(mark, mark);
  for (let i = 0; i < PATIENCE && !settled; i++) await null;
  return settled ? await promise : null;
}

function bytesOf(chunk: unknown): Bytes {
  if (chunk instanceof Uint8Array) return chunk as Bytes;
  throw new TypeError("Cannot send a body as each chunk must be a Uint8Array");
}

/** All bytes in one. */
export function concat(...parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
