/** Running a program to its end. */

import { checkpoint } from "../../core/mod.ts";
import { composedWait } from "../../core/internal.ts";
import type { ReceiveStream, SendStream } from "../../net/mod.ts";
import type { ProcessStatus } from "../../core/lowlevel.ts";
import { Child } from "./_child.ts";
import type { Command } from "./command.ts";
import { planOf, type Takes } from "./_plan.ts";
import type { ProcessOptions } from "./process.ts";
import { resultOf } from "./_result.ts";
import { supervise } from "./_supervise.ts";

/**
 * Where the output of a program goes: `"inherit"`, to that of this program; `"null"`, nowhere; `"text"` and `"bytes"`,
 * into the result, as UTF-8 or as it is.
 *
 * @category Processes
 */
export type OutputTarget = "inherit" | "null" | "text" | "bytes";

/**
 * What takes the output of a program as it comes: a function, line by line; or a stream, which is lent, and not closed.
 *
 * A line of more than 65,536 characters comes in pieces. An error that the function throws ends the process, and is
 * thrown.
 *
 * @category Processes
 */
export type OutputReceiver = ((line: string) => void) | SendStream;

/**
 * Options of `runProcess()`.
 *
 * @category Processes
 */
export interface RunProcessOptions<
  Out extends OutputTarget = OutputTarget,
  Err extends OutputTarget | "tail" = OutputTarget | "tail",
> extends ProcessOptions {
  /**
   * Where its input comes from: nowhere, from that of this program, or what is given here. A stream is lent, and not
   * closed; up to one chunk that was taken from it is lost when the process exits first.
   *
   * To send the text `"null"` or `"inherit"`, give its bytes.
   *
   * @default {"null"}
   */
  readonly stdin?: "null" | "inherit" | (string & Record<never, never>) | Uint8Array | ReceiveStream;
  /**
   * Where its output goes.
   *
   * @default {"inherit"}
   */
  readonly stdout?: Out | OutputReceiver;
  /**
   * Where its output of errors goes. `"tail"` keeps the last 4 KiB of it, for the message if the process fails.
   *
   * @default {"tail"} if `stdout` is captured, `"inherit"` otherwise
   */
  readonly stderr?: Err | OutputReceiver;
  /**
   * Whether an exit code other than 0, or an end by a signal, is a `ProcessError`.
   *
   * @default {true}
   */
  readonly check?: boolean;
  /**
   * The most that is captured of each pipe, in bytes. More ends the process, and is a `ProcessError`.
   *
   * @default {67_108_864}
   */
  readonly maxOutput?: number;
  /**
   * How long an idle pipe that a descendant holds is waited for after the exit, in milliseconds. `Infinity` waits for
   * its end.
   *
   * @default {250}
   */
  readonly drain?: number;
  /** A signal to send, once, when a shutdown begins: see `untilShutdown()`. */
  readonly onShutdown?: Deno.Signal;
}

/**
 * What was captured of an output, by where it was to go.
 *
 * @category Processes
 */
export type CapturedOutput<To> = To extends "text" | "tail" ? string : To extends "bytes" ? Uint8Array : null;

/**
 * How a program has ended, and what it has said: see `runProcess()`.
 *
 * @category Processes
 */
export interface ProcessResult<Out = OutputTarget, Err = OutputTarget> extends ProcessStatus {
  /** What was captured of its output; `null` if it went elsewhere. */
  readonly stdout: CapturedOutput<Out>;
  /** What was captured of its output of errors; `null` if it went elsewhere. */
  readonly stderr: CapturedOutput<Err>;
  /**
   * The pipes that a descendant still held when nobody waited for them any longer: they may lack what it says later.
   */
  readonly leftOpen: readonly ("stdout" | "stderr")[];
}

const TAKES: Takes = {
  stdin: ["null", "inherit"],
  bytes: true,
  output: ["inherit", "null", "text", "bytes"],
  sinks: true,
};

/**
 * Runs a program to its end.
 *
 * When the promise settles, the process is gone. There is no shell: arguments are handed over as they are.
 *
 * What a descendant goes on to write after the exit is read as long as it comes; an idle pipe is waited for `drain`
 * milliseconds, then the result says in `leftOpen` that somebody still held it.
 *
 * **Cancellation:** ends the process (SIGTERM, and SIGKILL after `grace`), waits until it is gone, and throws
 * `Cancelled`. What was captured is lost, and what the process has done stays done. In a cancelled scope nothing is
 * started.
 *
 * **Not guaranteed:** that descendants end with the process; see `group`.
 *
 * **Cost:** half a millisecond in which the event loop stands still, for the start.
 *
 * @example The output of a command
 * ```ts
 * import { runProcess } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const { stdout } = await runProcess(["sort", "-r"], { stdin: "a\nc\nb\n", stdout: "text" });
 * assertEquals(stdout, "c\nb\na\n");
 * ```
 *
 * @example A command that takes too long
 * ```ts
 * import { moveOnAfter, runProcess } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const outcome = await moveOnAfter(10, () => runProcess(["sleep", "600"]));
 * assert(outcome.cancelledCaught);
 * ```
 *
 * @param command A program and its arguments.
 * @param options Input, output, and how it is ended.
 * @returns How it has ended, and what was captured.
 * @throws {ProcessError} If it cannot be started, fails, writes too much, or cannot be ended.
 * @throws {TypeError} If the command or an option is of the wrong kind; nothing is started.
 * @throws {RangeError} If the value of an option cannot be one; nothing is started.
 * @category Processes
 */
export function runProcess<
  Out extends OutputTarget = "inherit",
  Err extends OutputTarget | "tail" = Out extends "text" | "bytes" ? "tail" : "inherit",
>(command: Command, options: RunProcessOptions<Out, Err> = {}): Promise<ProcessResult<Out, Err>> {
  return composedWait(async () => {
    const plan = planOf("run a process", TAKES, { command, options });
    await checkpoint();
    const supervised = await supervise(new Child(plan));
    return resultOf(plan, supervised) as ProcessResult<Out, Err>;
  });
}
