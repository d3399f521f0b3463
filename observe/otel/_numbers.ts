/**
 * O4: the metrics. Their attributes are the states of tasks, the kinds of waits, and the names that the user has given
 * to what is watched: few values each, never an id or a label, as each combination is a series that is kept for ever.
 *
 * Numbers that are asked for are those of all runs together, as a reader takes the last answer for each attribute.
 */

import type { RunView } from "../../core/lowlevel.ts";
import type { OtelMeter, OtelModules, OtelObservable, OtelObservableResult } from "./modules.ts";
import { numbersIn } from "../base/watched.ts";
import type { HasStatistics } from "../has_statistics.ts";
import { SCOPE } from "./_task_spans.ts";
import type { Teller } from "./_teller.ts";

/** Bounds of durations, in seconds: the usual ones are meant for milliseconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
/** The kinds of waits of the library are fewer; those that programs make up may be any number. */
const MOST_KINDS = 100;

type Attributes = Record<string, string>;
type Ask = (result: OtelObservableResult) => void;

/** See the header. */
export class Numbers {
  readonly #metrics: NonNullable<OtelModules["metrics"]>;
  readonly #watch: ReadonlyMap<string, HasStatistics>;
  /** Those that have not ended. */
  readonly #runs: () => Iterable<RunView>;
  readonly #teller: Teller;
  readonly #kinds = new Map<string, Attributes>();
  /** Both `null` unless it is open, or where the meter threw. */
  #ended: ReturnType<OtelMeter["createCounter"]> | null = null;
  #waits: ReturnType<OtelMeter["createHistogram"]> | null = null;
  #lag: ReturnType<OtelMeter["createHistogram"]> | null = null;
  readonly #asked: (readonly [OtelObservable, Ask])[] = [];

  constructor(
    metrics: NonNullable<OtelModules["metrics"]>,
    watch: ReadonlyMap<string, HasStatistics>,
    runs: () => Iterable<RunView>,
    teller: Teller,
  ) {
    this.#metrics = metrics;
    this.#watch = watch;
    this.#runs = runs;
    this.#teller = teller;
  }

  /** Makes the instruments of the meter: the first run has begun. */
  open(): void {
    const meter = this.#try(() => this.#metrics.getMeter(SCOPE));
    if (meter === undefined) return;
    this.#ended =
      this.#try(() =>
        meter.createCounter("trefoil.tasks.ended", { description: "Tasks that have ended", unit: "{task}" })
      ) ?? null;
    const histogram = (name: string, description: string) =>
      this.#try(() =>
        meter.createHistogram(name, { description, unit: "s", advice: { explicitBucketBoundaries: [...BOUNDS] } })
      ) ?? null;
    this.#waits = histogram("trefoil.wait.duration", "How long tasks have waited");
    this.#lag = histogram("trefoil.loop.lag", "How late timers of the event loop come");
    const tasks = { description: "Tasks that have not ended", unit: "{task}" };
    this.#ask(() => meter.createObservableUpDownCounter("trefoil.tasks", tasks), (result) => {
      let living = 0;
      let running = 0;
      for (const run of this.#runs()) {
        const { tasksLiving, tasksRunning } = run.statistics();
        living += tasksLiving;
        running += tasksRunning;
      }
      result.observe(running, { state: "running" });
      result.observe(living - running, { state: "waiting" });
    });
    const operations = { description: "Operations of the host in flight", unit: "{operation}" };
    this.#ask(() => meter.createObservableUpDownCounter("trefoil.host_operations", operations), (result) => {
      let count = 0;
      for (const run of this.#runs()) count += run.statistics().hostOperations.length;
      result.observe(count, {});
    });
    if (this.#watch.size === 0) return;
    const resources = { description: "Numbers of what is watched", unit: "1" };
    this.#ask(() => meter.createObservableGauge("trefoil.resource", resources), (result) => {
      for (const [name, resource] of this.#watch) this.#askResource(result, name, resource);
    });
  }

  /** Lets go of the meter: the last run has ended. */
  close(): void {
    for (const [observable, ask] of this.#asked.splice(0)) this.#try(() => observable.removeCallback(ask));
    this.#ended = this.#waits = this.#lag = null;
  }

  taskEnded(state: string): void {
    const ended = this.#ended;
    if (ended !== null) this.#try(() => ended.add(1, { state }));
  }

  /** A wait has lasted so many milliseconds. */
  waited(kind: string, ms: number): void {
    const waits = this.#waits;
    if (waits === null) return;
    // Not by a function: this is called for each wait of a program.
    try {
      waits.record(ms / 1_000, this.#attributesOf(kind));
    } catch (error) {
      this.#teller.threw("a meter", error);
    }
  }

  /** The event loop was late by so many milliseconds. */
  lagged(ms: number): void {
    const lag = this.#lag;
    if (lag !== null) this.#try(() => lag.record(ms / 1_000, {}));
  }

  #attributesOf(kind: string): Attributes {
    let attributes = this.#kinds.get(kind);
    if (attributes !== undefined) return attributes;
    if (this.#kinds.size >= MOST_KINDS) return OTHERS;
    this.#kinds.set(kind, attributes = { kind });
    return attributes;
  }

  #ask(make: () => OtelObservable, answer: Ask): void {
    const observable = this.#try(make);
    if (observable === undefined) return;
    const ask: Ask = (result) => void this.#try(() => answer(result));
    this.#try(() => {
      observable.addCallback(ask);
      this.#asked.push([observable, ask]);
    });
  }

  /** One that throws hides no other. */
  #askResource(result: OtelObservableResult, name: string, resource: HasStatistics): void {
    const statistics = this.#teller.try(`statistics() of "${name}"`, () => numbersIn(resource.statistics())) ?? [];
    for (const [statistic, value] of statistics) {
      // What has no end is no value of a gauge.
      if (Number.isFinite(value)) this.#try(() => result.observe(value, { resource: name, statistic }));
    }
  }

  #try<R>(fn: () => R): R | undefined {
    return this.#teller.try("a meter", fn);
  }
}

const OTHERS: Attributes = { kind: "other" };
