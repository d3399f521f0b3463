/** What can go wrong with a process. */

import { branded, cutStack, recogniseBrand } from "../../core/internal.ts";

/**
 * Why a process has failed: `"exit"`, its exit code was not 0, or it ended before it was ready; `"signal"`, a signal
 * ended it; `"spawn"`, it could not be started; `"output"`, it wrote more than `maxOutput`; `"unkillable"`, it is still
 * there five seconds after SIGKILL.
 *
 * @category Processes
 */
export type ProcessErrorReason = "exit" | "signal" | "spawn" | "output" | "unkillable";

/**
 * What a `ProcessError` carries.
 *
 * @category Processes
 */
export interface ProcessErrorOptions extends ErrorOptions {
  /** Why it has failed. */
  readonly reason: ProcessErrorReason;
  /** What was run, as one would type it into a shell; or the `name` that was given for it. */
  readonly command: string;
  /** The exit code, if it has exited. */
  readonly code?: number | null;
  /** The signal that has ended it, if one has. */
  readonly signal?: string | null;
  /** What was captured of its output. */
  readonly stdout?: string | Uint8Array | null;
  /** What was captured of its output of errors, or the end of it. */
  readonly stderr?: string | Uint8Array | null;
}

/**
 * Thrown when a process fails, or cannot be started.
 *
 * The message ends with the last lines of what the process has said on stderr, if that was captured. Everything in the
 * message is also in a field.
 *
 * @example A command that fails
 * ```ts
 * import { ProcessError, runProcess } from "@trefoil/io";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const error = await assertRejects(
 *   () => runProcess(["sh", "-c", "echo no such branch >&2; exit 3"], { stdout: "text" }),
 *   ProcessError,
 * );
 * assertEquals([error.reason, error.code, error.stderr], ["exit", 3, "no such branch\n"]);
 * ```
 *
 * @category Processes
 */
export class ProcessError extends Error {
  /** The name of the class. */
  override readonly name: "ProcessError" = branded(this, "ProcessError");
  /** Why it has failed. */
  readonly reason: ProcessErrorReason;
  /** What was run, as one would type it into a shell; or the `name` that was given for it. */
  readonly command: string;
  /** The exit code, or `null` if it has not exited. */
  readonly code: number | null;
  /** The signal that has ended it, or `null`. */
  readonly signal: string | null;
  /** What was captured of its output, or `null`. */
  readonly stdout: string | Uint8Array | null;
  /** What was captured of its output of errors, or the end of it; `null` if nothing was. */
  readonly stderr: string | Uint8Array | null;

  /**
   * Makes the error.
   *
   * @param message What could not be done, and why.
   * @param options What is known of the process.
   */
  constructor(message: string, options: ProcessErrorOptions) {
    super(message, options);
    this.reason = options.reason;
    this.command = options.command;
    this.code = options.code ?? null;
    this.signal = options.signal ?? null;
    this.stdout = options.stdout ?? null;
    this.stderr = options.stderr ?? null;
    cutStack(this);
  }
}
recogniseBrand(ProcessError, "ProcessError");
