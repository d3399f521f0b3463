/**
 * What the system offers besides the network: processes, signals, files and the terminal.
 *
 * It needs Deno. Importing it costs nothing elsewhere: what is missing is said by the first call.
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
export { type FileLock, lockFile, type LockFileOptions, tryLockFile } from "./files/lock_file.ts";
export { readFile, readLines, type ReadLinesOptions, readTextFile } from "./files/read_file.ts";
export { openTempDir, openTempFile, type OpenTempOptions, type Temporary } from "./files/temp.ts";
export {
  copyFile,
  type CopyFileOptions,
  writeFileAtomic,
  type WriteFileAtomicOptions,
} from "./files/write_file_atomic.ts";
