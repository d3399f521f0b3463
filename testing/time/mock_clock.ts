/** Trio's clock for tests: for people who know it, and for programs under `run()` that are tested from outside. */

import { type Alarm, AlarmQueue, type Clock, type RunView } from "../../core/lowlevel.ts";
import { hostClear, hostDate, hostImmediate, hostNow, reportHook, requireTimeout } from "../../core/internal.ts";
import { requireFinite, requireKnown } from "../base/check.ts";
import { realTimer } from "../base/real_timer.ts";
import { someoneSettles } from "../driver/real_idle_waiters.ts";

/**
 * Options of `MockClock`.
 *
 * @category Simulation
 */
export interface MockClockOptions {
  /**
   * Virtual milliseconds per real millisecond: 0 stands still, 1 is real time.
   *
   * @default {0}
   */
  readonly rate?: number;
  /**
   * How long all tasks must have been waiting before the clock jumps to the next deadline, in real milliseconds. With
   * `Infinity` it never jumps.
   *
   * @default {Infinity}
   */
  readonly autojumpThreshold?: number;
}

/**
 * A clock for `run()` that is moved by hand, at a rate of its own, or jumps when nothing else happens.
 *
 * It begins at 0. With `autojumpThreshold: 0` it is the clock of Trio's tests. Prefer `simulated()`: this clock neither
 * knows of foreign promises and operations of the host, nor reports deadlocks, nor moves `setTimeout()` and `Date`.
 * Runs may share a clock: it jumps when all of them wait.
 *
 * **Order:** the waits in `settled()` come before a jump.
 *
 * @example An hour in no time
 * ```ts
 * import { currentTime, MockClock, run, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await run(async () => {
 *   await sleep(3_600_000);
 *   assertEquals(currentTime(), 3_600_000);
 * }, { clock: new MockClock({ autojumpThreshold: 0 }) });
 * ```
 *
 * @category Simulation
 */
export class MockClock implements Clock {
  readonly #alarms = new AlarmQueue(0, () => this.#rearm());
  /** The virtual time at the real instant `#since`. Both are written by `#rebase()`. */
  #base = 0;
  #since = hostNow();
  #rate = 0;
  #threshold = Infinity;
  /** The runs on this clock that have not ended. */
  readonly #runs = new Set<RunView>();
  /** The real timer behind a rate that is not 0. */
  #ringer: ReturnType<typeof setTimeout> | undefined;
  #rearming = false;
  /** The real timer before a jump. */
  #jumper: ReturnType<typeof setTimeout> | undefined;
  #checking = false;

  /**
   * Makes a clock at 0.
   *
   * @param options Rate and threshold.
   * @throws {RangeError} If an option is negative or `NaN`, or `rate` is infinite.
   */
  constructor(options: MockClockOptions = {}) {
    requireKnown("make a MockClock", options, ["rate", "autojumpThreshold"]);
    this.rate = options.rate ?? 0;
    this.autojumpThreshold = options.autojumpThreshold ?? Infinity;
  }

  /** Virtual milliseconds per real millisecond. Can be set at any time; time goes on from where it is. */
  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    requireFinite("set the clock", "rate", rate);
    this.#rebase();
    this.#rate = rate;
    this.#rearm();
  }

  /**
   * How long all tasks must have been waiting before a jump, in real milliseconds. Can be set at any time, with effect
   * at once.
   */
  get autojumpThreshold(): number {
    return this.#threshold;
  }

  set autojumpThreshold(ms: number) {
    requireTimeout("set the clock", "autojumpThreshold", ms);
    this.#threshold = ms;
    this.idle();
  }

  /**
   * Moves time on. Whatever is due by then runs in a later turn of the event loop.
   *
   * @param ms How far, in virtual milliseconds.
   * @throws {RangeError} If `ms` is negative or not finite.
   */
  jump(ms: number): void {
    requireFinite("jump", "ms", ms);
    this.#rebase();
    this.#base += ms;
    this.#rearm();
  }

  /** Virtual milliseconds since the clock was made. */
  now(): number {
    return this.#rate === 0 ? this.#base : this.#base + this.#rate * (hostNow() - this.#since);
  }

  /** The date, which is the host's: this clock knows none of its own. */
  wall(): number {
    return hostDate();
  }

  /**
   * Sets an alarm: see `Clock`.
   *
   * @param deadline When, in virtual milliseconds.
   * @param fire Called with `arg`.
   * @param arg Handed to `fire`.
   * @returns The alarm.
   */
  at<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    return this.#alarms.add(deadline, fire, arg);
  }

  /**
   * Sets an alarm for the deadline of a scope: see `Clock`.
   *
   * @param deadline When, in virtual milliseconds.
   * @param fire Called with `arg`.
   * @param arg Handed to `fire`.
   * @returns The alarm.
   */
  atDeadline<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    return this.#alarms.addDeadline(deadline, fire, arg);
  }

  /**
   * Called by the run when it begins.
   *
   * @param run The run.
   */
  start(run: RunView): void {
    this.#runs.add(run);
  }

  /** Called by the run when every task waits. */
  idle(): void {
    hostClear(this.#jumper);
    this.#jumper = undefined;
    if (this.#checking || this.#runs.size === 0 || this.#threshold === Infinity) return;
    this.#checking = true;
    hostImmediate(() => {
      this.#checking = false;
      if (!this.#resting) return;
      if (this.#threshold === 0) this.#autojump();
      else if (this.#threshold !== Infinity) {
        this.#jumper = realTimer(() => this.#resting && this.#autojump(), this.#threshold);
      }
    });
  }

  /** Called by the run when it has ended. */
  stop(): void {
    for (const run of this.#runs) if (run.statistics().tasksLiving === 0) this.#runs.delete(run);
    if (this.#runs.size > 0) return this.idle();
    hostClear(this.#jumper);
    hostClear(this.#ringer);
  }

  get #resting(): boolean {
    for (const run of this.#runs) if (run.statistics().tasksRunning > 0 || someoneSettles(run)) return false;
    return this.#runs.size > 0;
  }

  #autojump(): void {
    const { next } = this.#alarms;
    const now = this.now();
    if (next === Infinity) return;
    if (next > now) this.jump(next - now);
    // To the bit: the sum of the difference may have been rounded.
    if (this.#rate === 0) this.#base = Math.max(next, now);
  }

  /** Fires what is due. An alarm of the user's that throws must not take the others with it, nor end the process. */
  #fire(now: number): void {
    for (let more = true; more;) {
      try {
        more = this.#alarms.fireOne(now);
      } catch (error) {
        reportHook("Cannot go on with an alarm of the clock as its callback threw", error);
      }
    }
  }

  /** Makes the present the start of what follows. */
  #rebase(): void {
    const now = hostNow();
    this.#base += this.#rate * (now - this.#since);
    this.#since = now;
  }

  /** Brings the real timer up to date, once a turn. */
  #rearm(): void {
    if (this.#rearming) return;
    this.#rearming = true;
    hostImmediate(() => {
      this.#rearming = false;
      this.#ring();
    });
  }

  /** Fires what is due, and sets the real timer for the rest. */
  #ring(): void {
    hostClear(this.#ringer);
    this.#ringer = undefined;
    const now = this.now();
    this.#fire(now);
    const { next } = this.#alarms;
    if (this.#runs.size === 0 || this.#rate === 0 || next === Infinity) return;
    const delay = Math.max(0, Math.ceil((next - this.now()) / this.#rate));
    this.#ringer = realTimer(() => this.#ring(), delay);
  }
}
