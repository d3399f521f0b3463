/** An async iterable as a channel: safe to leave, safe to cancel. */

import { inNursery } from "../_in_nursery.ts";
import { requireFunction, show } from "../_check.ts";
import { Channel, type Receiver } from "./_channel.ts";
import { ReceiveEnd } from "./_channel_ends.ts";
import { currentNode } from "../_context.ts";
import { cancelScope } from "../cancel_scope.ts";
import { BrokenResourceError, isCancelled } from "../errors.ts";
import type { MemoryReceiveChannel } from "./memory_channel.ts";
import { composedWait } from "../_composed_wait.ts";
import { afterFailure } from "../suppressed_errors.ts";
import type { WaitReason } from "../_waiter.ts";
import { WaitQueue } from "../_wait_queue.ts";
import { iteratorOf } from "./web_streams.ts";

/**
 * Runs a function that receives what an async iterable gives, through a channel.
 *
 * The iterable runs in a task of its own, so its scopes and tasks do not mix with those of the consumer, as they do when an
 * async generator with a timeout around its `yield` is simply looped over. It is asked for a value only when somebody waits
 * for one: no look-ahead. When the function is done, whether or not it has received everything, the iterable is
 * cancelled, told by its `return()`, and waited for. Its error cancels the function and is thrown itself. Who still
 * receives then, under a shield or with a clone, gets a `BrokenResourceError`.
 *
 * An iterable that awaits foreign promises is left only when these settle: let it await `cancellable(promise)`. A
 * `ReadableStream` is cancelled at once.
 *
 * **Cancellation:** both are cancelled, and waited for. A cancelled `receive()` loses nothing: the value it had asked for is
 * kept for the next.
 *
 * @example Leaving early
 * ```ts
 * import { sleep, toChannel } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * async function* ticks(): AsyncGenerator<number> {
 *   for (let n = 1;; n++) {
 *     await sleep(1);
 *     yield n;
 *   }
 * }
 * const sum = await toChannel(ticks(), async (channel) => {
 *   let sum = 0;
 *   for await (const n of channel) {
 *     sum += n;
 *     if (n === 3) break;
 *   }
 *   return sum;
 * });
 * assertEquals(sum, 6);
 * ```
 *
 * @param source What to receive from; also a plain iterable or a `ReadableStream`.
 * @param body What to run; gets the channel, which several tasks may share.
 * @returns What the function returned.
 * @throws {TypeError} If `source` cannot be iterated, or `body` is not a function.
 */
export function toChannel<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  body: (channel: MemoryReceiveChannel<T>) => R | Promise<R>,
): Promise<R> {
  return composedWait(async () => {
    requireFunction("make a channel", "body", body);
    const iterable = source as Partial<AsyncIterable<T> & Iterable<T>> | null | undefined;
    if (typeof (iterable?.[Symbol.asyncIterator] ?? iterable?.[Symbol.iterator]) !== "function") {
      throw new TypeError(`Cannot make a channel as "source" must be an async iterable: received ${show(source)}`);
    }
    const channel = new DemandChannel<T>();
    const receive = new ReceiveEnd(channel);
    return await inNursery(async (nursery, failed) => {
      nursery.startSoon(async () => {
        try {
          await produce(source, channel);
        } catch (error) {
          // Its own cancellation is expected: it is a daemon.
          if (currentNode().cancelled === null) failed(error);
          // Those who wait are cancelled first; who does so under a shield must not wait for ever.
          if (!isCancelled(error)) cancelScope(nursery.cancelScope, "nursery", error);
          channel.break(
            new BrokenResourceError("Cannot receive as the source of the channel has failed, or was cancelled", {
              cause: error,
            }),
          );
          throw error;
        }
      }, { name: "source", daemon: true });
      try {
        return await body(receive);
      } finally {
        receive.close();
      }
    });
  });
}

const DEMAND: WaitReason = { kind: "demand" };

/** A channel that knows when a value is wanted: when somebody waits, and none is there. Room for one, if that one leaves. */
class DemandChannel<T> extends Channel<T> {
  readonly demand = new WaitQueue<void>();

  constructor() {
    super(1, "source");
    this.sendEnds = 1;
  }

  override wait(receiver: Receiver<T>): void {
    super.wait(receiver);
    this.demand.wakeAll();
  }
}

async function produce<T>(source: AsyncIterable<T> | Iterable<T>, channel: DemandChannel<T>): Promise<void> {
  let iterator: AsyncIterator<T> | Iterator<T> | null = null;
  /** A source that has ended, or failed, is not to be told so; one whose wait was cancelled is. */
  let open = false;
  try {
    while (true) {
      if (channel.receivers.size === 0) await channel.demand.park(DEMAND);
      // Whoever wanted it may have been cancelled meanwhile.
      if (channel.receivers.size === 0) continue;
      iterator ??= iteratorOf(source);
      open = false;
      const result = await iterator.next();
      if (result.done) return channel.endSending();
      open = true;
      channel.accept(result.value);
    }
  } catch (error) {
    if (!open && !isCancelled(error)) throw error;
    throw await afterFailure(error, async () => void await iterator?.return?.());
  }
}
