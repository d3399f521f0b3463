/**
 * The host's time, as a clock.
 *
 * A clock owns the deadline queue, so that virtual time can order the alarms of the library among the timers
 * of the program, and jump. The real clock is shared by all runs: however many deadlines are set, the host sees
 * one timer. That timer is brought up to date at most once per turn of the event loop (`setImmediate`, 1.6 us),
 * not at every change (clearing and setting costs 1.8 us each time): a loop of `failAfter` around quick calls
 * touches it hardly ever.
 */

import { hostClear, hostDate, hostImmediate, hostNow, hostTimeout, LONGEST_DELAY } from "../base/host_time.ts";
import { reportHook } from "../base/report_hook.ts";
import { type Alarm, AlarmQueue } from "../time/alarm_queue.ts";
import type { Clock } from "../time/clock.ts";

/** `setTimeout` with a longer delay fires at once. */
/** One millisecond is what host timers can tell apart. */
const HOST_RESOLUTION = 1;

/** What the real clock needs of the host. */
export interface HostTime {
  readonly now: () => number;
  readonly setTimeout: typeof hostTimeout;
  readonly clearTimeout: typeof hostClear;
  readonly setImmediate: typeof hostImmediate;
}

/** See the header. */
export class RealClock implements Clock {
  readonly #host: HostTime;
  /** The instant the host timer is set for; `Infinity` without one. Written by `#sync` and `#ring`. */
  #armed = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #syncing = false;
  readonly #alarms = new AlarmQueue(HOST_RESOLUTION, () => {
    if (this.#syncing) return;
    this.#syncing = true;
    this.#host.setImmediate(this.#sync);
  });

  constructor(host: HostTime) {
    this.#host = host;
  }

  now(): number {
    return this.#host.now();
  }

  wall(): number {
    return hostDate();
  }

  at<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    return this.#alarms.add(deadline, fire, arg);
  }

  atDeadline<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    return this.#alarms.addDeadline(deadline, fire, arg);
  }

  /** Sets the host timer to the earliest alarm. */
  readonly #sync = (): void => {
    this.#syncing = false;
    const { next } = this.#alarms;
    // One that rings too early does no harm, and is set again then: setting it later at each turn would cost more. But
    // where nothing is due at all, it would keep the process alive.
    if (next === this.#armed || (this.#armed < next && next !== Infinity)) return;
    this.#host.clearTimeout(this.#timer);
    this.#armed = next;
    // Rounded down, as the instant was rounded up, and host timers are never early: if this one is, it is set again.
    const delay = Math.min(Math.max(0, Math.floor(next - this.#host.now())), LONGEST_DELAY);
    this.#timer = next === Infinity ? undefined : this.#host.setTimeout(this.#ring, delay);
  };

  readonly #ring = (): void => {
    this.#armed = Infinity;
    const now = this.#host.now();
    // A callback that throws (a third party's) must not take the others with it.
    while (true) {
      try {
        if (!this.#alarms.fireOne(now)) break;
      } catch (error) {
        reportHook("Cannot go on with an alarm of the clock as its callback threw", error);
      }
    }
    this.#sync();
  };
}

/**
 * The clock of the host. All runs share it, as it keeps one host timer for all of them.
 *
 * @category Low level
 */
export const realClock: Clock = new RealClock({
  now: hostNow,
  setTimeout: hostTimeout,
  clearTimeout: hostClear,
  setImmediate: hostImmediate,
});
