/** Token-bucket rate limiting. */

import type { Alarm } from "../time/alarm_queue.ts";
import { faultOf, requireInteger, requireName, show } from "../base/check.ts";
import type { Clock } from "../time/clock.ts";
import type { NamedOptions } from "../base/named.ts";
import { currentNode } from "../kernel/context.ts";
import { refusedAfterTurn } from "../kernel/composed_wait.ts";
import { inspectable } from "../base/inspect.ts";
import { formatTime } from "../base/format_time.ts";
import type { StatusNode } from "../kernel/node.ts";
import { refuse, Waiter, yieldTurn } from "../kernel/waiter.ts";
import type { WaitReason } from "../kernel/wait_reason.ts";
import { WaitQueue } from "../kernel/wait_queue.ts";

/**
 * Options of `RateLimiter`.
 *
 * @category Synchronisation
 */
export interface RateLimiterOptions extends NamedOptions {
  /**
   * The length of one period, in milliseconds.
   *
   * @default {1000}
   */
  readonly per?: number;
  /**
   * How many tokens the bucket holds; they can be taken at once after a pause. With 1, calls are evenly spaced; a larger
   * burst allows up to `rate + burst` in one period.
   *
   * @default {1}
   */
  readonly burst?: number;
}

/**
 * Numbers of a `RateLimiter`, for debugging.
 *
 * @category Synchronisation
 */
export interface RateLimiterStatistics {
  /** How many tasks wait. */
  readonly tasksWaiting: number;
  /** How many tokens could be taken at once if no task waited; need not be whole. */
  readonly available: number;
}

/**
 * Limits how often something is done: a token bucket on the run's clock.
 *
 * The bucket begins full. No timer is set while no task waits.
 *
 * **Order:** strictly first come, first served: a small request does not overtake a large one.
 *
 * @example Ten requests a second
 * ```ts
 * import { currentTime, RateLimiter, simulate } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const times: number[] = [];
 * await simulate(async () => {
 *   const limiter = new RateLimiter(10);
 *   for (let i = 0; i < 3; i++) {
 *     await limiter.acquire();
 *     times.push(currentTime());
 *   }
 * });
 * assertEquals(times, [0, 100, 200]);
 * ```
 *
 * @category Synchronisation
 */
export class RateLimiter {
  static {
    inspectable(this, "RateLimiter", (limiter) => ({
      name: limiter.#name,
      interval: limiter.#interval,
      burst: limiter.#burst,
      ...limiter.statistics(),
    }));
  }

  readonly #name: string;
  /** Milliseconds for one token. */
  readonly #interval: number;
  readonly #burst: number;
  readonly #waiters = new WaitQueue<void>();
  /**
   * When the bucket was empty, or will be: it holds `(now - #empty) / #interval` tokens, at most `#burst`. Kept as a
   * time, not as a count that is added to, so that no rounding errors pile up and virtual times are exact.
   */
  #empty = -Infinity;
  /** The clock that `#empty` is a time of. */
  #clock: Clock | null = null;
  /** Rings when the first in line can be served. */
  #alarm: Alarm | null = null;

  /**
   * Makes a limiter whose bucket is full.
   *
   * @param rate How many tokens are added per period; need not be whole.
   * @param options The period, the burst, and a name.
   * @throws {RangeError} If `rate` or `per` is not a finite number > 0, or `burst` not a whole number >= 1.
   * @throws {TypeError} If one of them is not a number, or the name not a string.
   */
  constructor(rate: number, options: RateLimiterOptions = {}) {
    this.#name = requireName("make a RateLimiter", options);
    const { per = 1_000, burst = 1 } = options;
    requirePositive("rate", rate);
    requirePositive("per", per);
    requireInteger("make a RateLimiter", "burst", burst, 1, 2 ** 31);
    this.#interval = per / rate;
    this.#burst = burst;
  }

  /**
   * Takes one token, or several together, waiting until that is allowed.
   *
   * **Cancellation:** throws `Cancelled`; nothing was taken, and the tasks behind move up.
   *
   * @param count How many to take together; at most the burst.
   * @returns A promise that resolves when it is allowed.
   * @throws {RangeError} If `count` is not a whole number from 1 to the burst.
   * @throws {TypeError} If tasks of another run, with another clock, are waiting.
   */
  acquire(count = 1): Promise<void> {
    const node = currentNode();
    if (node.cancelled !== null) return refuse(node);
    const fault = faultOf(() => requireInteger("acquire", "count", count, 1, this.#burst));
    if (fault !== null) return Promise.reject(fault);
    const mixed = this.#adoptClock(node);
    if (mixed !== null) return refusedAfterTurn(node, mixed);
    if (this.#waiters.size === 0) {
      let now: number;
      try {
        now = node.task.runtime.clock.now();
      } catch (error) {
        return Promise.reject(error);
      }
      const due = this.#due(count, now);
      if (due <= now) {
        this.#empty = due;
        return yieldTurn(node, undefined);
      }
    }
    const waiter = new RateWaiter(node, count, this.#reason(count), (waiter) => this.#leave(waiter));
    this.#waiters.add(waiter);
    if (this.#waiters.first === waiter) this.#serve();
    return waiter.begun();
  }

  /**
   * Takes one token, or several together, without waiting.
   *
   * @param count How many to take together; at most the burst.
   * @returns Whether they were taken. `false`: that is not allowed yet, or other tasks wait.
   * @throws {RangeError} If `count` is not a whole number from 1 to the burst.
   * @throws {TypeError} If tasks of another run, with another clock, are waiting.
   */
  tryAcquire(count = 1): boolean {
    const node = currentNode();
    requireInteger("acquire", "count", count, 1, this.#burst);
    const mixed = this.#adoptClock(node);
    if (mixed !== null) throw mixed;
    const now = node.task.runtime.clock.now();
    const due = this.#due(count, now);
    if (this.#waiters.size > 0 || due > now) return false;
    this.#empty = due;
    return true;
  }

  /** Returns a snapshot of the counters, for debugging. */
  statistics(): RateLimiterStatistics {
    const now = this.#clock?.now() ?? 0;
    return { tasksWaiting: this.#waiters.size, available: Math.min(this.#burst, (now - this.#empty) / this.#interval) };
  }

  /** When so many will be there. */
  #due(count: number, now: number): number {
    // Not `now - burst + count`, which rounds to a time after now for a full bucket.
    return Math.max(this.#empty + count * this.#interval, now - (this.#burst - count) * this.#interval);
  }

  /** Goes over to the clock of the caller; returns why that cannot be done. */
  #adoptClock({ task: { runtime: { clock } } }: StatusNode): Error | null {
    if (clock === this.#clock) return null;
    if (this.#waiters.size > 0) {
      return new TypeError(
        "Cannot acquire as a RateLimiter can be waited for in one run at a time: make one for each run",
      );
    }
    this.#clock = clock;
    this.#empty = -Infinity;
    return null;
  }

  /** Serves those whose time has come, and sets the alarm for the next. */
  #serve(): void {
    this.#alarm?.cancel();
    this.#alarm = null;
    const clock = this.#clock as Clock;
    try {
      for (let first = this.#waiters.first; first !== null; first = this.#waiters.first) {
        const now = clock.now();
        const due = this.#due((first as RateWaiter).count, now);
        if (due > now) {
          this.#alarm = clock.at(due, serve, () => this.#serve());
          return;
        }
        this.#empty = due;
        first.wake();
      }
    } catch (error) {
      // A clock of the user's: without it nobody in line would be served any more.
      this.#waiters.failAll(error);
    }
  }

  #leave(waiter: RateWaiter): void {
    const wasFirst = this.#waiters.first === waiter;
    this.#waiters.remove(waiter);
    if (wasFirst) this.#serve();
  }

  #reason(count: number): WaitReason {
    const label = () =>
      `${this.#name === "" ? "" : `"${this.#name}" `}(${count === 1 ? "" : `${count} together, `}next at t=${
        formatTime(this.#alarm?.deadline ?? 0)
      })`;
    return { kind: "rate limit", label, resource: this, untilTime: true };
  }
}

const serve = (next: () => void): void => next();

class RateWaiter extends Waiter<void> {
  constructor(node: StatusNode, readonly count: number, reason: WaitReason, leave: (waiter: RateWaiter) => void) {
    super(node, reason, (_cancelled, waiter) => {
      leave(waiter as RateWaiter);
      return true;
    });
  }
}

function requirePositive(name: string, value: unknown): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot make a RateLimiter as "${name}" must be a number: received ${show(value)}`);
  }
  if (!(value > 0 && value < Infinity)) {
    throw new RangeError(`Cannot make a RateLimiter as "${name}" must be a finite number > 0: received ${value}`);
  }
}
