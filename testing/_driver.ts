/**
 * The driver of a simulation: decides when time may move.
 *
 * One step a turn of the event loop; so before each, every microtask has run. In this order:
 *
 *     wake-ups put off to a later turn, immediates → another turn
 *     host operations in flight                    → time stands still until something happens
 *     a task that waits for nothing known          → it awaits a foreign promise: a grace, once, then it is "quiet"
 *                                                    until it acts again (see `onForeign`)
 *     an alarm that is due now                     → fire that one
 *     somebody in settled()                        → wake them
 *     an alarm                                     → jump to it, fire that one
 *     nothing                                      → deadlock: cancel the run, and go on for its cleanup
 *
 * Who waits for what is in the ledger; how long all this may go on, in the limits.
 */

import {
  beginHostOperation,
  currentTask,
  DeadlockError,
  ErrorGroup,
  type Instrument,
  isCancelled,
  type Task,
  type WaitReason,
} from "../core/mod.ts";
import { hostClear, hostClearImmediate, hostImmediate, hostTimeout } from "../core/internal.ts";
import type { Bubble } from "./_globals.ts";
import { IdleWaiters } from "./_idle_waiters.ts";
import type { Leak } from "./_leaks.ts";
import { Ledger } from "./_ledger.ts";
import { Limits } from "./_limits.ts";
import { describeReason, formatTime, renderTree, withoutStack } from "./_report.ts";
import type { SimulateOptions } from "./simulate.ts";
import { placed, type Site, Sites } from "./_sites.ts";
import { describeTimer, type TimerHost, type TimerKind, VirtualTimer } from "./_timers.ts";
import type { VirtualClock } from "./_virtual_clock.ts";

/** How many places a simulation takes: of waits, timers and resources. At 4 us each, so some 10 ms at most. */
const SITES = 2_000;

/** See the header. An instrument of the run it drives: that is how it hears of activity. */
export class Driver implements Instrument, TimerHost, Bubble {
  /** Who waits in `settled()`. */
  readonly settling = new IdleWaiters();
  readonly clock: VirtualClock;
  /** What is open, of the kinds that have to be closed. */
  readonly open = new Set<Leak>();
  /** Whether the body has returned or thrown. Written by `simulate()`. */
  bodyEnded = false;
  readonly #options: Required<Pick<SimulateOptions, "io" | "realTimeout" | "foreignGrace" | "onForeign">>;
  readonly #limits: Limits;
  readonly #abort = new AbortController();
  readonly #origin: Site | null;
  readonly #sites = new Sites(SITES);
  readonly #ledger = new Ledger();
  /** Whether the host's operations have been quiet for as long as `io` says. */
  #hostQuiet = false;
  readonly #timers = new Set<VirtualTimer>();
  readonly #immediates = new Set<unknown>();
  readonly #operations: Leak[] = [];
  readonly #forgotten: Leak[] = [];
  /** What was thrown where nobody could catch it. */
  readonly #strays: unknown[] = [];
  #failure: Error | null = null;
  #giveUp: (error: Error) => void = () => {};
  #onDrained: (() => void) | null = null;
  #done = false;
  /** While the driver sleeps until something happens. */
  #sleeping: ReturnType<typeof setTimeout> | null = null;

  /** `origin` is the place of the test. */
  constructor(clock: VirtualClock, options: SimulateOptions, origin: Site | null) {
    this.clock = clock;
    this.#origin = origin;
    this.#options = {
      io: options.io ?? "freeze",
      realTimeout: options.realTimeout ?? 10_000,
      foreignGrace: options.foreignGrace ?? 20,
      onForeign: options.onForeign ?? "grace",
    };
    this.#limits = new Limits(options);
  }

  /** Cancels the run. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Drives until the run has ended; returns its value or throws its error, the driver's own, or strays. */
  async drive<T>(outcome: Promise<T>): Promise<T> {
    const stuck = new Promise<never>((_, reject) => this.#giveUp = reject);
    hostImmediate(this.#step);
    try {
      const value = await Promise.race([outcome, stuck]);
      // Rejections that nobody handles are reported at the end of a turn.
      await turn();
      if (this.#failure !== null) throw this.#failure;
      this.#throwStrays();
      return value;
    } catch (error) {
      if (this.#failure !== null) throw this.#failure;
      await turn();
      this.#throwStrays(error);
      throw error;
    } finally {
      this.#done = true;
      this.#wakeUp();
    }
  }

  /** How many waits, granted at once or not, this task has made. */
  pointsOf(task: Task): number {
    return this.#ledger.records.get(task)?.points ?? 0;
  }

  // What the run tells.

  taskSpawned(task: Task): void {
    this.#ledger.spawned(task);
  }

  blocked(task: Task, reason: WaitReason): void {
    this.#ledger.began(task, reason, this.#sites.take());
    this.#wakeUp();
  }

  resumed(task: Task, reason: WaitReason): void {
    this.#ledger.ended(task, reason);
    this.#wakeUp();
    this.#count(task);
  }

  taskExited(task: Task): void {
    this.#ledger.exited(task);
    this.#wakeUp();
  }

  hostOperationStarted(label: string): void {
    this.#operations.push({ kind: "hostOperations", label, site: this.#sites.take(), task: currentTask().name });
    this.#hostQuiet = false;
    this.#wakeUp();
  }

  hostOperationEnded(label: string): void {
    const at = this.#operations.findIndex((operation) => operation.label === label);
    if (at >= 0) this.#operations.splice(at, 1);
    this.#hostQuiet = false;
    this.#wakeUp();
    if (this.#operations.length === 0) this.#onDrained?.();
  }

  forgottenWait(task: Task, reasons: readonly WaitReason[]): void {
    const waits = this.#ledger.records.get(task)?.list() ?? [];
    for (const reason of reasons) {
      const site = waits.find((wait) => wait.reason === reason)?.site ?? null;
      this.#forgotten.push({ kind: "forgottenWaits", label: describeReason(reason), site, task: task.name });
    }
  }

  // What the globals do inside.

  now(): number {
    return this.clock.now();
  }

  wall(): number {
    return this.clock.wall();
  }

  timer(kind: TimerKind, ms: number, callback: (...args: unknown[]) => void, args: readonly unknown[]): unknown {
    return new VirtualTimer(this, kind, ms, callback, args);
  }

  immediate(callback: (...args: unknown[]) => void, args: readonly unknown[]): unknown {
    const task = currentTask();
    const handle = hostImmediate(() => {
      this.#immediates.delete(handle);
      this.#ledger.acted(task);
      this.#count(task);
      try {
        callback(...args);
      } catch (error) {
        this.stray(error);
      }
    });
    this.#immediates.add(handle);
    this.#wakeUp();
    return handle;
  }

  clearImmediate(handle: unknown): void {
    if (this.#immediates.delete(handle)) hostClearImmediate(handle as never);
    this.#wakeUp();
  }

  operation(label: string): () => void {
    const begun = beginHostOperation(label);
    return () => begun.end();
  }

  /** Fails the simulation with an error that nobody could catch. */
  stray(error: unknown): void {
    this.#strays.push(error);
    this.#abort.abort(error);
    this.#wakeUp();
  }

  // What timers tell.

  takeSite(): Site | null {
    return this.#sites.take();
  }

  timerArmed(timer: VirtualTimer): void {
    this.#timers.add(timer);
    if (timer.hasRef()) this.#ledger.timerArmed(timer);
    else this.clock.unreferenced++;
    this.#wakeUp();
  }

  timerGone(timer: VirtualTimer): void {
    this.#timers.delete(timer);
    if (timer.hasRef()) this.#ledger.timerGone(timer);
    else {
      this.clock.unreferenced--;
      this.#ledger.acted(timer.task);
    }
    this.#count(timer);
    this.#wakeUp();
  }

  readonly #step = (): void => {
    if (this.#done) return;
    const { clock, clock: { run } } = this;
    if (run === null) return;
    const { tasksLiving, wakeUps } = run.statistics();
    const { io, realTimeout } = this.#options;
    if (tasksLiving === 0) return;
    if (wakeUps > 0 || this.#immediates.size > 0) return this.#again();
    if (this.#operations.length > 0) {
      if (io === "freeze") return this.#sleep(realTimeout, () => this.#fail(this.#frozen()));
      if (!this.#hostQuiet) return this.#sleep(io.quiet, () => this.#hostQuiet = true);
    }
    if (this.#ledger.restless > 0) return this.#awaitForeign();
    const { next } = clock;
    // What is due at this very instant is part of what happens now.
    if (this.settling.size > 0 && next > clock.now()) this.settling.wakeFirst();
    else if (next === Infinity) {
      this.#fail(
        new DeadlockError(
          `Cannot go on as nothing can ever wake up (t=${formatTime(clock.now())}):${
            this.bodyEnded && this.#failure === null ? " the body has ended, and its background has not" : ""
          }\n${this.tree()}`,
        ),
      );
    } else if (next > this.#limits.latest) {
      this.#fail(
        new Error(
          `Cannot go on as more virtual time would pass than allowed: ${
            formatTime(next)
          } (option maxVirtual)\n${this.tree()}${this.#pendingTimers()}`,
        ),
      );
    } else {
      if (next > clock.now()) this.#limits.moved();
      clock.jump();
    }
    this.#again();
  };

  /** Some task awaits what nobody knows of. */
  #awaitForeign(): void {
    const { onForeign, foreignGrace, realTimeout } = this.#options;
    if (onForeign === "grace") return this.#sleep(foreignGrace, () => this.#ledger.endGrace());
    const report = (what: string): void => {
      const names = this.#ledger.restlessNames().map((name) => `"${name}"`).join(", ");
      // The grace of cleanup: a task that cannot be reached would fail it a second time.
      this.#ledger.endGrace();
      this.#fail(new Error(`Cannot go on as ${what}: task ${names} (option onForeign)\n${this.tree()}`));
      this.#again();
    };
    if (onForeign === "error") return report("a task awaits a promise that the library does not own");
    this.#sleep(
      realTimeout,
      () =>
        report(`a task awaits a promise that the library does not own and nothing has happened for ${realTimeout}ms`),
    );
  }

  /** The task tree with the places where its waits began. */
  tree(): string {
    return renderTree(this.clock.run!.taskTree(), this.#ledger.records, this.#origin);
  }

  #again(): void {
    hostImmediate(this.#step);
  }

  /** Sleeps in real time until something happens; `quiet` is called if nothing did. */
  #sleep(ms: number, quiet: () => void): void {
    this.#sleeping = hostTimeout(() => {
      this.#sleeping = null;
      quiet();
      this.#again();
    }, ms);
  }

  #wakeUp(): void {
    if (this.#sleeping === null) return;
    hostClear(this.#sleeping);
    this.#sleeping = null;
    this.#again();
  }

  /** Counts a wait that ended, or a timer that fired. */
  #count(by: Task | VirtualTimer): void {
    const excess = this.#limits.count(by, this.clock.now());
    if (excess !== null) this.#fail(excess);
  }

  /**
   * Cancels the run with an error, which is what `drive()` throws in the end. Cleanup then runs under the same rules,
   * with limits of its own; when it breaks one as well, the run is left as it is, as it would never end.
   */
  #fail(error: Error): void {
    const first = this.#failure;
    if (first === null) {
      this.#failure = withoutStack(error);
      this.#limits.renew(this.clock.now());
      this.#abort.abort(error);
      return;
    }
    const Class = error instanceof DeadlockError ? DeadlockError : Error;
    this.#failure = withoutStack(new Class(`${first.message}\nand cleanup got stuck:\n${error.message}`));
    this.#giveUp(this.#failure);
    this.#done = true;
  }

  #frozen(): Error {
    const operations = this.#operations.map(({ label, site }) => `${label}${placed(site)}`);
    return new Error(
      `Cannot go on as operations of the host are in flight and nothing has happened for ${this.#options.realTimeout}ms: ${
        operations.join(", ")
      } ` +
        "(virtual time stands still meanwhile: use io: { quiet: 50 } with real listeners)",
    );
  }

  /** The timers that would go on moving time, a line each. */
  #pendingTimers(): string {
    const timers = [...this.#timers].filter((timer) => timer.hasRef()).slice(0, 10);
    if (timers.length === 0) return "";
    const lines = timers.map((timer) => `  ${describeTimer(timer)}${placed(timer.site)}, task "${timer.task.name}"`);
    return `\ntimers left:\n${lines.join("\n")}`;
  }

  /** Throws what nobody could catch, together with the error of the run, if that has one of its own. */
  #throwStrays(error?: unknown): void {
    const strays = this.#strays;
    if (strays.length === 0) return;
    const errors = error === undefined || isCancelled(error) || strays.includes(error) ? strays : [error, ...strays];
    throw errors.length === 1 ? errors[0] : new ErrorGroup(errors);
  }

  /** Lets operations of the host end whose tasks have ended already: a closed socket needs a turn or two for that. */
  async drain(): Promise<void> {
    if (this.#operations.length === 0) return;
    await new Promise<void>((resolve) => {
      const timer = hostTimeout(resolve, this.#options.foreignGrace);
      this.#onDrained = () => {
        hostClear(timer);
        resolve();
      };
    });
  }

  /** What is left when everything has ended. */
  leaks(): Leak[] {
    const leaks: Leak[] = [...this.#forgotten, ...this.open, ...this.#operations];
    for (const timer of this.#timers) {
      if (!timer.hasRef() || timer.kind === "signal") continue;
      leaks.push({ kind: "timers", label: describeTimer(timer), site: timer.site, task: timer.task.name });
    }
    return leaks;
  }
}

/** Resolves in the next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void hostImmediate(resolve));
}
