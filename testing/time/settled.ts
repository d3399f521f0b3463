/** Waiting until nobody has anything left to do. */

import { currentRun, onIdle, suspend, type Waker } from "../../core/lowlevel.ts";
import { hostClear, hostImmediate, hostTimeout } from "../../core/internal.ts";
import { ambientDriver } from "../driver/ambient.ts";
import { faultOf, requireMilliseconds, requireOptions } from "../base/check.ts";
import { IdleWaiters } from "../driver/idle_waiters.ts";

/** How long to be quiet. */
export interface SettledOptions {
  /**
   * How long all tasks must have been waiting, in real milliseconds. Of several calls, those with the smallest cushion
   * return first, and the others begin anew. In simulated time nothing has to be waited for: there it gives the order.
   *
   * @default {0}
   */
  readonly cushion?: number;
}

/**
 * Waits until every other task of the run waits for time, for the outside world, or for ever.
 *
 * So whatever could happen now has happened, however many steps it took: put it between an action and the assertion
 * about its consequences, where others sleep or count turns. In a simulation it comes before time moves; elsewhere it
 * works in real time, and hears of the last task that comes to wait instead of asking again and again.
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
 * @param options How long to be quiet.
 * @returns A promise that resolves once all is quiet.
 * @throws {RangeError} If `cushion` is negative or `NaN`.
 */
export function settled(options: SettledOptions = {}): Promise<void> {
  const fault = faultOf(() => {
    requireOptions("settle", options, ["cushion"]);
    requireMilliseconds("settle", "cushion", options.cushion ?? 0);
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

/**
 * Waits until every other task of the run waits: `settled()` under the name it has in Trio.
 *
 * **Cancellation:** throws `Cancelled`; nothing is lost.
 *
 * @example With a clock that jumps by itself
 * ```ts
 * import { currentTime, MockClock, openNursery, run, sleep } from "@trefoil/io";
 * import { waitAllTasksBlocked } from "@trefoil/io/testing";
 * import { assertEquals } from "@std/assert";
 *
 * await run(() =>
 *   openNursery(async (nursery) => {
 *     nursery.startSoon(() => sleep(1_000));
 *     await waitAllTasksBlocked();
 *     assertEquals(currentTime(), 0);
 *   }), { clock: new MockClock({ autojumpThreshold: 0 }) });
 * ```
 *
 * @param cushion How long all must have been waiting, in real milliseconds: see `SettledOptions`.
 * @returns A promise that resolves once all is quiet.
 * @throws {RangeError} If `cushion` is negative or `NaN`.
 */
export function waitAllTasksBlocked(cushion = 0): Promise<void> {
  return settled({ cushion });
}

const byRun = new WeakMap<object, RealIdleWaiters>();

/** Those who wait in a run on real time. */
function realWaiters(): IdleWaiters {
  const run = currentRun();
  let waiters = byRun.get(run);
  if (waiters === undefined) byRun.set(run, waiters = new RealIdleWaiters());
  return waiters;
}

/** Whether somebody waits in `settled()` in this run: then a clock must not jump. */
export function someoneSettles(run: object): boolean {
  return (byRun.get(run)?.size ?? 0) > 0;
}

/**
 * Real time: each time the run comes to rest, look a turn later whether it still rests, and then for as long as the
 * smallest cushion. Coming to rest again in between means that somebody ran, so it begins anew.
 */
class RealIdleWaiters extends IdleWaiters {
  readonly #run = currentRun();
  #stop: (() => void) | null = null;
  #looking = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  override add(waker: Waker<void>, cushion: number): void {
    super.add(waker, cushion);
    this.#stop ??= onIdle(() => this.#rest());
    this.#rest();
  }

  override delete(waker: Waker<void>): void {
    super.delete(waker);
    if (this.size === 0) this.#end();
  }

  #rest(): void {
    hostClear(this.#timer);
    this.#timer = undefined;
    if (this.#looking) return;
    this.#looking = true;
    hostImmediate(() => {
      this.#looking = false;
      if (this.size === 0 || !this.#resting) return;
      const { cushion } = this;
      if (cushion === 0) this.#wake();
      else if (cushion !== Infinity) this.#timer = hostTimeout(() => this.#resting && this.#wake(), cushion);
    });
  }

  get #resting(): boolean {
    return this.#run.statistics().tasksRunning === 0;
  }

  #wake(): void {
    this.wakeFirst();
    if (this.size === 0) this.#end();
  }

  #end(): void {
    this.#stop?.();
    this.#stop = null;
    hostClear(this.#timer);
  }
}
