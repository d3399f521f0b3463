// deno-lint-ignore-file no-console -- what is printed is caught
/** OpenTelemetry's API that remembers what it was told. */

import { AsyncLocalStorage } from "node:async_hooks";
import { addInstrument } from "../../core/lowlevel.ts";
import { simulate } from "../../testing/mod.ts";
import { OtelInstrument, type OtelInstrumentOptions } from "../mod.ts";
import type { OtelMeter, OtelModules, OtelObservableResult, OtelSpan, OtelTracer } from "../mod.ts";

const storage = new AsyncLocalStorage<unknown>();

type Attributes = Record<string, string | number>;
type Time = [number, number] | undefined;

/** A span with everything that it was told. */
export class FakeSpan implements OtelSpan {
  readonly events: { name: string; attributes: Attributes; time: Time }[] = [];
  readonly errors: (Error | string)[] = [];
  status: { code: number; message: string } | null = null;
  ended = 0;
  endTime: Time;

  constructor(
    readonly name: string,
    readonly attributes: Attributes,
    readonly parent: FakeSpan | null,
    readonly startTime: Time,
    readonly recording = true,
  ) {}

  isRecording(): boolean {
    return this.recording;
  }

  addEvent(name: string, attributes: Attributes, time?: [number, number]): void {
    this.#requireOpen();
    this.events.push({ name, attributes, time });
  }

  setAttribute(key: string, value: string | number): void {
    this.#requireOpen();
    this.attributes[key] = value;
  }

  setStatus(status: { code: number; message: string }): void {
    this.#requireOpen();
    this.status = status;
  }

  recordException(error: Error | string): void {
    this.#requireOpen();
    // Read as tracers read it.
    if (typeof error !== "string") void [error.name, error.message, error.stack];
    this.errors.push(error);
  }

  end(time?: [number, number]): void {
    this.ended++;
    this.endTime = time;
  }

  /** The waits among its events, without their times. */
  get waits(): Attributes[] {
    return this.events.filter(({ name }) => name === "wait").map(({ attributes }) => attributes);
  }

  #requireOpen(): void {
    if (this.ended > 0) throw new Error(`Cannot tell span "${this.name}" as it must be open`);
  }
}

/** What was counted or measured. */
export interface Measured {
  readonly name: string;
  readonly value: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The modules, and what they were told. */
export class FakeOtel implements OtelModules {
  /** In the order in which they began. */
  readonly spans: FakeSpan[] = [];
  readonly measured: Measured[] = [];
  /** How each instrument of the meter was made. */
  readonly made = new Map<string, { readonly description: string; readonly unit: string }>();
  readonly #asked = new Map<(result: OtelObservableResult) => void, string>();
  readonly trace: NonNullable<OtelModules["trace"]>;
  readonly context: NonNullable<OtelModules["context"]>;
  readonly metrics: NonNullable<OtelModules["metrics"]>;

  constructor(isSampled: (name: string) => boolean = () => true) {
    const tracer: OtelTracer = {
      startSpan: (name, { attributes, startTime }, parent) => {
        const span = new FakeSpan(
          name,
          attributes,
          (parent as { span: FakeSpan | null }).span,
          startTime,
          isSampled(name),
        );
        this.spans.push(span);
        return span;
      },
    };
    this.trace = { getTracer: () => tracer, setSpan: (_context, span) => ({ span }) };
    this.context = {
      active: () => storage.getStore() ?? { span: null },
      with: (context, fn) => storage.run(context, fn),
    };
    this.metrics = { getMeter: () => this.#meter };
  }

  /** The one span of a name. */
  span(name: string): FakeSpan {
    const [span, ...others] = this.spans.filter((each) => each.name === name);
    if (span === undefined || others.length > 0) {
      throw new Error(
        `Cannot find the span as there must be one of its name: "${name}" is among ${
          this.spans.map(({ name }) => name)
        }`,
      );
    }
    return span;
  }

  /** How many are asked for numbers. */
  get asked(): number {
    return this.#asked.size;
  }

  /** Asks for numbers, as a reader does; the answers, by name and attributes. */
  ask(): Record<string, number> {
    const answers: Record<string, number> = {};
    for (const [callback, name] of this.#asked) {
      callback({
        observe(value, attributes) {
          answers[[name, ...Object.values(attributes)].join(" ")] = value;
        },
      });
    }
    return answers;
  }

  /** The sum of what was counted, or how often something was measured, by attributes. */
  counts(name: string, of: (one: Measured) => number = () => 1): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const one of this.measured) {
      if (one.name !== name) continue;
      const key = Object.values(one.attributes).join(" ");
      counts[key] = (counts[key] ?? 0) + of(one);
    }
    return counts;
  }

  get #meter(): OtelMeter {
    const measure = (name: string, options: { description: string; unit: string }) => {
      this.made.set(name, options);
      return (value: number, attributes: Record<string, string>) =>
        void this.measured.push({ name, value, attributes });
    };
    const observable = (name: string, options: { description: string; unit: string }) => {
      this.made.set(name, options);
      return {
        addCallback: (callback: (result: OtelObservableResult) => void) => void this.#asked.set(callback, name),
        removeCallback: (callback: (result: OtelObservableResult) => void) => void this.#asked.delete(callback),
      };
    };
    return {
      createCounter: (name, options) => ({ add: measure(name, options) }),
      createHistogram: (name, options) => ({ record: measure(name, options) }),
      createObservableUpDownCounter: observable,
      createObservableGauge: observable,
    };
  }
}

/** What is told of a simulation. */
export async function watched(
  body: (otel: FakeOtel) => unknown,
  options?: OtelInstrumentOptions,
): Promise<FakeOtel> {
  const otel = new FakeOtel();
  await simulate(async () => {
    using _ = addInstrument(new OtelInstrument(otel, options));
    await body(otel);
  }, { leaks: "ignore" });
  return otel;
}

/** What is printed as an error meanwhile. */
export async function printed(body: () => unknown): Promise<string[]> {
  const lines: string[] = [];
  const { error } = console;
  console.error = (what: unknown) => {
    lines.push(what instanceof Error ? `${what.message}: ${what.cause}` : `${what}`);
  };
  try {
    await body();
  } finally {
    console.error = error;
  }
  return lines;
}

/** The spans in the order in which they began, each with that around it. */
export function tree({ spans }: FakeOtel): string[] {
  return spans.map(({ name, parent }) => parent === null ? name : `${parent.name} > ${name}`);
}
