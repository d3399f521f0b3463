/**
 * Seeing a program run: a page that shows it live, watchdogs that tell what blocks, hangs or was forgotten, traces of
 * everything, and a bridge to OpenTelemetry.
 *
 * A program that does not use it pays nothing. The monitor needs the permission to listen; nothing else needs any.
 *
 * @module
 */

export type { Finding, FindingKind } from "./watchdog/finding.ts";
export { Watchdog, type WatchdogOptions } from "./watchdog/watchdog.ts";
export type { HasStatistics } from "./has_statistics.ts";
export { type Monitor, type MonitorOptions, openMonitor } from "./monitor/monitor.ts";
export { TraceRecorder, type TraceRecorderOptions } from "./trace/trace_recorder.ts";
export { OtelInstrument, type OtelInstrumentOptions } from "./otel/otel_instrument.ts";
export type {
  OtelMeter,
  OtelModules,
  OtelObservable,
  OtelObservableResult,
  OtelSpan,
  OtelTracer,
} from "./otel/modules.ts";
export type { Trace, TraceHtmlOptions } from "./trace/trace.ts";
