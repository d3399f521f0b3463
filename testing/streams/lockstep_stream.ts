/** Streams without a buffer. */

import type { MemoryStream } from "./memory_stream.ts";
import { Pipe } from "./_pipe.ts";
import { PipeStream } from "./_pipe_stream.ts";

/**
 * Makes the two ends of a connection in memory that holds no bytes: a send returns when its last byte was received.
 *
 * Code that only works because something buffers (both sides send first and read afterwards) stops here, and a
 * simulation reports it as a deadlock.
 *
 * **Cancellation:** a cancelled send takes back the bytes that were not received.
 *
 * @example Both sides send first, which only works with a buffer
 * ```ts
 * import { DeadlockError, openNursery, simulate } from "@trefoil/io";
 * import { lockstepStreamPair } from "@trefoil/io/testing";
 * import { assertRejects } from "@std/assert";
 *
 * const bothSend = () =>
 *   simulate(() =>
 *     openNursery((nursery) => {
 *       for (const stream of lockstepStreamPair()) {
 *         nursery.startSoon(async () => {
 *           using _ = stream;
 *           await stream.sendAll(new Uint8Array(10));
 *           await stream.receiveSome();
 *         });
 *       }
 *     })
 *   );
 * await assertRejects(bothSend, DeadlockError);
 * ```
 *
 * @returns The two ends.
 * @category Memory streams
 */
export function lockstepStreamPair(): [MemoryStream, MemoryStream] {
  const makePipe = () => new Pipe({ capacity: 0, name: "lockstep stream", split: () => Infinity });
  const there = makePipe();
  const back = makePipe();
  return [new PipeStream(there, back), new PipeStream(back, there)];
}
