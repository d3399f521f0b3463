/** An async iterable as a channel: safe to leave, safe to cancel. */

import { internalTask } from "../kernel/internal_task.ts";
import { inNursery } from "../kernel/hidden_nursery.ts";
import { requireFunction, requireOptions } from "../base/check.ts";
import { Channel, type Receiver } from "./_channel.ts";
import { ReceiveEnd } from "./_channel_ends.ts";
import { currentNode } from "../kernel/context.ts";
import { scopes } from "../kernel/cancel_scope.ts";
import { failureOf } from "../kernel/elsewhere.ts";
import { NOTHING } from "../base/error_tree.ts";
import { BrokenResourceError } from "../errors/errors.ts";
import type { MemoryReceiveChannel } from "./channel.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { requireSource, SourceReader } from "../kernel/source.ts";
import { afterFailure, mark } from "../kernel/suppressed.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/**
 * Options of `toChannel()`.
 *
 * @category Channels
 */
export interface ToChannelOptions {
  /**
   * Ends what the source waits for, such as `() => subscription.unsubscribe()`. Called when the source was not read to
   * its end. A value that it is being asked for then is given up; without `stop`, the source is waited for.
   */
  readonly stop?: () => unknown;
}

/**
 * Runs a function that receives what an async iterable gives, through a channel.
 *
 * The iterable runs in a task of its own, so its scopes and tasks do not mix with those of the consumer, as they do
 * when an async generator with a timeout around its `yield` is simply looped over. It is asked for a value only when
 * somebody waits for one: no look-ahead. When the function is done, whether or not it has received everything, the
 * iterable is cancelled, told by its `return()`, and waited for. Its error cancels the function and is thrown itself.
 * Anyone still receiving then (in a shield, or on a clone) gets a `BrokenResourceError`.
 *
 * An iterable that is asked for a value when it is left is told by its `return()` at once. That ends the wait of
 * `Deno.watchFs()`, of `events.on()` of Node and of a `ReadableStream`, but not that of an async generator which awaits
 * a foreign promise: let it await `cancellable(promise)`, or say in `stop` what ends it.
 *
 * **Cancellation:** both are cancelled, and waited for. A cancelled `receive()` loses nothing: the value it had asked
 * for is kept for the next.
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
 * @param options What ends a source that waits for something foreign.
 * @returns What the function returned.
 * @throws {TypeError} If `source` cannot be iterated, or `body` or `stop` is not a function.
 * @category Channels
 */
export function toChannel<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  body: (channel: MemoryReceiveChannel<T>) => R | Promise<R>,
  options: ToChannelOptions = {},
): Promise<R> {
  return composedWait(async () => {
    requireFunction("make a channel", "body", body);
    requireSource("make a channel", source, "an async iterable");
    requireOptions("make a channel", options);
    const { stop } = options;
    if (stop !== undefined) requireFunction("make a channel", "stop", stop);
    const channel = new DemandChannel<T>();
    const receive = new ReceiveEnd(channel);
    return await inNursery(async (nursery) => {
      nursery.startSoon(async () => {
        try {
          await produce(new SourceReader(source, VALUE, stop), channel);
        } catch (error) {
          const failure = failureOf(currentNode(), error);
          const thrown = failure === NOTHING ? error : failure;
          // Those who wait are cancelled first; who does so under a shield must not wait for ever.
          if (failure !== NOTHING) scopes.cancel(nursery.cancelScope, "nursery", failure);
          channel.break(
            new BrokenResourceError("Cannot receive as the source of the channel has failed, or was cancelled", {
              cause: thrown,
            }),
          );
          throw thrown;
        }
      }, internalTask({ name: "source", daemon: true }));
      try {
        return await body(receive);
      } finally {
        receive.close();
      }
    });
  });
}

const VALUE: WaitReason = { kind: "value of the source" };
const DEMAND: WaitReason = { kind: "demand" };

/**
 * A channel that knows when a value is wanted: when somebody waits, and none is there. Room for one, if that one
 * leaves.
 */
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

async function produce<T>(reader: SourceReader<T>, channel: DemandChannel<T>): Promise<void> {
  const since = mark();
  try {
    while (true) {
      if (channel.receivers.size === 0) await channel.demand.park(DEMAND);
      // Whoever wanted it may have been cancelled meanwhile.
      if (channel.receivers.size === 0) continue;
      const result = reader.isAsync ? await reader.ask() : reader.take();
      if (result.done) return channel.endSending();
      channel.accept(result.value);
    }
  } catch (error) {
    return await afterFailure(error, since, () => reader.close());
  }
}
