/**
 * The seam to the processes of the system: what a run needs of the host to start programs.
 *
 * Tests put processes in memory here. Only types: the core itself starts nothing. The default implementation is in
 * `os/`. The streams have the rules of `SendStream` and `ReceiveStream` in `net`, of which the core knows nothing.
 *
 * Processes in memory say that they are (`inMemory`): what waits for one waits for the program itself, so time goes on
 * meanwhile, and the times that belong to a process (`grace`, `drain`) are measured on the clock of the run.
 */

/**
 * How a process has ended.
 *
 * @category Processes
 */
export interface ProcessStatus {
  /** Whether the exit code is 0. */
  readonly success: boolean;
  /** The exit code; 128 and the number of the signal if one has ended it. */
  readonly code: number;
  /** The signal that has ended it, or `null`. */
  readonly signal: string | null;
}

/**
 * The input of a process, as the program that started it sees it.
 *
 * @category Low level
 */
export interface HostProcessInput extends Disposable, AsyncDisposable {
  /** Sends all bytes, in order. */
  sendAll(bytes: Uint8Array): Promise<void>;
  /** Ends the input; never waits. */
  close(): void;
}

/**
 * An output of a process, as the program that started it sees it.
 *
 * @category Low level
 */
export interface HostProcessOutput extends Disposable, AsyncDisposable, AsyncIterable<Uint8Array> {
  /** Receives what is there, at least one byte; `null` at the end. */
  receiveSome(max?: number): Promise<Uint8Array | null>;
  /** Receives into a buffer of the caller's. */
  receiveInto(buffer: Uint8Array): Promise<number | null>;
  /** Stops receiving; never waits. */
  close(): void;
}

/**
 * A process that was started.
 *
 * @category Low level
 */
export interface HostProcess {
  /** Its number in the system. */
  readonly pid: number;
  /** Its input, if that is a pipe. */
  readonly stdin: HostProcessInput | null;
  /** Its output, if that is a pipe. */
  readonly stdout: HostProcessOutput | null;
  /** Its output of errors, if that is a pipe. */
  readonly stderr: HostProcessOutput | null;
  /** Settles when the process has exited, whatever its pipes do. */
  readonly status: Promise<ProcessStatus>;
  /** Sends a signal, to its group if it has one of its own. Throws a `TypeError` if the process has exited. */
  kill(signal: string): void;
  /** Called when nobody waits for it any more: it must not keep the program from ending. */
  unref?(): void;
}

/**
 * What to start, and how.
 *
 * @category Low level
 */
export interface ProcessSpawnOptions {
  /** The program and its arguments. */
  readonly command: readonly [program: string, ...args: string[]];
  /** Where its input comes from. */
  readonly stdin: "null" | "inherit" | "piped";
  /** Where its output goes. */
  readonly stdout: "null" | "inherit" | "piped";
  /** Where its output of errors goes. */
  readonly stderr: "null" | "inherit" | "piped";
  /** Where it runs; the folder of this program if left out. */
  readonly cwd?: string | URL;
  /** Variables of its environment, besides those of this program. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it gets the variables in `env` alone. */
  readonly clearEnv?: boolean;
  /** The user it runs as. */
  readonly uid?: number;
  /** The group of users it runs as. */
  readonly gid?: number;
  /**
   * Whether it gets a process group of its own, which its signals are sent to, and of which nothing is left when it has
   * exited.
   */
  readonly group: boolean;
}

/**
 * Processes for `run()`: everything in `os` that starts a program uses nothing else.
 *
 * @category Low level
 */
export interface ProcessHost {
  /** Starts a program; throws if it cannot. */
  spawn(options: ProcessSpawnOptions): HostProcess;
  /** Whether they are in memory: then they are not accounted for as operations of the host. */
  readonly inMemory?: boolean;
}
