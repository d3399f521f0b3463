/**
 * Structured concurrency for Deno: nurseries, ambient cancellation and timeouts on plain `async`/`await`, streams and
 * servers that survive them, and tests in simulated time.
 *
 * What most programs need is here. The other entry points hold the rest, or a part of it:
 *
 * | import                 | what is in it                                                                      |
 * | ---------------------- | ---------------------------------------------------------------------------------- |
 * | `@trefoil/io`          | all of `core` and `net`, what is used most of `os`, and `simulate()`                |
 * | `@trefoil/io/core`     | tasks, timeouts, errors, channels, locks; needs no permission, starts in half the time |
 * | `@trefoil/io/net`      | streams, TCP, UDP, TLS, Unix sockets, servers, HTTP, WebSockets                    |
 * | `@trefoil/io/os`       | processes, workers, signals, files, the terminal                                   |
 * | `@trefoil/io/worker`   | for modules whose functions run in a worker                                        |
 * | `@trefoil/io/testing`  | networks in memory, sweeps, schedules, conformance suites                          |
 * | `@trefoil/io/observe`  | a monitor in the browser, watchdogs, traces, OpenTelemetry                         |
 * | `@trefoil/io/lowlevel` | for libraries on this one: the one wait, operations of the host, the seams of a run |
 *
 * | you want to                          | read                                                       |
 * | ------------------------------------ | ---------------------------------------------------------- |
 * | begin                                | [Start](docs/start.md), [the tutorial](docs/tutorial/index.md) |
 * | find the function for a task         | [What to use](README.md#what-to-use)                       |
 * | know when a wait ends, and how       | [Cancellation](docs/guides/cancellation.md), [timeouts](docs/guides/timeouts.md) |
 * | come from `Promise.all` and signals  | [Coming from promises](docs/from/promises.md)              |
 * | know what a call can throw           | [Errors](docs/reference/errors.md)                         |
 * | find out why something hangs         | [Debugging](docs/guides/debugging.md)                      |
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
export type { FileStream } from "./os/files/file_stream.ts";
export { openFile, type OpenFileOptions } from "./os/files/open_file.ts";
export { readFile, readTextFile } from "./os/files/read_file.ts";
export { readLines, type ReadLinesOptions } from "./os/files/read_lines.ts";
export { openTempDir, type OpenTempOptions, type Temporary } from "./os/files/temp.ts";
export type { FileChange, FileChanges, FileWatcher } from "./os/files/file_watcher.ts";
export { watchFiles, type WatchFilesOptions } from "./os/files/watch_files.ts";
export { writeFileAtomic, type WriteFileAtomicOptions } from "./os/files/write_file_atomic.ts";
export { childProcess, type ChildProcessOptions } from "./os/process/child_process.ts";
export type { Command } from "./os/process/command.ts";
export { openProcess, type OpenProcessOptions } from "./os/process/open_process.ts";
export type { Process, ProcessOptions } from "./os/process/process.ts";
export { ProcessError, type ProcessErrorOptions, type ProcessErrorReason } from "./os/process/process_error.ts";
export {
  type CapturedOutput,
  type OutputReceiver,
  type OutputTarget,
  type ProcessResult,
  runProcess,
  type RunProcessOptions,
} from "./os/process/run_process.ts";
export { openSignals, type SignalReceiver, type SignalStatistics } from "./os/signals/open_signals.ts";
export { openStdin, stdinLines, type StdinLinesOptions } from "./os/terminal/stdin.ts";
export { openWorkers } from "./os/workers/open_workers.ts";
export { transfer } from "./os/workers/transfer.ts";
export { WorkerCrashedError, type WorkerCrashedErrorOptions } from "./os/workers/worker_errors.ts";
export type {
  AnyWorkerModule,
  CallName,
  CallResult,
  OpenWorkersOptions,
  StreamItem,
  StreamName,
  WorkerArgs,
  WorkerPermissions,
  Workers,
  WorkersStatistics,
} from "./os/workers/workers.ts";
export type { ProcessStatus } from "./core/lowlevel.ts";
export { MockClock, type MockClockOptions } from "./testing/time/mock_clock.ts";
export { settled, type SettledOptions } from "./testing/time/settled.ts";
export { simulate, simulated } from "./testing/time/simulate.ts";
export type { Background, SimulatedOptions, SimulateOptions, Simulation } from "./testing/time/simulation.ts";
