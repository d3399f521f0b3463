/** Channels: values handed from task to task, with a buffer of known size. The mechanism is in `_channel.ts`. */

import { requireCount, requireName } from "../base/check.ts";
import type { NamedOptions } from "../base/named.ts";
import { currentRuntime } from "../kernel/runtime.ts";
import { Channel } from "./_channel.ts";
import { ReceiveEnd, SendEnd } from "./_channel_ends.ts";
import type { MemoryReceiveChannel, MemorySendChannel } from "./channel.ts";

/**
 * Opens a channel between tasks.
 *
 * Both ends can be shared and cloned. Values arrive in the order in which `send()` was called, each at one
 * receiver; the task that has waited longest is served first. `using` closes an end.
 *
 * **Cost:** a quarter of a microsecond per value.
 *
 * @example A producer and a consumer
 * ```ts
 * import { openMemoryChannel, openNursery } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const [send, receive] = openMemoryChannel<number>(2);
 * const got: number[] = [];
 * await openNursery((nursery) => {
 *   nursery.startSoon(async () => {
 *     using _ = send;
 *     for (let n = 1; n <= 3; n++) await send.send(n);
 *   });
 *   nursery.startSoon(async () => {
 *     for await (const n of receive) got.push(n);
 *   });
 * });
 * assertEquals(got, [1, 2, 3]);
 * ```
 *
 * @param capacity How many values the buffer holds: 0 means that each `send()` waits for its receiver; `Infinity` is
 * allowed, and then nothing slows the senders down.
 * @param options A name for reports.
 * @returns The two ends.
 * @throws {RangeError} If `capacity` is not a whole number >= 0 or `Infinity`.
 * @throws {TypeError} If it is not a number, or the name not a string.
 * @category Channels
 */
export function openMemoryChannel<T>(
  capacity: number,
  options: NamedOptions = {},
): [send: MemorySendChannel<T>, receive: MemoryReceiveChannel<T>] {
  requireCount("open a channel", "capacity", capacity);
  const channel = new Channel<T>(capacity, requireName("open a channel", options));
  currentRuntime().channelOpened?.(channel);
  return [new SendEnd(channel), new ReceiveEnd(channel)];
}
