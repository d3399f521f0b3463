/** Sending slowly. */

import { composedWait, faultOfBytes, requireFunction, requireTimeout, throwFault } from "../../core/internal.ts";
import { sleep } from "../../core/mod.ts";
import type { SendStream } from "../../net/mod.ts";
import { requireKnown, requireWhole } from "../base/check.ts";

/**
 * Options of `trickle()`.
 *
 * @category Memory streams
 */
export interface TrickleOptions {
  /**
   * How many bytes are sent at a time.
   *
   * @default {1}
   */
  readonly size?: number;
  /**
   * How long it waits between two sends, in milliseconds.
   *
   * @default {1}
   */
  readonly every?: number;
}

/**
 * Sends bytes a few at a time with pauses between, as a slow or hostile peer does.
 *
 * **Cancellation:** throws `Cancelled`; the first part of the bytes was sent.
 *
 * @example A line that takes half a second to arrive
 * ```ts
 * import { currentTime, simulate } from "@trefoil/io";
 * import { memoryStreamPair, trickle } from "@trefoil/io/testing";
 * import { assertEquals } from "@std/assert";
 *
 * await simulate(async () => {
 *   const [client, server] = memoryStreamPair();
 *   await trickle(client, new TextEncoder().encode("hello\n"), { every: 100 });
 *   assertEquals([(await server.receiveSome())!.length, currentTime()], [6, 500]);
 *   client.close();
 *   server.close();
 * });
 * ```
 *
 * @param stream Where to send.
 * @param bytes What to send.
 * @param options How many bytes at a time, and how long to wait between.
 * @returns A promise that resolves once the last bytes have been sent.
 * @throws {RangeError} If `size` is not a whole number >= 1, or `every` is negative.
 * @category Memory streams
 */
export function trickle(
  stream: Pick<SendStream, "sendAll">,
  bytes: Uint8Array,
  options: TrickleOptions = {},
): Promise<void> {
  return composedWait(() => send(stream, bytes, options));
}

async function send(stream: Pick<SendStream, "sendAll">, bytes: Uint8Array, options: TrickleOptions): Promise<void> {
  requireFunction("trickle", "stream.sendAll", stream?.sendAll);
  throwFault(faultOfBytes(bytes));
  requireKnown("trickle", options, ["size", "every"]);
  const { size = 1, every = 1 } = options;
  requireWhole("trickle", "size", size, 1);
  requireTimeout("trickle", "every", every);
  for (let at = 0; at < bytes.length; at += size) {
    if (at > 0) await sleep(every);
    await stream.sendAll(bytes.subarray(at, at + size));
  }
  // A checkpoint also without bytes.
  if (bytes.length === 0) await stream.sendAll(bytes);
}
