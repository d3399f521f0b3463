/**
 * The clock of an explored run: when time reaches an instant, the alarms that are due stand beside the tasks that can go
 * on, and whoever explores says which one comes next. The deadlines of scopes still come before them, all at once, so
 * that no code takes a step after its deadline.
 */

import type { Alarm } from "../../core/lowlevel.ts";
import { currentTask } from "../../core/mod.ts";
import { VirtualClock } from "../driver/virtual_clock.ts";
import type { Candidate } from "./candidates.ts";

/** An alarm that waits for its turn once it is due. */
class ExploredAlarm implements Alarm, Candidate {
  readonly deadline: number;
  readonly id = currentTask().id;
  standsBack = 0;
  readonly #clock: ExploredClock;
  readonly #fire: (arg: unknown) => void;
  readonly #arg: unknown;
  /** Where it stands until it is due. Written by the clock. */
  queued: Alarm | null = null;

  constructor(clock: ExploredClock, deadline: number, fire: (arg: unknown) => void, arg: unknown) {
    this.#clock = clock;
    this.deadline = deadline;
    this.#fire = fire;
    this.#arg = arg;
  }

  cancel(): void {
    this.queued?.cancel();
    this.#clock.remove(this);
  }

  go(): void {
    this.#clock.remove(this);
    this.#fire(this.#arg);
  }

  /** It is due. */
  static arrive(alarm: ExploredAlarm): void {
    alarm.queued = null;
    alarm.#clock.due.push(alarm);
  }
}

const { arrive } = ExploredAlarm;

/** What the clock asks of whoever explores. */
export interface ClockOptions {
  /** By how much an alarm may be late, as a part of its delay. */
  readonly lateness: number;
  /** Random numbers for that. */
  readonly random: () => number;
  /** Lets one of the alarms go on that are due. */
  readonly choose: () => void;
}

/** See the header. */
export class ExploredClock extends VirtualClock {
  /** The alarms that are due, in the order in which a plain run would fire them. */
  readonly due: Candidate[] = [];
  readonly #options: ClockOptions;

  constructor(epoch: number, options: ClockOptions) {
    super(epoch);
    this.#options = options;
  }

  override at<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    const alarm = new ExploredAlarm(this, this.#late(deadline), fire as (arg: unknown) => void, arg);
    alarm.queued = super.at(alarm.deadline, arrive, alarm);
    return alarm;
  }

  override atDeadline<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    return super.atDeadline(this.#late(deadline), fire, arg);
  }

  override get next(): number {
    return this.due.length > 0 ? this.now() : super.next;
  }

  /** Brings in what has become due, and lets one of it go on. */
  override fireNext(): boolean {
    this.collect();
    if (this.due.length === 0) return false;
    this.#options.choose();
    return true;
  }

  /** Brings in what has become due. */
  collect(): void {
    while (super.fireNext());
  }

  /** Takes an alarm off the list. */
  remove(alarm: Candidate): void {
    const at = this.due.indexOf(alarm);
    if (at >= 0) this.due.splice(at, 1);
  }

  #late(deadline: number): number {
    const { lateness, random } = this.#options;
    const now = this.now();
    return lateness === 0 || !(deadline > now && deadline < Infinity)
      ? deadline
      : deadline + (deadline - now) * lateness * random();
  }
}
