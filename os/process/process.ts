/** A process that is there, as its users see it; the mechanism is in `_process.ts`. */

import type { ProcessStatus } from "../../core/lowlevel.ts";
import type { ReceiveStream, SendStream } from "../../net/mod.ts";

/**
 * Options of everything that starts a process.
 *
 * @category Processes
 */
export interface ProcessOptions {
  /**
   * How long the process may take to end once it was asked to, in milliseconds, before SIGKILL ends it.
   *
   * @default {5_000}
   */
  readonly grace?: number;
  /**
   * Whether the process gets a process group of its own. Signals then reach its descendants as well, and what is left
   * of them is killed when it has exited.
   *
   * It takes the permission to run everything (`--allow-run` without a list). Such a process has no terminal, and gets
   * no Ctrl-C. Starting it costs 1.6 ms instead of 0.4, and more in a large program: 33 ms at 600 MB. Not for a program
   * that goes into the background on purpose: what it leaves there is killed. Windows has no such groups.
   *
   * @default {false}
   */
  readonly group?: boolean;
  /**
   * Asks the process to end, instead of SIGTERM. Called under a shield when the process has to end; cancelled when it
   * is gone, or when `grace` is over. If it throws, or returns while the process is there, SIGKILL ends the process.
   */
  readonly deliverCancel?: (process: Process) => unknown;
  /** The folder it runs in. */
  readonly cwd?: string | URL;
  /** Variables of its environment, besides those of this program. `LD_…` take the permission to run everything. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * Whether it gets the variables in `env` alone.
   *
   * @default {false}
   */
  readonly clearEnv?: boolean;
  /** The user it runs as. */
  readonly uid?: number;
  /** The group of users it runs as. */
  readonly gid?: number;
  /** What stands for the command in errors and reports, for one with secrets in its arguments. */
  readonly name?: string;
}

/**
 * A process that was started by `openProcess()` or `childProcess()`.
 *
 * @category Processes
 */
export interface Process extends AsyncDisposable {
  /** Its number in the system. */
  readonly pid: number;
  /** What was run, as one would type it into a shell; or the `name` that was given for it. */
  readonly command: string;
  /**
   * Its input, if that is `"pipe"`. A cancelled send leaves its write behind, and `close()` after it takes effect once
   * that is over. A process that does not read any more is a `BrokenResourceError`.
   */
  readonly stdin: SendStream | null;
  /** Its output, if that is `"pipe"`. Read it: a process stops when 64 KiB wait to be read. */
  readonly stdout: ReceiveStream | null;
  /** Its output of errors, if that is `"pipe"`. Read it: a process stops when 64 KiB wait to be read. */
  readonly stderr: ReceiveStream | null;
  /** How it has exited; `null` while it is there. */
  readonly status: ProcessStatus | null;
  /**
   * Waits until the process has exited, whatever its pipes do: a descendant may hold them much longer.
   *
   * **Cancellation:** throws `Cancelled`; the process goes on, and so do other waits for it.
   *
   * @example A program that ends by itself
   * ```ts
   * import { openProcess } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * await using process = await openProcess(["sh", "-c", "exit 3"]);
   * assertEquals((await process.wait()).code, 3);
   * ```
   *
   * @returns How it has exited. A code other than 0 is no error here.
   */
  wait(): Promise<ProcessStatus>;
  /**
   * Sends a signal, and does not wait for what comes of it. On Windows every signal ends the process at once.
   *
   * @param signal Its name; SIGTERM if left out.
   * @returns Whether there was a process to send it to: `false` if it has exited.
   * @throws {TypeError} If there is no such signal.
   */
  kill(signal?: Deno.Signal): boolean;
  /**
   * Ends the process, and waits until it is gone.
   *
   * Its input is closed, and it gets SIGTERM, or what `deliverCancel` does instead; after `grace` SIGKILL. Its output
   * stays open for whoever reads it.
   *
   * **Cancellation:** none: it is cleanup, under a shield, and comes to its end within `grace` and five seconds.
   *
   * @example A server that is told to go
   * ```ts
   * import { openProcess } from "@trefoil/io";
   * import { assertEquals } from "@std/assert";
   *
   * await using process = await openProcess(["sleep", "600"]);
   * assertEquals((await process.end()).signal, "SIGTERM");
   * ```
   *
   * @returns How it has exited.
   * @throws {ProcessError} If it is there five seconds after SIGKILL.
   */
  end(): Promise<ProcessStatus>;
  /**
   * Ends the process as `end()` does, and closes its pipes. Never throws: what goes wrong is reported on the console.
   */
  [Symbol.asyncDispose](): Promise<void>;
}
