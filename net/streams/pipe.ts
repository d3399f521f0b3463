/** Moving bytes from stream to stream. */

import { BrokenResourceError } from "../../core/mod.ts";
import { CHUNK, composedWait, faultOfSize, turnDue } from "../../core/internal.ts";
import { requireMethod } from "../base/check.ts";
import type { ReceiveStream, SendStream } from "./stream.ts";

/**
 * Moves everything from one stream to another, until the first one ends.
 *
 * Closes nothing, and does not end the sending direction of `to`, so more can be sent on it. The bytes go through one
 * buffer, without a copy. A slow receiver slows the sender down.
 *
 * **Cancellation:** throws `Cancelled`; what was received and not yet sent, up to 64 KiB, is lost.
 *
 * @example One stream after another
 * ```ts
 * import { streamFromReadable, streamFromWritable, pipe } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const gzip = new CompressionStream("gzip");
 * const text = new Response(gzip.readable.pipeThrough(new DecompressionStream("gzip"))).text();
 * using to = streamFromWritable(gzip.writable);
 * assertEquals(await pipe(streamFromReadable(new Blob(["Hello, "]).stream()), to), 7);
 * assertEquals(await pipe(streamFromReadable(new Blob(["world"]).stream()), to), 5);
 * await to.sendEof();
 * assertEquals(await text, "Hello, world");
 * ```
 *
 * @param from Where the bytes come from.
 * @param to Where they go.
 * @returns How many bytes were moved.
 * @throws {BrokenResourceError} If one of the streams breaks.
 * @category Streams
 */
export function pipe(from: ReceiveStream, to: SendStream): Promise<number> {
  return composedWait(() => move(from, to));
}

async function move(from: ReceiveStream, to: SendStream): Promise<number> {
  requireMethod("pipe", "from", from, "receiveInto");
  requireMethod("pipe", "to", to, "sendAll");
  const buffer = new Uint8Array(CHUNK);
  let moved = 0;
  while (true) {
    const turn = turnDue();
    if (turn !== null) await turn;
    const size = await from.receiveInto(buffer);
    if (size === null) return moved;
    const fault = faultOfSize(size, CHUNK);
    if (fault !== null) {
      throw new BrokenResourceError(`Cannot pipe as "from" broke: ${fault.message}`, { cause: fault });
    }
    await to.sendAll(buffer.subarray(0, size));
    moved += size;
  }
}
