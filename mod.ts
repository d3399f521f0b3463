/**
 * Structured concurrency for Deno: nurseries, ambient cancellation and timeouts on plain `async`/`await`, streams and
 * servers that survive them, and tests in simulated time.
 *
 * @example Two tasks under one timeout
 * ```ts
 * import { moveOnAfter, openNursery, sleep } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const outcome = await moveOnAfter(10, () =>
 *   openNursery((nursery) => {
 *     nursery.startSoon(() => sleep(60_000));
 *     nursery.startSoon(() => sleep(90_000));
 *   }));
 * assert(outcome.cancelledCaught);
 * ```
 *
 * @module
 */

export * from "./core/mod.ts";
export * from "./net/mod.ts";
export {
  type CapturedOutput,
  childProcess,
  type ChildProcessOptions,
  type Command,
  openProcess,
  type OpenProcessOptions,
  openSignals,
  type OutputReceiver,
  type OutputTarget,
  type Process,
  ProcessError,
  type ProcessErrorOptions,
  type ProcessErrorReason,
  type ProcessOptions,
  type ProcessResult,
  type ProcessStatus,
  runProcess,
  type RunProcessOptions,
  type SignalReceiver,
  type SignalStatistics,
} from "./os/mod.ts";
export { MockClock, type MockClockOptions } from "./testing/time/mock_clock.ts";
export { settled, type SettledOptions } from "./testing/time/settled.ts";
export { simulate, simulated } from "./testing/time/simulate.ts";
export type { Background, SimulateOptions, Simulation } from "./testing/time/simulation.ts";
