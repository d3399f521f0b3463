/** What happens in a run, told to OpenTelemetry. */

import {
  hasEnded,
  isLasting,
  kindOf,
  labelOf,
  outside,
  read,
  requireFunction,
  requireOptions,
  requireTimeout,
  runOf,
  show,
} from "../../core/internal.ts";
import type { Task } from "../../core/mod.ts";
import {
  type Instrument,
  realClock,
  type RunView,
  type TaskOutcome,
  type Wait,
  type WaitReason,
  type WakeSource,
} from "../../core/lowlevel.ts";
import { BEAT, repeat } from "../base/beat.ts";
import type { HasStatistics } from "../has_statistics.ts";
import { resourcesOf } from "../base/watched.ts";
import { ACTION, modulesOf } from "./_checks.ts";
import type { OtelModules } from "./modules.ts";
import { Numbers } from "./_numbers.ts";
import { TaskSpans, type Time } from "./_task_spans.ts";
import { Teller } from "./_teller.ts";

/**
 * Options of `OtelInstrument`.
 *
 * @category Observing
 */
export interface OtelInstrumentOptions {
  /**
   * Which tasks get a span; asked once for each, when it is started. By default it is those that were started with a
   * name, except for daemons, the main task and tasks of the library's own.
   */
  readonly spans?: (task: Task) => boolean;
  /**
   * How long a wait must have lasted to become an event of the span, in milliseconds; `Infinity` for none.
   *
   * @default {10}
   */
  readonly minimumWait?: number;
  /** What has numbers to be shown, by name: channels, locks, limiters, pools, servers. */
  readonly watch?: Readonly<Record<string, HasStatistics>>;
}

/** A wait that goes on. */
class OpenWait {
  /** What has ended it. Written by `woken()`. */
  by: WakeSource = "host";

  /** `label`: that of a wait whose label may be another one at its end. */
  constructor(readonly since: number, readonly label: string | null) {}
}

/** What counts as a turn of the event loop, and as no wait. */
const NO_WAITS: ReadonlySet<string> = new Set(["yield", "refused wait"]);

/**
 * An instrument that tells OpenTelemetry what happens in a run: a span for each task with a name, and metrics.
 *
 * The span of a task is active in the task, so spans that are begun there are its children, and log lines belong to it.
 * Its parent is the span that was active where the task was started. A failed task has an error; a cancelled one has
 * none, as it did what it was told. Waits that were long are events of the span.
 *
 * Give it the modules of `npm:@opentelemetry/api`: `new OtelInstrument(otel)` after
 * `import * as otel from "npm:@opentelemetry/api@1"`. A provider must be registered before the run; with
 * `OTEL_DENO=true`, Deno is one. Without `metrics` there are none, without `trace` and `context` no spans.
 *
 * It serves any number of runs, at the same time or one after another. When the last one has ended, it lets go of the
 * meter. What throws among the modules is reported once, and harms no run.
 *
 * Times are those of the provider; on another clock than the real one they are those of the run. So the spans of a
 * simulation have simulated times. The names of tasks and what they wait for may hold data of users: both are in spans,
 * neither is in metrics.
 *
 * **Cost:** with the SDK of npm one and a half microseconds for each wait, and some eleven for each span. For the first
 * 256 tasks of a run a span takes seventy more, as it says where they were started: see `RunOptions.spawnSites`.
 *
 * @example With a meter of your own
 * ```ts
 * import { openNursery, run } from "@trefoil/io";
 * import { OtelInstrument, type OtelMeter } from "@trefoil/io/observe";
 * import { assertEquals } from "@std/assert";
 *
 * const ended: Record<string, number> = {};
 * const observable = { addCallback() {}, removeCallback() {} };
 * const meter: OtelMeter = {
 *   createCounter: () => ({ add: (value, { state = "" }) => void (ended[state] = (ended[state] ?? 0) + value) }),
 *   createHistogram: () => ({ record() {} }),
 *   createObservableUpDownCounter: () => observable,
 *   createObservableGauge: () => observable,
 * };
 * const instrument = new OtelInstrument({ metrics: { getMeter: () => meter } });
 * await run(() => openNursery((nursery) => void nursery.startSoon(() => {})), { instruments: [instrument] });
 * assertEquals(ended, { done: 2 });
 * ```
 *
 * @category Observing
 */
export class OtelInstrument implements Instrument {
  readonly #teller = new Teller();
  readonly #minimumWait: number;
  readonly #spans: TaskSpans | null;
  readonly #numbers: Numbers | null;
  /** Stops the beat; `null` while there is none. */
  #stopBeat: (() => void) | null = null;
  /** Those that go on. */
  readonly #runs = new Set<RunView>();
  readonly #waits = new Map<Wait, OpenWait>();

  /**
   * Makes an instrument for `run(main, { instruments: [instrument] })` or `addInstrument(instrument)`.
   *
   * @param otel The modules of OpenTelemetry's API.
   * @param options Which tasks get spans, which waits are told, and what else has numbers.
   * @throws {TypeError} If a module or an option is of the wrong kind, or there is no module.
   * @throws {RangeError} If `minimumWait` is negative or `NaN`.
   */
  constructor(otel: OtelModules, options: OtelInstrumentOptions = {}) {
    requireOptions(ACTION, options);
    const { trace, context, metrics } = modulesOf(otel);
    const { spans, minimumWait = 10 } = options;
    if (spans !== undefined) requireFunction(ACTION, "spans", spans);
    requireTimeout(ACTION, "minimumWait", minimumWait);
    const watch = resourcesOf(ACTION, options.watch);
    this.#minimumWait = minimumWait;
    const wanted = spans === undefined ? isWanted : (task: Task): boolean => this.#ask(spans, task);
    this.#spans = trace === undefined || context === undefined
      ? null
      : new TaskSpans({ trace, context }, wanted, this.#teller);
    this.#numbers = metrics === undefined ? null : new Numbers(metrics, watch, () => this.#living(), this.#teller);
  }

  /** Called by the run. */
  runStarted(run: RunView): void {
    this.#living();
    if (this.#runs.size === 0) this.#numbers?.open();
    // It was taken off, and much may have ended unheard since.
    if (this.#runs.has(run)) this.#forget(run, ({ state }) => state !== "running");
    this.#runs.add(run);
    // Simulated time has no event loop that could be late.
    if (this.#numbers !== null && run.clock.deterministic !== true) {
      // It goes on for longer than the task that happens to be the first, and must not keep that.
      this.#stopBeat ??= outside(() => repeat(BEAT, (late) => this.#lagged(late)));
    }
  }

  /** Called by the run. */
  runEnded(): void {
    this.#living();
  }

  /** Called by the run. */
  aroundTask(task: Task, start: () => void): void {
    const run = runOf(task);
    if (this.#spans === null || !this.#runs.has(run)) return start();
    this.#spans.around(task, start, timeOf(run));
  }

  /** Called by the run. */
  taskExited(task: Task, outcome: TaskOutcome): void {
    const run = runOf(task);
    if (!this.#runs.has(run)) return;
    this.#numbers?.taskEnded(outcome.state);
    if (this.#spans?.of(task) !== undefined) this.#spans.ended(task, outcome, timeOf(run));
  }

  /** Called by the run. */
  blocked(task: Task, reason: WaitReason, wait: Wait): void {
    const run = runOf(task);
    const isTold = this.#minimumWait !== Infinity && this.#spans?.of(task) !== undefined;
    if (!isTold && this.#numbers === null || !this.#runs.has(run) || NO_WAITS.has(kind(reason))) return;
    const label = isTold && changes(reason) ? labelOf(reason) : null;
    this.#waits.set(wait, new OpenWait(nowOf(run), label));
  }

  /** Called by the run. */
  woken(_task: Task, wait: Wait, by: WakeSource): void {
    const open = this.#waits.get(wait);
    if (open !== undefined) open.by = by;
  }

  /** Called by the run. */
  resumed(task: Task, reason: WaitReason, wait: Wait): void {
    const open = this.#waits.get(wait);
    if (open === undefined) return;
    this.#waits.delete(wait);
    const run = runOf(task);
    const ms = nowOf(run) - open.since;
    // Its clock threw.
    if (Number.isNaN(ms)) return;
    this.#numbers?.waited(kind(reason), ms);
    if (ms < this.#minimumWait) return;
    const span = this.#spans?.of(task);
    if (span === undefined) return;
    const label = open.label ?? labelOf(reason);
    const by = typeof open.by === "string" ? open.by : open.by.name;
    // To the microsecond.
    const attributes: Record<string, string | number> = { kind: kind(reason), ms: Math.round(ms * 1_000) / 1_000, by };
    if (label !== "") attributes["for"] = label;
    this.#spans?.waited(span, attributes, timeOf(run));
  }

  /**
   * Stops telling: ends the spans that are open, and lets go of the meter. A run that ends does so by itself; call it
   * when the instrument was taken off a run that goes on. Harmless when repeated.
   */
  close(): void {
    for (const run of this.#runs) this.#leave(run);
  }

  /** Calls `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** The runs that go on. One whose end was not told, as the instrument was taken off it before, is noticed here. */
  #living(): Iterable<RunView> {
    for (const run of this.#runs) if (hasEnded(run)) this.#leave(run);
    return this.#runs;
  }

  #leave(run: RunView): void {
    this.#runs.delete(run);
    this.#forget(run, () => true);
    if ([...this.#runs].every(({ clock }) => clock.deterministic === true)) {
      this.#stopBeat?.();
      this.#stopBeat = null;
    }
    if (this.#runs.size === 0) this.#numbers?.close();
  }

  /** Forgets the waits of a run, and ends the spans of some of its tasks. */
  #forget(run: RunView, isOver: (task: Task) => boolean): void {
    for (const wait of this.#waits.keys()) if (runOf(wait.task) === run) this.#waits.delete(wait);
    for (const task of this.#spans?.tasks() ?? []) {
      if (runOf(task) === run && isOver(task)) this.#spans?.ended(task, null, timeOf(run));
    }
  }

  #lagged(ms: number): void {
    this.#living();
    this.#numbers?.lagged(ms);
  }

  #ask(spans: (task: Task) => boolean, task: Task): boolean {
    try {
      const wanted: unknown = spans(task);
      if (typeof wanted === "boolean") return wanted;
      throw new TypeError(`Cannot go by "spans" as it must return true or false: received ${show(wanted)}`);
    } catch (error) {
      this.#teller.threw('"spans"', error);
      return isWanted(task);
    }
  }
}

/** A span that lives for as long as the program would make of everything in it one endless trace. */
function isWanted(task: Task): boolean {
  return task.named && !task.internal && !isLasting(task);
}

/** The time of a run; `undefined` where it is that of the world, which the tracer knows better. */
function timeOf({ clock }: RunView): Time {
  if (clock === realClock) return undefined;
  try {
    const ms = clock.wall();
    const seconds = Math.floor(ms / 1_000);
    return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1_000) * 1e6))];
  } catch {
    // A clock of the user's.
    return undefined;
  }
}

/** Not the coarse time that waits have: it may be as old as the step before, and that may have been a long one. */
function nowOf({ clock }: RunView): number {
  try {
    return clock.now();
  } catch {
    return NaN;
  }
}

/** Whether the label of a wait says how things are now: who holds the lock, how many children a nursery has. */
function changes(reason: WaitReason): boolean {
  return read(reason, "holder") !== undefined || typeof read(reason, "label") === "function";
}

/** The kind of a wait, mostly without a detour. */
function kind(reason: WaitReason): string {
  try {
    const { kind } = reason;
    if (typeof kind === "string") return kind;
  } catch {
    // A getter of the user's.
  }
  return kindOf(reason);
}
