/**
 * The driver of a simulation: decides when time may move.
 *
 * One step a turn of the event loop; so before each, every microtask has run. In this order:
 *
 *     wake-ups put off to a later turn             → another turn
 *     in an explored run, somebody who can go on   → let one go on
 *     immediates                                   → another turn
 *     host operations in flight                    → time stands still until something happens
 *     a task that waits for nothing known          → it awaits a foreign promise: a grace, once, then it is "quiet"
 *                                                    until it acts again (see `onForeign`)
 *     an alarm that is due now                     → fire that one
 *     somebody in settled()                        → wake them
 *     an alarm                                     → jump to it, fire that one
 *     nothing                                      → deadlock: cancel the run, and go on for its cleanup
 *
 * Over 400 lines, of which a third is what the run, the globals and the timers tell it: each of that is a line or two,
 * and concerns all the rest. The ledger knows what each task waits for, the limits how long all this may go on, and the
 * refusals which task goes on although it is cancelled. The hooks take notes only: what comes of them happens in the
 * next microtask, as a hook must not cancel.
 */

import {
  abandonRun,
  cancellationsIn,
  eachLeaf,
  formatTime,
  hostClear,
  hostImmediate,
  isObject,
  NOTHING,
  REFUSED,
  taskText,
  textOf,
  withoutFrames,
} from "../../core/internal.ts";
import { type Cancelled, currentTask, DeadlockError, ErrorGroup, isOnlyCancelled, type Task } from "../../core/mod.ts";
import {
  beginHostOperation,
  type Instrument,
  type Network,
  type Schedule,
  type WaitReason,
} from "../../core/lowlevel.ts";
import { HostResources } from "./host_resources.ts";
import { realTimer } from "../base/real_timer.ts";
import type { PendingRequest } from "./record.ts";
import type { DriverView } from "./driver_view.ts";
import { IdleWaiters } from "./idle_waiters.ts";
import { Immediates } from "./immediates.ts";
import { VirtualNetworkImpl } from "../net/virtual_network_impl.ts";
import { SimulatedHttp } from "./bubble_http.ts";
import { ambientIncarnation, joinIncarnation, leaveIncarnation } from "./incarnation.ts";
import type { Leak, Origin } from "./leak.ts";
import { Ledger } from "./ledger.ts";
import { Limits } from "./limits.ts";
import { Operations } from "./operations.ts";
import { seededRandom, SOURCES } from "./random.ts";
import { Refusals } from "./refusals.ts";
import { renderTree } from "./render.ts";
import type { SimulateSettings } from "./simulate_options.ts";
import type { Steering } from "./steering.ts";
import { placed, type Site, Sites } from "./sites.ts";
import { describeTimer, type TimerHost, type TimerKind, VirtualTimer } from "./timers.ts";
import type { VirtualClock } from "./virtual_clock.ts";
import { describeReason } from "./words.ts";

/** How many places a simulation takes: of waits, timers and resources. At 4 us each that is some 10 ms at most. */
const SITES = 2_000;
/** How far the tasks of this library hang below the user's, at most. */
const MOST_CALLERS = 4;

/** See the header. An instrument of the run it drives: that is how it hears of activity. */
export class Driver implements Instrument, TimerHost, DriverView {
  readonly settling = new IdleWaiters();
  readonly clock: VirtualClock;
  readonly open = new Set<Leak>();
  /** Whether the body has returned or thrown. Written by `simulateAt()`. */
  bodyEnded = false;
  readonly #settings: SimulateSettings;
  readonly #limits: Limits;
  readonly #abort = new AbortController();
  readonly #origin: Site | null;
  readonly http: SimulatedHttp | null;
  /** What `Math.random()` draws from, and `crypto`. */
  readonly random: () => number;
  readonly #bits: () => number;
  readonly #sites: Sites;
  /** Who decides who goes on next; `null` for first come, first served. */
  readonly #steering: Steering | null;
  readonly ledger = new Ledger();
  readonly #refusals = new Refusals(this.ledger);
  /** Whether the host's operations have been quiet for as long as `io` says. */
  #hostQuiet = false;
  readonly #timers = new Set<VirtualTimer>();
  readonly #immediates = new Immediates(() => this.#wakeUp());
  readonly operations = new Operations();
  readonly #resources = new HostResources();
  readonly #forgotten: Leak[] = [];
  /**
   * What the simulation has failed with, apart from the run: `#failure`, and errors nobody could catch; the first one
   * first.
   */
  readonly #failures: unknown[] = [];
  /** The errors for which nurseries have cancelled their tasks before any of those. */
  readonly #before = new WeakSet<object>();
  #failure: Error | null = null;
  /** What to fail with, in the next microtask. */
  #pendingFailure: Error | null = null;
  /** The task that passes over its cancellation. */
  #swallower: Task | null = null;
  #giveUp: (error: unknown) => void = () => {};
  #done = false;
  #givenUp = false;
  /** While the driver sleeps until something happens. */
  #sleeping: ReturnType<typeof setTimeout> | null = null;

  /** `origin` is the place of the test; `network` that of the run, if it has one of its own. */
  constructor(
    clock: VirtualClock,
    settings: SimulateSettings,
    { origin, network, steering }: {
      readonly origin: Site | null;
      readonly network: Network | null;
      readonly steering: Steering | null;
    },
  ) {
    this.clock = clock;
    this.#origin = origin;
    this.#steering = steering;
    this.#sites = new Sites(steering?.places === false ? 0 : SITES);
    this.http = network?.http === undefined ? null : new SimulatedHttp(
      network.http,
      this,
      () => network instanceof VirtualNetworkImpl ? network.background : null,
    );
    this.#settings = settings;
    this.random = seededRandom(settings.seed, SOURCES.math);
    this.#bits = seededRandom(settings.seed, SOURCES.crypto);
    this.#limits = new Limits(settings);
  }

  /** The schedule of the run, if it needs one. */
  get schedule(): Schedule | undefined {
    const steering = this.#steering;
    if (steering === null) return this.#settings.schedule;
    return (resume, task) => {
      if (this.#done) return resume();
      steering.add(resume, task);
      this.#wakeUp();
    };
  }

  /** Cancels the run. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * Drives until the run has ended. Returns its value, or throws what has failed: the error of the run, that of the
   * driver, those that nobody could catch; if there are several, as a group in which the root cause comes first.
   */
  async drive<T>(outcome: Promise<T>): Promise<T> {
    const stuck = new Promise<never>((_, reject) => this.#giveUp = reject);
    hostImmediate(this.#step);
    let value: T | undefined;
    let error: unknown = NOTHING;
    try {
      value = await Promise.race([outcome, stuck]);
    } catch (thrown) {
      error = thrown;
    }
    // Rejections that nobody handles are reported at the end of a turn.
    await turn();
    this.#done = true;
    this.#steering?.releaseAll();
    this.#wakeUp();
    await this.#drain();
    this.#throwFailures(error);
    return value as T;
  }

  pointsOf(task: Task): number {
    return this.ledger.records.get(task)?.points ?? 0;
  }

  // What the run tells.

  taskSpawned(task: Task): void {
    this.ledger.spawned(task);
    joinIncarnation(task);
    this.#wakeUp();
    this.#count(task);
  }

  blocked(task: Task, reason: WaitReason): void {
    this.ledger.began(task, reason, this.#sites.take());
    this.#wakeUp();
    if (reason !== REFUSED) return;
    const swallowed = this.#refusals.refused(task, this.clock.now());
    if (swallowed === null) return;
    // Once it has been told, there is no use in telling it again, nor in more cleanup.
    if (this.#swallower === task) this.#endSoon();
    else this.#failSoon(swallowed);
    this.#swallower = task;
  }

  resumed(task: Task, reason: WaitReason): void {
    this.ledger.ended(task, reason);
    this.#wakeUp();
    this.#count(task);
  }

  taskExited(task: Task): void {
    this.ledger.exited(task);
    leaveIncarnation(task);
    this.#wakeUp();
  }

  scopeCancelled(task: Task, cancelled: Cancelled): void {
    const { source, reason } = cancelled;
    if (source === "nursery" && isObject(reason) && this.#failures.length === 0) this.#before.add(reason);
    this.#refusals.cancelled(task, cancelled, this.clock.now());
  }

  hostOperationStarted(label: string): void {
    this.operations.began(label, this.#sites.take());
    this.#wakeUp();
  }

  hostOperationEnded(label: string): void {
    this.operations.ended(label);
    this.#wakeUp();
  }

  forgottenWait(task: Task, reasons: readonly WaitReason[]): void {
    const waits = this.ledger.records.get(task)?.list() ?? [];
    for (const reason of reasons) {
      const site = waits.find((wait) => wait.reason === reason)?.site ?? null;
      this.#forgotten.push({ kind: "forgottenWaits", label: describeReason(reason), site, task: taskText(task) });
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
    const incarnation = ambientIncarnation();
    const handle = this.#immediates.set(() => {
      if (this.#done || incarnation?.dead) return this.#wakeUp();
      this.ledger.acted(task);
      this.#count(task);
      try {
        callback(...args);
      } catch (error) {
        this.stray(error);
      }
    });
    this.#wakeUp();
    return handle;
  }

  operation(label: string): () => void {
    const begun = beginHostOperation(label);
    return () => begun.end();
  }

  fillRandomly(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#bits() * 256;
  }

  pending(task: Task, request: PendingRequest): () => void {
    const record = this.ledger.records.get(task);
    record?.requests.push(request);
    this.ledger.countTimer(task, 1);
    return () => {
      this.ledger.countTimer(task, -1);
      record?.requests.splice(record.requests.indexOf(request), 1);
      this.#wakeUp();
    };
  }

  /** Fails the simulation with an error that nobody could catch. */
  stray(error: unknown): void {
    this.#failures.push(error);
    this.#abort.abort(error);
    this.#wakeUp();
  }

  callersOf(task: Task): Origin[] {
    const callers: Origin[] = [];
    for (let at = task.parentNursery?.parentTask; at !== undefined; at = at.parentNursery?.parentTask) {
      const record = this.ledger.records.get(at);
      const site = record?.list().at(-1)?.site ?? record?.lastSite ?? null;
      if (callers.push({ site, task: taskText(at) }) === MOST_CALLERS) break;
    }
    return callers;
  }

  // What timers tell.

  takeSite(): Site | null {
    return this.#sites.take();
  }

  timerArmed(timer: VirtualTimer): void {
    this.#timers.add(timer);
    if (timer.hasRef()) this.ledger.timerArmed(timer);
    else this.clock.unreferenced++;
    this.#wakeUp();
  }

  timerGone(timer: VirtualTimer): void {
    this.#timers.delete(timer);
    if (timer.hasRef()) this.ledger.timerGone(timer);
    else {
      this.clock.unreferenced--;
      this.ledger.acted(timer.task);
    }
    this.#count(timer);
    this.#wakeUp();
  }

  readonly #step = (): void => {
    if (this.#done) return;
    try {
      this.#drive();
    } catch (error) {
      // Nobody awaits this: thrown on, it would end the process.
      this.#end(error);
    }
  };

  #drive(): void {
    const { clock, clock: { run } } = this;
    if (run === null) return;
    const { tasksLiving, wakeUps } = run.statistics();
    const { io, realTimeout } = this.#settings;
    if (tasksLiving === 0) return;
    const excess = this.#limits.turn(clock.now(), () => this.#latest());
    if (excess !== null) this.#fail(excess);
    if (this.#done) return;
    if (wakeUps > 0) return this.#again();
    const stands = this.operations.size > 0 && (io === "freeze" || !this.#hostQuiet);
    if (this.#steering?.release(!stands) || this.#immediates.size > 0) return this.#again();
    if (this.operations.size > 0) {
      if (io === "freeze") return this.#sleep(realTimeout, () => this.#fail(this.#frozen()));
      if (!this.#hostQuiet) return this.#sleep(io.quiet, () => this.#hostQuiet = true);
    }
    if (this.ledger.restless > 0) return this.#awaitForeign();
    const { next } = clock;
    // What is due at this very instant is part of what happens now.
    if (this.settling.size > 0 && next > clock.now()) this.settling.wakeFirst();
    else if (next === Infinity) {
      this.#fail(
        new DeadlockError(
          `Cannot go on as nothing can ever wake up (t=${formatTime(clock.now())}):${
            this.bodyEnded && this.#failure === null ? " the body has ended, and its background has not" : ""
          }\n${this.tree()}${this.#pastUs()}`,
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
      try {
        clock.jump();
      } catch (error) {
        // An alarm of the user's.
        this.stray(error);
      }
    }
    this.#again();
  }

  /** Some task awaits what nobody knows of. */
  #awaitForeign(): void {
    const { onForeign, foreignGrace, realTimeout } = this.#settings;
    if (onForeign === "grace") return this.#sleep(foreignGrace, () => this.ledger.endGrace());
    const report = (what: string): void => {
      const names = this.ledger.restlessTasks().map(taskText).join(", ");
      // The grace of cleanup: a task that cannot be reached would fail it a second time.
      this.ledger.endGrace();
      this.#fail(
        new Error(`Cannot go on as ${what}: ${names} (option onForeign)\n${this.tree()}${this.#pastUs()}`),
      );
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
    try {
      return renderTree(this.clock.run!.taskTree(), this.ledger.records, this.#origin);
    } catch (error) {
      return `  (the tasks cannot be shown: ${textOf(error)})`;
    }
  }

  /** What somebody may wait for whose wait is unknown. */
  #pastUs(): string {
    return this.ledger.someUnknown ? this.#resources.describe() : "";
  }

  closeTimersOf(tasks: readonly Task[]): void {
    const ended = new Set(tasks);
    const isEnded = (task: Task | undefined): boolean =>
      task !== undefined && (ended.has(task) || isEnded(task.parentNursery?.parentTask));
    for (const timer of [...this.#timers]) if (isEnded(timer.task)) timer.close();
  }

  /** What keeps the driver busy when no wait ends, and no timer fires. */
  #latest(): string {
    const operation = this.operations.list.at(-1);
    return operation === undefined ? "an alarm of the clock" : `operation "${operation.label}"`;
  }

  #again(): void {
    if (!this.#done) hostImmediate(this.#step);
  }

  /** Sleeps in real time until something happens; `quiet` is called if nothing did. */
  #sleep(ms: number, quiet: () => void): void {
    this.#sleeping = realTimer(() => {
      this.#sleeping = null;
      try {
        quiet();
      } catch (error) {
        return this.#end(error);
      }
      this.#again();
    }, ms);
  }

  /** Something has happened. */
  #wakeUp(): void {
    this.#hostQuiet = false;
    if (this.#sleeping === null) return;
    hostClear(this.#sleeping);
    this.#sleeping = null;
    this.#again();
  }

  /** Counts a wait that ended, or a timer that fired. */
  #count(by: Task | VirtualTimer): void {
    const excess = this.#limits.count(by, this.clock.now());
    if (excess !== null) this.#failSoon(excess);
  }

  /** Fails in the next microtask; the first error counts. */
  #failSoon(error: Error): void {
    if (this.#done || this.#pendingFailure !== null) return;
    this.#pendingFailure = error;
    queueMicrotask(() => {
      this.#pendingFailure = null;
      if (!this.#done) this.#fail(error);
    });
  }

  /**
   * Cancels the run with an error, which `drive()` throws in the end. Cleanup then runs under the same rules,
   * with limits of its own; when it breaks one as well, the run is given up, as it would never end.
   */
  #fail(error: Error): void {
    const first = this.#failure;
    if (first === null) {
      this.#failure = withoutFrames(error);
      this.#failures.push(error);
      this.#limits.renew(this.clock.now());
      this.#abort.abort(error);
      return;
    }
    const Class = error instanceof DeadlockError ? DeadlockError : Error;
    this.#failure = withoutFrames(new Class(`${first.message}\nand cleanup got stuck:\n${error.message}`));
    this.#failures[this.#failures.indexOf(first)] = this.#failure;
    this.#end(this.#failure);
  }

  /** Gives the run up in the next microtask, with the failure it has. */
  #endSoon(): void {
    queueMicrotask(() => {
      if (!this.#done) this.#end(this.#failure);
    });
  }

  /** Gives the run up. What its nurseries were about to fail with does not come any more, so it is taken from them. */
  #end(error: unknown): void {
    this.#done = this.#givenUp = true;
    const reasons = new Set([...cancellationsIn(this.clock.run!)].map(({ reason }) => reason));
    this.#failures.unshift(...[...reasons].filter((reason) => isObject(reason) && this.#before.has(reason)));
    abandonRun(this.clock.run!);
    this.#giveUp(error);
  }

  #frozen(): Error {
    const { next } = this.clock;
    const due = next === Infinity
      ? ""
      : `, and what is due at t=${
        formatTime(next)
      } does not come: do not wrap what is simulated itself in hostOperation(), as the answer of a fake`;
    return new Error(
      `Cannot go on as operations of the host are in flight and nothing has happened for ${this.#settings.realTimeout}ms: ${this.operations} (virtual time stands still meanwhile${
        due === "" ? ":" : `${due};`
      } use io: { quiet: 50 } with real listeners)${due === "" ? "" : this.#pendingTimers()}`,
    );
  }

  /** The timers that would go on moving time, a line each. */
  #pendingTimers(): string {
    const timers = [...this.#timers].filter((timer) => timer.hasRef()).slice(0, 10);
    if (timers.length === 0) return "";
    const lines = timers.map((timer) => `  ${describeTimer(timer)}${placed(timer.site)}, ${taskText(timer.task)}`);
    return `\ntimers left:\n${lines.join("\n")}`;
  }

  /**
   * Lets operations of the host end whose tasks have ended already: a closed socket needs a turn or two for that. And
   * what they reject with is reported at the end of a turn.
   */
  async #drain(): Promise<void> {
    if (this.operations.size === 0) return;
    const { foreignGrace, realTimeout } = this.#settings;
    await this.operations.drained(Math.min(foreignGrace, realTimeout));
    await turn();
  }

  /** Throws what has failed, if anything has: see `drive()`. */
  #throwFailures(error: unknown): void {
    const failures = [...this.#failures];
    if (failures.length === 0 && error !== NOTHING) throw error;
    if (error !== NOTHING && !isOnlyCancelled(error) && !failures.includes(error)) {
      failures.splice(this.#cameFirst(error) ? 0 : failures.length, 0, error);
    }
    if (failures.length > 0) throw failures.length === 1 ? failures[0] : new ErrorGroup(failures);
  }

  /** Whether the error of the run had begun to end it before anything else failed. */
  #cameFirst(error: unknown): boolean {
    let found = false;
    const note = (one: unknown): boolean => {
      found ||= isObject(one) && this.#before.has(one);
      return !found;
    };
    if (note(error)) eachLeaf(error, note);
    return found;
  }

  /** What is left when everything has ended. */
  leaks(): Leak[] {
    // What a run that was given up leaves behind says nothing.
    if (this.#givenUp) return [];
    const leaks: Leak[] = [...this.#forgotten, ...this.open];
    // Its error names those already.
    if (this.#failure !== null) return leaks;
    leaks.push(...this.operations.list);
    for (const timer of this.#timers) {
      if (!timer.hasRef() || timer.kind === "signal" || timer.kind === "socket") continue;
      leaks.push({ kind: "timers", label: describeTimer(timer), site: timer.site, task: taskText(timer.task) });
    }
    return leaks;
  }
}

/** Resolves in the next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void hostImmediate(resolve));
}
