/**
 * As much of OpenTelemetry's API as is used here, so that its modules can be given, of whatever version, and the library
 * depends on none. Methods, and not functions as properties: only so does TypeScript take a module whose own types say
 * more.
 */

/**
 * The modules of OpenTelemetry's API that `OtelInstrument` is given: `npm:@opentelemetry/api` has them under these names.
 *
 * @category Observing
 */
export interface OtelModules {
  /** Makes spans. It goes with `context`; without both there are no spans. */
  readonly trace?: {
    getTracer(name: string): OtelTracer;
    setSpan(context: unknown, span: OtelSpan): unknown;
  };
  /** Says which span is the active one. */
  readonly context?: {
    active(): unknown;
    with(context: unknown, fn: () => void): unknown;
  };
  /** Counts and measures. Without it there are no metrics. */
  readonly metrics?: {
    getMeter(name: string): OtelMeter;
  };
}

/**
 * A tracer of OpenTelemetry, as far as it is used.
 *
 * @category Observing
 */
export interface OtelTracer {
  /** Begins a span. */
  startSpan(
    name: string,
    options: { attributes: Record<string, string | number>; startTime?: [number, number] },
    parent: unknown,
  ): OtelSpan;
}

/**
 * A span of OpenTelemetry, as far as it is used. A time is a pair: seconds since 1970, and nanoseconds.
 *
 * @category Observing
 */
export interface OtelSpan {
  /** Whether anybody will see it. */
  isRecording(): boolean;
  /** Adds something that happened in it. */
  addEvent(name: string, attributes: Record<string, string | number>, time?: [number, number]): unknown;
  /** Adds an attribute. */
  setAttribute(key: string, value: string | number): unknown;
  /** Says whether it has failed: that is code 2. */
  setStatus(status: { code: number; message: string }): unknown;
  /** Adds an error. */
  recordException(error: Error | string, time?: [number, number]): void;
  /** Ends it. */
  end(time?: [number, number]): void;
}

/**
 * A meter of OpenTelemetry, as far as it is used.
 *
 * @category Observing
 */
export interface OtelMeter {
  /** Makes a number that only grows. */
  createCounter(
    name: string,
    options: { description: string; unit: string },
  ): { add(value: number, attributes: Record<string, string>): void };
  /** Makes a distribution. */
  createHistogram(
    name: string,
    options: { description: string; unit: string; advice: { explicitBucketBoundaries: number[] } },
  ): { record(value: number, attributes: Record<string, string>): void };
  /** Makes a number that is asked for, and can be added to those of other processes. */
  createObservableUpDownCounter(name: string, options: { description: string; unit: string }): OtelObservable;
  /** Makes a number that is asked for. */
  createObservableGauge(name: string, options: { description: string; unit: string }): OtelObservable;
}

/**
 * A number of OpenTelemetry that is asked for, as far as it is used.
 *
 * @category Observing
 */
export interface OtelObservable {
  /** Adds somebody to ask. */
  addCallback(callback: (result: OtelObservableResult) => void): void;
  /** Asks somebody no more. */
  removeCallback(callback: (result: OtelObservableResult) => void): void;
}

/**
 * What takes the answers of those who are asked for numbers.
 *
 * @category Observing
 */
export interface OtelObservableResult {
  /** Takes one. */
  observe(value: number, attributes: Record<string, string>): void;
}
