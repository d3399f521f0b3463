/** Waiting until no other task has anything left to do. */

import { faultOf, requireTimeout } from "../../core/internal.ts";
import { suspend, type Waker } from "../../core/lowlevel.ts";
import { requireKnown } from "../base/check.ts";
import { ambientDriver } from "../driver/ambient.ts";
import { realWaiters } from "../driver/real_idle_waiters.ts";

/**
 * Options of `settled()`.
 *
 * @category Simulation
 */
export interface SettledOptions {
  /**
   * How long all other tasks must have been waiting, in real milliseconds. Of several calls, those with the smallest
   * cushion return first, and the others begin anew. In simulated time nothing is waited for: there the cushion only
   * says which calls return first.
   *
   * @default {0}
   */
  readonly cushion?: number;
}

/**
 * Waits until every other task of the run waits for time, for the outside world, or for ever.
 *
 * When it returns, whatever could happen now has happened, however many steps it took. Put it between an action and the
 * assertion about its consequences, instead of a sleep. In a simulation it returns before time moves. Elsewhere it
 * works in real time, without polling.
 *
 * A task that awaits a promise the library does not own counts as busy: in simulated time for its grace, in real time
 * until the promise settles. Operations of the host count as busy in simulated time only, as a server accepts for ever.
 *
 * **Cancellation:** throws `Cancelled`; nothing is lost.
 *
 * @example What a message has set off
 * ```ts
 * import { openMemoryChannel, openNursery, settled } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const log: string[] = [];
 * await openNursery(async (nursery) => {
 *   const [send, receive] = openMemoryChannel<string>(0);
 *   nursery.startSoon(async () => {
 *     for await (const line of receive) log.push(line);
 *   });
 *   await send.send("hello");
 *   await settled();
 *   assertEquals(log, ["hello"]);
 *   send.close();
 * });
 * ```
 *
 * @param options How long the others must have been waiting.
 * @returns A promise that resolves once all is quiet.
 * @throws {RangeError} If `cushion` is negative or `NaN`.
 * @category Simulation
 */
export function settled(options: SettledOptions = {}): Promise<void> {
  const fault = faultOf(() => {
    requireKnown("settle", options, ["cushion"]);
    requireTimeout("settle", "cushion", options.cushion ?? 0);
  });
  if (fault !== null) return Promise.reject(fault);
  const { cushion = 0 } = options;
  const waiters = ambientDriver()?.settling ?? realWaiters();
  let mine: Waker<void>;
  return suspend<void>(
    { kind: "settled" },
    (waker) => waiters.add(mine = waker, cushion),
    () => {
      waiters.delete(mine);
      return true;
    },
  );
}
