/** Starting a program to talk to. */

import { checkpoint } from "../../core/mod.ts";
import { composedWait } from "../../core/internal.ts";
import { Child } from "./_child.ts";
import type { Command } from "./command.ts";
import { planOf, type Takes } from "./_plan.ts";
import { ProcessImpl } from "./_process.ts";
import type { Process, ProcessOptions } from "./process.ts";

/**
 * Options of `openProcess()`.
 *
 * @category Processes
 */
export interface OpenProcessOptions extends ProcessOptions {
  /**
   * Where its input comes from: `"pipe"` is `Process.stdin`.
   *
   * @default {"null"}
   */
  readonly stdin?: "null" | "inherit" | "pipe";
  /**
   * Where its output goes: `"pipe"` is `Process.stdout`.
   *
   * @default {"inherit"}
   */
  readonly stdout?: "null" | "inherit" | "pipe";
  /**
   * Where its output of errors goes: `"pipe"` is `Process.stderr`.
   *
   * @default {"inherit"}
   */
  readonly stderr?: "null" | "inherit" | "pipe";
}

const WORDS = ["null", "inherit", "pipe"];
const TAKES: Takes = { stdin: WORDS, bytes: false, output: WORDS, sinks: false };

/**
 * Starts a program, to talk to it or to wait for it.
 *
 * The process belongs to the caller. Leaving the block of `await using` ends it, quietly: SIGTERM, and SIGKILL after
 * `grace`. If it is a part of the program that must not fail, use `childProcess()`, which fails with it.
 *
 * A `"pipe"` that nobody reads stops the process at 64 KiB.
 *
 * **Cancellation:** in a cancelled scope nothing is started; afterwards cancellation ends waits for the process, and
 * not the process.
 *
 * **Not guaranteed:** that the process ends with this program. It does when that calls `Deno.exit()`, or the second
 * Ctrl-C ends a run. It does not when SIGKILL ends the program, or an error that nobody catches. A program that has
 * come to its end without having ended the process waits for it.
 *
 * @example A program that answers
 * ```ts
 * import { BufferedReceiver, openProcess } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using cat = await openProcess("cat", { stdin: "pipe", stdout: "pipe" });
 * const answers = new BufferedReceiver(cat.stdout!);
 * await cat.stdin!.sendAll(new TextEncoder().encode("hello\n"));
 * assertEquals(await answers.receiveLine(), "hello");
 * ```
 *
 * @param command A program and its arguments.
 * @param options Pipes, and how it is ended.
 * @returns The process, which belongs to the caller.
 * @throws {ProcessError} If it cannot be started.
 * @throws {TypeError} If the command or an option is of the wrong kind; nothing is started.
 * @throws {RangeError} If the value of an option cannot be one; nothing is started.
 * @category Processes
 */
export function openProcess(command: Command, options: OpenProcessOptions = {}): Promise<Process> {
  return composedWait(async () => {
    const plan = planOf("open a process", TAKES, { command, options });
    await checkpoint();
    return new ProcessImpl(new Child(plan));
  });
}
