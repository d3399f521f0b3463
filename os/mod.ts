/**
 * What the system offers besides the network: processes, workers, signals, files and the terminal.
 *
 * It needs Deno. Importing it costs nothing elsewhere: what is missing is said by the first call. What is used most is in
 * `@trefoil/io` as well.
 *
 * | you want to                                     | use                                                              |
 * | ----------------------------------------------- | ---------------------------------------------------------------- |
 * | run a program to its end                        | `runProcess()`, `runPipeline()`                                  |
 * | talk to a program that runs                     | `openProcess()`                                                  |
 * | keep a program running beside you               | `childProcess()`                                                 |
 * | compute or block without stopping all else      | `openWorkers()`, `transfer()`, `callback()`, `blockingCallback()` |
 * | receive signals as values                       | `openSignals()`                                                  |
 * | read a file                                     | `readFile()`, `readTextFile()`, `readLines()`                    |
 * | write a file, all of it or nothing              | `writeFileAtomic()`                                              |
 * | copy a file, read and write parts of one        | `copyFile()`, `openFile()`                                       |
 * | let only one program in                         | `lockFile()`, `tryLockFile()`                                    |
 * | have a file or folder that goes by itself       | `openTempFile()`, `openTempDir()`                                |
 * | hear of changes                                 | `watchFiles()`                                                   |
 * | read what is typed or piped, and write          | `openStdin()`, `stdinLines()`, `openStdout()`, `openStderr()`    |
 * | use the terminal                                | `openRawMode()`, `terminalSize()`, `openTerminalSize()`          |
 *
 * Guides: [processes, workers and files](docs/guides/processes-and-workers.md), [shutdown](docs/guides/shutdown.md),
 * [permissions](docs/reference/permissions.md).
 *
 * @module
 */

export { childProcess, type ChildProcessOptions } from "./process/child_process.ts";
export type { Command } from "./process/command.ts";
export { openProcess, type OpenProcessOptions } from "./process/open_process.ts";
export type { Process, ProcessOptions } from "./process/process.ts";
export { ProcessError, type ProcessErrorOptions, type ProcessErrorReason } from "./process/process_error.ts";
export type { ProcessStatus } from "../core/lowlevel.ts";
export { runPipeline, type RunPipelineOptions } from "./process/run_pipeline.ts";
export {
  type CapturedOutput,
  type OutputReceiver,
  type OutputTarget,
  type ProcessResult,
  runProcess,
  type RunProcessOptions,
} from "./process/run_process.ts";
export { openStderr, openStdout } from "./terminal/output.ts";
export { openRawMode, type OpenRawModeOptions } from "./terminal/raw_mode.ts";
export { openStdin, stdinLines, type StdinLinesOptions } from "./terminal/stdin.ts";
export { openTerminalSize, type TerminalSize, terminalSize, type TerminalSizeWatch } from "./terminal/terminal_size.ts";
export { openSignals, type SignalReceiver, type SignalStatistics } from "./signals/open_signals.ts";
export { copyFile, type CopyFileOptions } from "./files/copy_file.ts";
export { type FileLock, lockFile, type LockFileOptions, tryLockFile } from "./files/lock_file.ts";
export type { FileStream } from "./files/file_stream.ts";
export { openFile, type OpenFileOptions } from "./files/open_file.ts";
export { readFile, readTextFile } from "./files/read_file.ts";
export { readLines, type ReadLinesOptions } from "./files/read_lines.ts";
export { openTempDir, openTempFile, type OpenTempOptions, type Temporary } from "./files/temp.ts";
export type { FileChange, FileChanges, FileWatcher } from "./files/file_watcher.ts";
export { watchFiles, type WatchFilesOptions } from "./files/watch_files.ts";
export { writeFileAtomic, type WriteFileAtomicOptions } from "./files/write_file_atomic.ts";
export { blockingCallback, callback } from "./workers/callback.ts";
export { openWorkers } from "./workers/open_workers.ts";
export { transfer } from "./workers/transfer.ts";
export { WorkerCrashedError, type WorkerCrashedErrorOptions } from "./workers/worker_errors.ts";
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
} from "./workers/workers.ts";
