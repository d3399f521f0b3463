/**
 * Recording what happens in a run.
 *
 * To read the clock is the dearest of all that is done for an event, so it is read as rarely as that can be without an
 * untruth: at the end of each step of a task, and when something is woken, as time may have passed since the last event;
 * not for what follows in the same call.
 *
 * Over 400 lines, as it is one hook after the other, each of which writes what others read.
 */

import {
  currentNode,
  isClockFiring,
  kindOf,
  labelOf,
  requireInteger,
  requireOptions,
  requireTime,
  spawnStackOf,
  type TaskNode,
  textOf,
} from "../../core/internal.ts";
import type { Cancelled, Task } from "../../core/mod.ts";
import type {
  Clock,
  HostOperation,
  Instrument,
  RunView,
  ScopeView,
  TaskOutcome,
  Wait,
  WaitReason,
  WakeSource,
} from "../../core/lowlevel.ts";
import { LivingTasks, NO_SLOT } from "./_living_tasks.ts";
import { Open } from "./_open.ts";
import { NOBODY, NS } from "./_records.ts";
import { RecordedTrace } from "./_recorded_trace.ts";
import { entryOf, Kind, Ring, taskSlice } from "./_ring.ts";
import type { Snapshot } from "./_snapshot.ts";
import type { Trace, TraceHtmlOptions } from "./trace.ts";

/**
 * Options of `TraceRecorder`.
 *
 * @category Observing
 */
export interface TraceRecorderOptions {
  /**
   * How many things that are over are kept: the last ones. What goes on is kept in any case.
   *
   * @default {65_536}
   */
  readonly capacity?: number;
}

/** The clock is not read for so many tasks that are started at once. */
const STARTS_UNREAD = 15;
const DONE: Promise<void> = Promise.resolve();

/** So many objects are kept for later ones. */
const MOST_FREE = 4_096;

/** Waits that are woken as they begin, with nothing in between. */
const AT_ONCE: ReadonlySet<string> = new Set(["yield", "refused wait"]);

/**
 * An instrument that records what happens in a run: tasks, scopes, waits, who has started and woken whom, deadlines,
 * cancellations, operations of the host.
 *
 * `toHtml()` gives it as a page that shows it. `toJson()` gives it in the Trace Event Format: open it at ui.perfetto.dev,
 * or in chrome://tracing. Time is that of the run, so the trace of a simulation is the same for the same seed, byte by
 * byte. It keeps the last `capacity` things: leave it on, and look when something was strange. It is for one run.
 *
 * **Cost:** a program that does nothing but hand over values takes two and a half times as long, one that does nothing but
 * start tasks twice, and one that serves a network half as long again.
 *
 * @example A trace of a simulation
 * ```ts
 * import { openNursery, simulate, sleep } from "@trefoil/io";
 * import { addInstrument } from "@trefoil/io/lowlevel";
 * import { TraceRecorder } from "@trefoil/io/observe";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const trace = new TraceRecorder();
 * await simulate(async () => {
 *   using _ = addInstrument(trace);
 *   await openNursery((nursery) => void nursery.startSoon(() => sleep(50), { name: "worker" }));
 * });
 * assertStringIncludes(trace.toJson(), '"name":"worker"');
 * ```
 *
 * @category Observing
 */
export class TraceRecorder implements Instrument, Trace {
  readonly #ring: Ring;
  #run: RunView | null = null;
  #clock: Clock | null = null;
  /** The time of the last thing that happened. */
  #last = -1;
  #living = 0;
  readonly #tasks = new LivingTasks();
  /** The last one that was looked for, as several things in a row are about the same. */
  #lastTask: Task | null = null;
  #lastSlot = NO_SLOT;
  /** Who has started a task last, and lives; `null` if nobody. */
  #lastStarter: Task | null = null;
  readonly #scopes = new Map<ScopeView, Open>();
  readonly #operations = new Map<HostOperation, Open>();
  /** Those of operations that are over, for the next ones. */
  readonly #free: Open[] = [];
  /** The wait that was woken just now: if it is over at once, no time has passed. */
  #woken: Wait | null = null;
  /** Whether code is starting tasks without a pause, and how many more of them the clock is not read for. */
  #isStarting = false;
  #startsUnread = 0;
  /** What a cancellation that is going on has woken: waits, and numbers of those that are over. */
  readonly #struck: (Open | number)[] = [];

  /**
   * Makes a recorder: an instrument for `run(main, { instruments: [trace] })` or `addInstrument(trace)`.
   *
   * @param options How much is kept.
   * @throws {RangeError} If `capacity` is not a whole number >= 1.
   */
  constructor(options: TraceRecorderOptions = {}) {
    requireOptions("make a TraceRecorder", options);
    const { capacity = 65_536 } = options;
    requireInteger("make a TraceRecorder", "capacity", capacity, 1, 2 ** 24);
    this.#ring = new Ring(capacity);
  }

  /** How many things that are over had to go. */
  get dropped(): number {
    return this.#ring.dropped;
  }

  /** Called by the run. */
  runStarted(run: RunView): void {
    if (this.#run !== null) {
      throw new TypeError("Cannot record a run as a recorder is for one: make a new one for each");
    }
    this.#run = run;
    this.#clock = run.clock;
    this.#last = this.#now() - 1;
  }

  /** Called by the run. */
  taskSpawned(task: Task, by: Task): void {
    if (by !== this.#lastStarter && by !== task) this.#slotOf(by);
    this.#lastStarter = by;
    // Nobody has told of it before.
    const slot = this.#begin(task, this.#startTime());
    this.#tasks.counts[slot] = ++this.#living;
    if (by !== task) this.#tasks.froms[slot] = by.id;
    if (this.#struck.length > 0) this.#struck.length = 0;
  }

  /** Called by the run. */
  taskExited(task: Task, outcome: TaskOutcome): void {
    const slot = this.#slotOf(task);
    const how = outcome.state === "done" ? "done" : `${outcome.state}: ${textOf(outcome.error)}`;
    const end = this.#tick();
    // Nobody is told any more of those that cannot be cancelled.
    for (const open of this.#tasks.waits(slot)) this.#ring.push(Kind.Wait, open, end);
    const left = this.#tasks.counts[slot] as number > 0 ? --this.#living : 0;
    this.#ring.pushTask(this.#tasks, slot, end, how, left);
    this.#tasks.end(slot);
    this.#lastTask = null;
    if (task === this.#lastStarter) this.#lastStarter = null;
  }

  /** Called by the run. */
  blocked(task: Task, reason: WaitReason, wait: Wait): void {
    const open = this.#tasks.beginWait(this.#slotOf(task), wait);
    const { kind } = reason;
    open.name = typeof kind === "string" ? kind : kindOf(reason);
    // Who holds it now is what one wants to know, and not who does later.
    open.detail = reason.holder === undefined ? reason : labelOf(reason);
    open.start = this.#tick();
    open.from = NOBODY;
    open.how = "";
    if (this.#struck.length > 0) this.#struck.length = 0;
  }

  /** Called by the run. */
  woken(task: Task, wait: Wait, by: WakeSource): void {
    const slot = this.#knownSlotOf(task);
    const open = slot === NO_SLOT ? null : this.#tasks.waitOf(slot, wait);
    if (open === null) return;
    open.at = AT_ONCE.has(open.name) ? this.#next() : this.#tick();
    if (typeof by === "string") {
      open.how = by;
      if (by === "cancel" && open.name !== "refused wait") this.#struck.push(open);
    } else {
      // The end of a task wakes those who wait for it: then it is over already.
      if (by.state === "running") this.#slotOf(by);
      open.from = by.id;
      open.how = by.name;
    }
    this.#woken = wait;
  }

  /** Called by the run. */
  resumed(task: Task, _reason: WaitReason, wait: Wait): void {
    const slot = this.#knownSlotOf(task);
    const open = slot === NO_SLOT ? null : this.#tasks.waitOf(slot, wait);
    if (open === null) return;
    const end = this.#woken === wait ? this.#next() : this.#tick();
    this.#woken = null;
    const number = this.#ring.push(Kind.Wait, open, end);
    if (this.#struck.at(-1) === open) this.#struck[this.#struck.length - 1] = number;
    this.#tasks.endWait(slot, open);
  }

  /** Called by the run. */
  scopeEntered(task: Task, scope: ScopeView): void {
    const { kind, name, deadline, shield } = scope;
    const open = new Open();
    this.#slotOf(task);
    open.task = task.id;
    open.name = name !== "" ? `${kind} ${name}` : deadline !== Infinity ? "timeout" : shield ? "shield" : kind;
    open.detail = { ...deadline === Infinity ? {} : { deadline }, ...shield ? { shield } : {} };
    open.start = this.#tick();
    this.#scopes.set(scope, open);
  }

  /** Called by the run. */
  scopeExited(_task: Task, scope: ScopeView, caught: boolean): void {
    const open = this.#scopes.get(scope);
    if (open === undefined) return;
    this.#scopes.delete(scope);
    if (caught) open.how = "cancelled";
    this.#ring.push(Kind.Scope, open, this.#tick());
  }

  /** Called by the run. */
  scopeCancelled(task: Task, cancelled: Cancelled, scope: ScopeView): void {
    const { source, message } = cancelled;
    this.#instant(task, "cancel", { source, message, what: scope.kind });
    // All waits that are cancelled with it have been woken.
    const by = cancellerOf(task, source);
    for (const one of this.#struck.splice(0)) {
      if (typeof one === "number") this.#ring.setFrom(one, by);
      else if (one.task !== by) one.from = by;
    }
  }

  /** Called by the run. */
  deadlineFired(task: Task, deadline: number): void {
    this.#instant(task, "deadline", { deadline });
  }

  /** Called by the run. */
  hostOperationStarted(label: string, operation: HostOperation): void {
    const open = this.#free.pop() ?? new Open();
    open.name = label;
    open.start = this.#tick();
    this.#operations.set(operation, open);
  }

  /** Called by the run. */
  hostOperationEnded(_label: string, operation: HostOperation): void {
    const open = this.#operations.get(operation);
    if (open === undefined) return;
    this.#operations.delete(operation);
    this.#ring.push(Kind.Operation, open, this.#tick());
    if (this.#free.length < MOST_FREE) this.#free.push(open);
  }

  /** Forgets what is over. */
  clear(): void {
    this.#ring.clear();
  }

  /** The trace in the Trace Event Format, as JSON. What goes on ends at this moment. */
  toJson(): string {
    return this.#trace().toJson();
  }

  /**
   * The trace as a page that shows it, for a file or a server. What goes on ends at this moment.
   *
   * @param options What the page is called, and what else it shows.
   */
  toHtml(options?: TraceHtmlOptions): string {
    return this.#trace().toHtml(options);
  }

  /**
   * Returns what has happened, or went on, since a moment. It is as it is now, and does not change any more.
   *
   * @param time The moment, in milliseconds on the run's clock: `currentTime() - 5_000` for the last five seconds.
   */
  since(time: number): Trace {
    requireTime("return a part of a trace", "time", time);
    return this.#trace(time * NS);
  }

  #trace(since = -Infinity): RecordedTrace {
    return new RecordedTrace(this.#snapshot(since));
  }

  /** What has not ended since a moment, in nanoseconds. */
  #snapshot(since: number): Snapshot {
    const now = this.#tick();
    const { entries, tracks, dropped } = this.#ring.read(since);
    const { ids, names, parents, starts, froms, counts } = this.#tasks;
    for (const slot of this.#tasks.slots()) {
      const [id, name, start] = [ids[slot] as number, names[slot] as string, starts[slot] as number];
      const parent = parents[slot] as number;
      tracks.push({ id, name, parent: parent === NOBODY ? null : parent, start, end: now });
      const task = { task: id, name, start, from: froms[slot] as number, how: "", site: this.#tasks.siteOf(slot) };
      entries.push(taskSlice(task, now, { tasksAtStart: counts[slot] as number, tasksAtEnd: 0 }));
      entries.push(...this.#tasks.waits(slot).map((open) => entryOf(Kind.Wait, open, now)));
    }
    entries.push(
      ...[...this.#scopes.values()].map((open) => entryOf(Kind.Scope, open, now)),
      ...[...this.#operations.values()].map((open) => entryOf(Kind.Operation, open, now)),
    );
    // In the order in which they began, as they have their numbers.
    tracks.sort((a, b) => a.id - b.id);
    return { entries, tracks, dropped };
  }

  /** The slot of a task; one that was there before the recorder begins now. */
  #slotOf(task: Task): number {
    const slot = this.#knownSlotOf(task);
    return slot === NO_SLOT ? this.#begin(task, this.#tick()) : slot;
  }

  /** The slot of a task that has begun and not ended, as far as is known. */
  #knownSlotOf(task: Task): number {
    if (task === this.#lastTask) return this.#lastSlot;
    const slot = this.#tasks.slotOf(task.id);
    if (slot === NO_SLOT) return slot;
    this.#lastTask = task;
    return this.#lastSlot = slot;
  }

  #begin(task: Task, start: number): number {
    const tasks = this.#tasks;
    const slot = tasks.begin(task.id);
    tasks.names[slot] = task.name;
    tasks.parents[slot] = task.parentNursery?.parentTask.id ?? NOBODY;
    tasks.starts[slot] = start;
    tasks.froms[slot] = NOBODY;
    tasks.counts[slot] = 0;
    const site = spawnStackOf(task);
    if (site !== null) tasks.setSite(slot, site);
    this.#lastTask = task;
    return this.#lastSlot = slot;
  }

  #instant(task: Task, name: string, args: Readonly<Record<string, unknown>>): void {
    const slot = task.state === "running" ? this.#slotOf(task) : this.#knownSlotOf(task);
    // Of one that has ended there is nothing to add.
    if (slot === NO_SLOT) return;
    const open = new Open();
    open.task = task.id;
    open.name = name;
    open.detail = args;
    open.start = this.#tick();
    this.#ring.push(Kind.Instant, open, open.start);
  }

  /** The time of something that happens now: later than all before. */
  #tick(): number {
    this.#woken = null;
    const now = this.#now();
    return this.#last = now > this.#last ? now : this.#last + 1;
  }

  /**
   * The time at which a task is started. The clock costs half as much as that, so while one piece of code starts many, it
   * is read for every few of them only.
   */
  #startTime(): number {
    if (this.#startsUnread > 0) {
      this.#startsUnread--;
      return this.#next();
    }
    this.#startsUnread = STARTS_UNREAD;
    if (!this.#isStarting) {
      this.#isStarting = true;
      DONE.then(this.#endStarts);
    }
    return this.#tick();
  }

  /** In the next microtask, when the code that started tasks has awaited something. */
  readonly #endStarts = (): void => {
    this.#isStarting = false;
    this.#startsUnread = 0;
  };

  /** The time of something that happens together with the last thing, just after it. */
  #next(): number {
    return ++this.#last;
  }

  #now(): number {
    return this.#clock === null ? 0 : Math.round(this.#clock.now() * NS);
  }
}

/** The number of the task whose doing a cancellation is; `NOBODY` if that cannot be said, as it came from outside. */
function cancellerOf(task: Task, source: string): number {
  if (source === "deadline") return task.id;
  if (source !== "explicit" && source !== "nursery" || isClockFiring()) return NOBODY;
  const { task: by } = currentNode();
  return by.runtime === (task as Task & Pick<TaskNode, "runtime">).runtime ? (by as TaskNode & Task).id : NOBODY;
}
