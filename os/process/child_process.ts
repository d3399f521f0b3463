/** A program as a task of a nursery: a database, a compiler that watches, a sidecar. */

import { checkpoint, Event, type TaskStatus } from "../../core/mod.ts";
import { composedWait, isInstance, requireFunction, show } from "../../core/internal.ts";
import { Child } from "./_child.ts";
import type { Command } from "./command.ts";
import { BE_READY, exitError } from "./_errors.ts";
import { planOf, type Takes } from "./_plan.ts";
import type { Process } from "./process.ts";
import type { OutputReceiver, RunProcessOptions } from "./run_process.ts";
import { Both, Lines, type Sink, TailSink } from "./_sinks.ts";
import { supervise } from "./_supervise.ts";

/**
 * Options of `childProcess()`.
 *
 * @category Processes
 */
export interface ChildProcessOptions extends Omit<RunProcessOptions, "stdin" | "stdout" | "stderr" | "maxOutput"> {
  /**
   * Where its input comes from: as for `runProcess()`, and `"pipe"` is `Process.stdin`.
   *
   * @default {"null"}
   */
  readonly stdin?: NonNullable<RunProcessOptions["stdin"]> | "pipe";
  /**
   * Where its output goes: as for `runProcess()`, except that nothing is captured, and `"pipe"` is `Process.stdout`,
   * which is yours to read to its end, or to close.
   *
   * @default {"inherit"}
   */
  readonly stdout?: "inherit" | "null" | "pipe" | OutputReceiver;
  /**
   * Where its output of errors goes: as for `stdout`; `"tail"` keeps the last 4 KiB of it, for the message if the
   * process fails.
   *
   * @default {"inherit"}
   */
  readonly stderr?: "inherit" | "null" | "pipe" | "tail" | OutputReceiver;
  /**
   * When it is ready: when a line of `stdout` or `stderr` matches, or a function has returned, such as one that tries
   * until a port answers. With a regular expression neither may be `"pipe"`: both are read for it, and then go where
   * they are to go. By default the process is ready once it is started.
   */
  readonly ready?: RegExp | ((process: Process) => unknown);
}

const TAKES: Takes = {
  stdin: ["null", "inherit", "pipe"],
  bytes: true,
  output: ["inherit", "null", "pipe"],
  sinks: true,
};
const ACTION = "make a child process";

/**
 * Makes a program into a task: a function for `nursery.start()` and `nursery.startSoon()`.
 *
 * `nursery.start()` returns the process once it is ready. From then on it is a child like any other: if its exit code
 * is not 0, or a signal ends it, the nursery fails; exit code 0 ends the task. One that has exited before it was ready
 * makes `start()` fail. As a `daemon` it is a sidecar, which ends with the rest. Ending it by `Process.end()` is no
 * failure.
 *
 * **Cancellation:** of the task ends the process as `runProcess()` does.
 *
 * @example A server that says when it is ready
 * ```ts
 * import { childProcess, openNursery } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * await openNursery(async (nursery) => {
 *   const server = await nursery.start(
 *     childProcess(["sh", "-c", "echo listening; exec sleep 600"], { stdout: "null", ready: /listening/ }),
 *   );
 *   assert(server.status === null);
 *   nursery.cancel();
 * });
 * ```
 *
 * @param command A program and its arguments.
 * @param options Input, output, when it is ready, and how it is ended.
 * @returns The function.
 * @throws {TypeError} If the command or an option is of the wrong kind.
 * @throws {RangeError} If the value of an option cannot be one.
 * @category Processes
 */
export function childProcess(
  command: Command,
  options: ChildProcessOptions = {},
): (status?: TaskStatus<Process>) => Promise<void> {
  const plan = planOf(ACTION, TAKES, { command, options });
  const { ready } = options;
  const pattern = isInstance(ready, RegExp) ? ready : null;
  if (ready !== undefined && pattern === null) requireFunction(ACTION, "ready", ready);
  for (const name of pattern === null ? [] : ["stdout", "stderr"] as const) {
    if (plan[name] !== "pipe") continue;
    throw new TypeError(
      `Cannot ${ACTION} as "${name}" must not be ${show("pipe")} where "ready" is a RegExp, which reads it`,
    );
  }
  return (status) =>
    composedWait(async () => {
      await checkpoint();
      const child = new Child({ ...plan, watched: pattern !== null });
      const seen = new Event({ name: `"${plan.name}" is ready` });
      let started: (() => void) | null = null;
      const result = await supervise(child, {
        ...pattern === null ? {} : { wrap: (sink) => new Both(sink, new Watch(pattern, seen)) },
        async begun(process) {
          started = () => {
            started = null;
            status?.started(process);
          };
          const until = pattern === null ? ready as ((process: Process) => unknown) | undefined : () => seen.wait();
          if (until !== undefined) {
            const outcome = await child.whileThere(async () => void await until(process));
            // It has exited: what it has said about that is still to be read.
            if (outcome.cancelledCaught) return;
          }
          started();
        },
      });
      // It has said so before it exited, which was noticed first.
      if (seen.isSet) (started as (() => void) | null)?.();
      if (started !== null) throw exitError(plan, result.status, { captured: result, aim: BE_READY });
      if (plan.check && !result.status.success && !child.ending) {
        throw exitError(plan, result.status, { captured: result });
      }
    });
}

/** Looks for the line that says that a process is ready, and keeps the end for the message if it never comes. */
class Watch implements Sink {
  readonly #lines: Lines;
  readonly #tail = new TailSink();

  constructor(pattern: RegExp, seen: Event) {
    // Without the flags by which it would go on from where it was.
    const each = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
    this.#lines = new Lines((line) => {
      if (!seen.isSet && each.test(line)) seen.set();
    });
  }

  take(chunk: Uint8Array): void {
    this.#lines.take(chunk);
    this.#tail.take(chunk);
  }

  end(): void {
    this.#lines.end();
  }

  get result(): string {
    return this.#tail.result;
  }
}
