/** Time that stands still while anything can happen, and then jumps to the next deadline. */

import { type Alarm, AlarmQueue, type Clock, type RunView } from "../../core/lowlevel.ts";
import type { DriverView } from "./driver_view.ts";

/** A clock at 0, moved by `jump()` and `freeze()` only. */
export class VirtualClock implements Clock {
  readonly deterministic = true;
  readonly #alarms = new AlarmQueue();
  /** The deadlines of scopes. */
  readonly #deadlines = new AlarmQueue();
  readonly #epoch: number;
  /** The run on this clock; set by `start()`. */
  run: RunView | null = null;
  /** The simulation it is the time of; `null` once that is over. Written by `simulateAt()`. */
  driver: DriverView | null = null;
  /** How many alarms are unref'd: they fire when time passes them, and move none. Written by the timers. */
  unreferenced = 0;
  #now = 0;

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#epoch + Math.floor(this.#now);
  }

  at<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    // One in the past is due now: time never goes back.
    return this.#alarms.add(Math.max(deadline, this.#now), fire, arg);
  }

  atDeadline<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    return this.#deadlines.add(Math.max(deadline, this.#now), fire, arg);
  }

  start(run: RunView): void {
    this.run = run;
  }

  /** When time has a reason to move to: the next alarm, if there is any that may move time; else `Infinity`. */
  get next(): number {
    const next = Math.min(this.#alarms.next, this.#deadlines.next);
    // What is overdue after a freeze is due now.
    if (next <= this.#now) return this.#now;
    // A program that waits for its peer lives, and so do its timers, also those that would not keep it alive.
    const lives = this.driver !== null && this.driver.ledger.answers > 0;
    return lives || this.#alarms.size + this.#deadlines.size > this.unreferenced ? next : Infinity;
  }

  /**
   * Moves to the time of the next alarm and fires: all deadlines that have passed by then, at once, or else that one
   * alarm. So no code takes a step after its deadline, however many pass at one instant, or while time stood still.
   */
  jump(): void {
    this.#move(this.next);
    if (this.deadlineDue) this.fireDeadlines();
    else this.fireNext();
  }

  /** Whether the deadline of a scope has passed that has not fired. */
  get deadlineDue(): boolean {
    return this.#deadlines.next <= this.#now;
  }

  /** When the next deadline of a scope is; `Infinity` if there is none. */
  get nextDeadline(): number {
    return this.#deadlines.next;
  }

  /** Fires all deadlines of scopes that have passed. */
  fireDeadlines(): void {
    while (this.#deadlines.fireOne(this.#now));
  }

  /** Fires the next other alarm that is due; returns whether there was one. */
  fireNext(): boolean {
    return this.#alarms.fireOne(this.#now);
  }

  /** Lets time pass with nothing running in it. */
  freeze(ms: number): void {
    this.#move(this.#now + ms);
  }

  #move(to: number): void {
    if (to === this.#now) return;
    this.#now = to;
    this.run?.refreshTime();
  }
}
