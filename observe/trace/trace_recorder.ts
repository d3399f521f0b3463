/** Recording what happens in a run. */

import { kindOf, labelOf, requireInteger, requireOptions, requireTime, textOf } from "../../core/internal.ts";
import type { Cancelled, Task } from "../../core/mod.ts";
import type {
  HostOperation,
  Instrument,
  RunView,
  ScopeView,
  TaskOutcome,
  Wait,
  WaitReason,
  WakeSource,
} from "../../core/lowlevel.ts";
import { type Entry, NS, type Operation, Slice, type TrackOf } from "./_records.ts";
import { Ring } from "./_ring.ts";
import { RecordedTrace } from "./_recorded_trace.ts";
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

/** So many tasks of which nothing is left may be remembered. */
const MOST_FORGOTTEN = 4_096;

/**
 * An instrument that records what happens in a run: tasks, scopes, waits, who has started and woken whom, deadlines,
 * cancellations, operations of the host.
 *
 * `toHtml()` gives it as a page that shows it. `toJson()` gives it in the Trace Event Format: open it at ui.perfetto.dev,
 * or in chrome://tracing. Time is that of the run, so the trace of a simulation is the same for the same seed, byte by
 * byte. It keeps the last `capacity` things: leave it on, and look when something was strange. It is for one run.
 *
 * **Cost:** a program that does nothing but hand over values takes some four times as long, one that serves a network
 * half as long again.
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
  readonly #ring: Ring<Entry>;
  #run: RunView | null = null;
  #last = -1;
  #living = 0;
  /** By their numbers: those that something in the ring is about. */
  readonly #tracks = new Map<number, TrackOf>();
  /** With more it is looked which are not needed any more. Written by `#forget()`. */
  #mostTracks = MOST_FORGOTTEN;
  readonly #tasks = new Map<Task, Slice>();
  readonly #waits = new Map<Wait, Slice>();
  readonly #scopes = new Map<ScopeView, Slice>();
  readonly #operations = new Map<HostOperation, Operation>();

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
    this.#last = this.#now() - 1;
  }

  /** Called by the run. */
  taskSpawned(task: Task, by: Task): void {
    if (by !== task) this.#begin(by);
    const slice = this.#begin(task);
    slice.tasksAtStart = ++this.#living;
    if (by === task) return;
    slice.from = by.id;
    slice.at = slice.start;
  }

  /** Called by the run. */
  taskExited(task: Task, outcome: TaskOutcome): void {
    const slice = this.#begin(task);
    this.#tasks.delete(task);
    slice.how = outcome.state === "done" ? "done" : `${outcome.state}: ${textOf(outcome.error)}`;
    if (slice.tasksAtStart > 0) slice.tasksAtEnd = --this.#living;
    this.#end(slice);
    const track = this.#tracks.get(task.id);
    if (track !== undefined) track.end = slice.end;
  }

  /** Called by the run. */
  blocked(task: Task, reason: WaitReason, wait: Wait): void {
    this.#begin(task);
    // Who holds it now is what one wants to know, and not who does later.
    const detail = reason.holder === undefined ? reason : labelOf(reason);
    const { kind } = reason;
    const name = typeof kind === "string" ? kind : kindOf(reason);
    this.#waits.set(wait, new Slice("wait", task.id, name, this.#tick(), detail));
  }

  /** Called by the run. */
  woken(_task: Task, wait: Wait, by: WakeSource): void {
    const slice = this.#waits.get(wait);
    if (slice === undefined) return;
    if (typeof by === "string") slice.how = by;
    else {
      // The end of a task wakes those who wait for it: then it is over already.
      if (by.state === "running") this.#begin(by);
      slice.from = by.id;
      slice.how = by.name;
    }
    // Read no clock: it mostly goes on at once.
    slice.at = this.#next();
  }

  /** Called by the run. */
  resumed(_task: Task, _reason: WaitReason, wait: Wait): void {
    const slice = this.#waits.get(wait);
    if (slice === undefined) return;
    this.#waits.delete(wait);
    this.#end(slice);
  }

  /** Called by the run. */
  scopeEntered(task: Task, scope: ScopeView): void {
    this.#begin(task);
    const { kind, name, deadline, shield } = scope;
    const detail = { ...deadline === Infinity ? {} : { deadline }, ...shield ? { shield } : {} };
    const title = name !== "" ? `${kind} ${name}` : deadline !== Infinity ? "timeout" : shield ? "shield" : kind;
    this.#scopes.set(scope, new Slice("scope", task.id, title, this.#tick(), detail));
  }

  /** Called by the run. */
  scopeExited(_task: Task, scope: ScopeView, caught: boolean): void {
    const slice = this.#scopes.get(scope);
    if (slice === undefined) return;
    this.#scopes.delete(scope);
    if (caught) slice.how = "cancelled";
    this.#end(slice);
  }

  /** Called by the run. */
  scopeCancelled(task: Task, cancelled: Cancelled, scope: ScopeView): void {
    this.#instant(task, "cancel", { source: cancelled.source, message: cancelled.message, what: scope.kind });
  }

  /** Called by the run. */
  deadlineFired(task: Task, deadline: number): void {
    this.#instant(task, "deadline", { deadline });
  }

  /** Called by the run. */
  hostOperationStarted(label: string, operation: HostOperation): void {
    this.#operations.set(operation, { type: "operation", label, start: this.#tick(), end: 0 });
  }

  /** Called by the run. */
  hostOperationEnded(_label: string, operation: HostOperation): void {
    const record = this.#operations.get(operation);
    if (record === undefined) return;
    this.#operations.delete(operation);
    record.end = this.#tick();
    this.#ring.push(record);
  }

  /** Forgets what is over. */
  clear(): void {
    this.#ring.clear();
    const living = new Set([...this.#tasks.keys()].map(({ id }) => id));
    for (const id of this.#tracks.keys()) if (!living.has(id)) this.#tracks.delete(id);
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
    // Copies, as they go on.
    const open = [...this.#tasks.values(), ...this.#scopes.values(), ...this.#waits.values()]
      .map((slice): Slice => ({ ...slice, end: now }));
    const entries: Entry[] = [
      ...this.#ring.items().filter((entry) => (entry.type === "instant" ? entry.at : entry.end) >= since),
      ...open,
      ...[...this.#operations.values()].map((operation) => ({ ...operation, end: now })),
    ];
    const wanted = new Set(entries.flatMap((entry) => "task" in entry ? [entry.task] : []));
    const tracks = [...this.#tracks.values()].filter(({ id }) => wanted.has(id))
      .map((track) => track.end === 0 ? { ...track, end: now } : track);
    return { entries, tracks, dropped: this.dropped };
  }

  /** The slice of a task; one that was there before the recorder begins now. */
  #begin(task: Task): Slice {
    const known = this.#tasks.get(task);
    if (known !== undefined) return known;
    const { id, name, parentNursery, spawnSite } = task;
    const start = this.#tick();
    this.#tracks.set(id, { id, name, parent: parentNursery?.parentTask.id ?? null, start, end: 0 });
    const slice = new Slice("task", id, name, start, spawnSite ?? "");
    this.#tasks.set(task, slice);
    return slice;
  }

  #end(slice: Slice): void {
    slice.end = this.#tick();
    this.#ring.push(slice);
    // Tasks of which nothing is left are forgotten now and then.
    if (this.#tracks.size > this.#mostTracks) this.#forget();
  }

  #forget(): void {
    const wanted = new Set(this.#ring.items().flatMap((entry) => "task" in entry ? [entry.task] : []));
    for (const { id } of this.#tasks.keys()) wanted.add(id);
    for (const id of this.#tracks.keys()) if (!wanted.has(id)) this.#tracks.delete(id);
    this.#mostTracks = 2 * this.#tracks.size + MOST_FORGOTTEN;
  }

  #instant(task: Task, name: string, args: Readonly<Record<string, unknown>>): void {
    this.#begin(task);
    this.#ring.push({ type: "instant", task: task.id, name, at: this.#tick(), args });
  }

  /** The time of something that happens now: later than all before. */
  #tick(): number {
    return this.#last = Math.max(this.#now(), this.#last + 1);
  }

  /** The time of something that happens together with the last thing, just after it. */
  #next(): number {
    return ++this.#last;
  }

  #now(): number {
    return this.#run === null ? 0 : Math.round(this.#run.clock.now() * NS);
  }
}
