/**
 * Seeing a program run: a page that shows it live, watchdogs that tell what blocks, hangs or was forgotten, traces of
 * everything, and a bridge to OpenTelemetry.
 *
 * A program that does not use it pays nothing. The monitor needs the permission to listen; nothing else needs any.
 *
 * | you want to                                        | use                                             |
 * | -------------------------------------------------- | ----------------------------------------------- |
 * | look at a program while it runs                    | `openMonitor()`                                 |
 * | look at one without changing it                    | `--preload jsr:@trefoil/io/monitor`             |
 * | look at it in a terminal                           | `deno run jsr:@trefoil/io/top`                  |
 * | hear of it when something blocks, hangs or leaks   | `new Watchdog()`                                |
 * | record what happened, and see it on a time line    | `new TraceRecorder()`                           |
 * | give tasks and their waits to OpenTelemetry        | `new OtelInstrument()`                          |
 * | print the tasks, and what they wait for            | `taskTree()` of `@trefoil/io/core`              |
 *
 * Guides: [observing](docs/guides/observing.md), [debugging](docs/guides/debugging.md), and the
 * [reference](observe/README.md).
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
