/**
 * Seeing a program run: watchdogs that tell what blocks, hangs or was forgotten, and traces of everything.
 *
 * It needs no permission, and costs a program that does not use it nothing.
 *
 * @module
 */

export type { Finding, FindingKind } from "./watchdog/finding.ts";
export { Watchdog, type WatchdogOptions } from "./watchdog/watchdog.ts";
export { TraceRecorder, type TraceRecorderOptions } from "./trace/trace_recorder.ts";
