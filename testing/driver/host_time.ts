/**
 * The time of one simulated host: a clock that is wrong, and a pause in which nothing of the host goes on.
 *
 *     RUNNING ──pause()──▶ PAUSED   what is due is put aside, in the order in which it falls due
 *        ▲────resume()──────┘       first all deadlines, then what has arrived, then the timers, a turn between each
 *
 * As when a process is stopped and goes on: the first thing that its event loop looks at is the time. So a wait whose
 * deadline has passed meanwhile is cancelled, although its answer has arrived meanwhile as well.
 */

import type { Alarm, AlarmQueue, Clock } from "../../core/lowlevel.ts";

/** What is wrong with a clock. */
export interface ClockFault {
  /** How far it is ahead, in milliseconds. */
  readonly skew: number;
  /** How much too fast it goes: 0.01 for 1 %. */
  readonly drift: number;
}

/** Whose queues the alarms are in. */
export interface AlarmHost {
  now(): number;
  /** The time of the simulation, for what belongs to no host. */
  readonly true: Clock;
  /** How many alarms are put aside, in no queue. Written by this file. */
  aside: number;
}

/** An alarm that rings on a host. */
class HostAlarm<A> implements Alarm {
  #time: HostTime;
  #queue: AlarmQueue;
  #fire: (arg: A) => void;
  #arg: A;
  #alarm: Alarm | null;
  readonly isDeadline: boolean;
  /** Its own, on the clock of the simulation. */
  readonly deadline: number;
  /** Whether it is due and waits for the end of a pause. Written by this class and `HostTime`. */
  aside = false;

  constructor(time: HostTime, parts: AlarmParts<A>) {
    this.#time = time;
    this.#queue = parts.queue;
    this.#fire = parts.fire;
    this.#arg = parts.arg;
    this.isDeadline = parts.isDeadline;
    this.deadline = parts.deadline;
    this.#alarm = this.#queue.add(this.deadline, ring, this as HostAlarm<A>);
  }

  cancel(): void {
    this.#alarm?.cancel();
    this.#alarm = null;
    if (this.aside) this.#time.forget(this as HostAlarm<unknown>);
  }

  ring(): void {
    this.#alarm = null;
    if (this.#time.paused) this.#time.putAside(this as HostAlarm<unknown>);
    else this.#fire(this.#arg);
  }

  /** Is due again, at once. */
  again(now: number): void {
    this.#alarm = this.#queue.add(now, ring, this as HostAlarm<A>);
  }
}

const ring = <A>(alarm: HostAlarm<A>): void => alarm.ring();

/** What an alarm is made of. */
export interface AlarmParts<A> {
  readonly queue: AlarmQueue;
  readonly deadline: number;
  readonly isDeadline: boolean;
  readonly fire: (arg: A) => void;
  readonly arg: A;
}

/** See the header. */
export class HostTime {
  paused = false;
  readonly #clock: AlarmHost;
  readonly #aside = new Set<HostAlarm<unknown>>();
  #fault: ClockFault = { skew: 0, drift: 0 };
  /** Since when its clock goes as it does, and how far it was ahead then by its drift. */
  #since = 0;
  #gained = 0;

  constructor(clock: AlarmHost) {
    this.#clock = clock;
  }

  /** Makes the clock go wrong from now on. */
  set(fault: ClockFault): void {
    const now = this.#clock.now();
    this.#gained += (now - this.#since) * this.#fault.drift;
    this.#since = now;
    this.#fault = fault;
  }

  get fault(): ClockFault {
    return this.#fault;
  }

  /** How far its clock is ahead. */
  get ahead(): number {
    const { skew, drift } = this.#fault;
    return skew + this.#gained + (this.#clock.now() - this.#since) * drift;
  }

  /** Sets an alarm of code that runs on this host: after a length of time as its clock measures it. */
  at<A>(parts: AlarmParts<A>): Alarm {
    const now = this.#clock.now();
    const { drift } = this.#fault;
    const deadline = drift === 0 || parts.deadline <= now ? parts.deadline : now + (parts.deadline - now) / (1 + drift);
    return new HostAlarm(this, { ...parts, deadline });
  }

  putAside(alarm: HostAlarm<unknown>): void {
    alarm.aside = true;
    this.#aside.add(alarm);
    this.#clock.aside++;
  }

  forget(alarm: HostAlarm<unknown>): void {
    if (!this.#aside.delete(alarm)) return;
    alarm.aside = false;
    this.#clock.aside--;
  }

  /** What was put aside is due: deadlines now, the rest once `arrive()` has handed over what has arrived. */
  resume(arrive: () => void): void {
    if (!this.paused) return;
    this.paused = false;
    const aside = [...this.#aside];
    for (const alarm of aside) if (alarm.isDeadline && alarm.aside) this.#release(alarm, () => alarm.ring());
    arrive();
    for (const alarm of aside) if (alarm.aside) this.#release(alarm, () => alarm.again(this.#clock.now()));
  }

  #release(alarm: HostAlarm<unknown>, how: () => void): void {
    this.forget(alarm);
    how();
  }
}
