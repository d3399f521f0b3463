/** What can go wrong with a worker itself. */

import { branded, cutStack, recogniseBrand } from "../../core/internal.ts";

/**
 * What a `WorkerCrashedError` carries.
 *
 * @category Workers
 */
export interface WorkerCrashedErrorOptions extends ErrorOptions {
  /** The address of the module. */
  readonly module: string;
  /** The function that was called; `null` if the worker ended before that. */
  readonly functionName?: string | null;
  /** The exit code, if there is one. */
  readonly exitCode?: number | null;
  /** The signal that has ended the process, if one has. */
  readonly signal?: string | null;
}

/**
 * Thrown when a worker ends amid a call, or cannot be started: its module does not load, it has exited, it has run out
 * of memory, or an error was thrown in it that nobody has caught.
 *
 * The worker is replaced when the next call needs one. Errors that a function throws itself are thrown as they are, and
 * are no crashes.
 *
 * @example A worker that exits
 * ```ts
 * import { openWorkers, WorkerCrashedError } from "@trefoil/io";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const module = "data:application/javascript,export const leave = () => Deno.exit(3)";
 * await using workers = await openWorkers<{ leave(): void }>(module, { size: 1 });
 * const error = await assertRejects(() => workers.call("leave"), WorkerCrashedError);
 * assertEquals([error.functionName, error.exitCode], ["leave", 3]);
 * ```
 *
 * @category Workers
 */
export class WorkerCrashedError extends Error {
  /** The name of the class. */
  override readonly name: "WorkerCrashedError" = branded(this, "WorkerCrashedError");
  /** The address of the module. */
  readonly module: string;
  /** The function that was called; `null` if the worker ended before that. */
  readonly functionName: string | null;
  /** The exit code, or `null`. */
  readonly exitCode: number | null;
  /** The signal that has ended the process, or `null`. */
  readonly signal: string | null;

  /**
   * Makes the error.
   *
   * @param message What could not be done, and why.
   * @param options What is known of the worker; the cause is what it has ended with.
   */
  constructor(message: string, options: WorkerCrashedErrorOptions) {
    super(message, options);
    this.module = options.module;
    this.functionName = options.functionName ?? null;
    this.exitCode = options.exitCode ?? null;
    this.signal = options.signal ?? null;
    cutStack(this);
  }
}
recogniseBrand(WorkerCrashedError, "WorkerCrashedError");
