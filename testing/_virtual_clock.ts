/** Time that stands still while anything can happen, and then jumps to the next deadline. */

import { type Alarm, AlarmQueue, type Clock, type RunView } from "../core/mod.ts";

/** Any fixed date will do; this one is easy to recognise in a log. */
const EPOCH = Date.UTC(2000, 0, 1);

/** A clock at 0, moved by `jump()` only. */
export class VirtualClock implements Clock {
  readonly #alarms = new AlarmQueue();
  /** The run on this clock; set by `start()`. */
  run: RunView | null = null;
  #now = 0;

  now(): number {
    return this.#now;
  }

  wall(): number {
    return EPOCH + Math.floor(this.#now);
  }

  at<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    // One in the past is due now: time never goes back.
    return this.#alarms.add(Math.max(deadline, this.#now), fire, arg);
  }

  start(run: RunView): void {
    this.run = run;
  }

  /** When the next alarm is due; `Infinity` if none is. */
  get next(): number {
    return this.#alarms.next;
  }

  /** Moves to the next alarm's time and fires that one alarm. */
  jump(): void {
    this.#now = this.#alarms.next;
    this.#alarms.fireOne(this.#now);
  }
}
