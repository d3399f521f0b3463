/** Programs that read what the one before writes. */

import { checkpoint, openNursery } from "../../core/mod.ts";
import { composedWait, requireOptions, show } from "../../core/internal.ts";
import { Child } from "./_child.ts";
import type { Command } from "./command.ts";
import { type Plan, planOf, type Takes } from "./_plan.ts";
import { resultOf, type SupervisedResult } from "./_result.ts";
import type { OutputTarget, ProcessResult, RunProcessOptions } from "./run_process.ts";
import { firstOf, supervise, type Supervised } from "./_supervise.ts";

/**
 * Options of `runPipeline()`: those of each of its programs, except that `stdin` is of the first and `stdout` of the
 * last.
 *
 * @category Processes
 */
export type RunPipelineOptions<
  Out extends OutputTarget = OutputTarget,
  Err extends OutputTarget | "tail" = OutputTarget | "tail",
> = Omit<RunProcessOptions<Out, Err>, "name">;

/** What the first program takes as its input, and the last as its output; the others are joined by pipes. */
const STDIN = ["null", "inherit"];
const OUTPUT = ["inherit", "null", "text", "bytes"];
const ACTION = "run a pipeline";

/**
 * Runs programs each of which reads what the one before writes, as `|` does in a shell.
 *
 * When the promise settles, all processes are gone. The bytes go through this program. One that does not read to the
 * end closes the output of the one before, which SIGPIPE then ends: that is no failure, except of the last program. Any
 * other failure ends all of them.
 *
 * **Cancellation:** ends all processes as `runProcess()` does, waits until they are gone, and throws `Cancelled`.
 *
 * **Cost:** one to two times what the pipes of a shell cost.
 *
 * @example The first lines of what never ends
 * ```ts
 * import { failAfter } from "@trefoil/io";
 * import { runPipeline } from "@trefoil/io/os";
 * import { assertEquals } from "@std/assert";
 *
 * const { stdout } = await failAfter(10_000, () =>
 *   runPipeline([["yes"], ["head", "-n", "2"]], { stdout: "text" })
 * );
 * assertEquals(stdout, "y\ny\n");
 * ```
 *
 * @param commands The programs, in the order in which the bytes pass through them.
 * @param options Input of the first, output of the last, and how they are ended.
 * @returns How the last one has ended, and what was captured.
 * @throws {ProcessError} If one of them cannot be started, or fails.
 * @throws {TypeError} If there is no command, or an option is of the wrong kind; nothing is started.
 * @throws {RangeError} If the value of an option cannot be one; nothing is started.
 * @category Processes
 */
export function runPipeline<
  Out extends OutputTarget = "inherit",
  Err extends OutputTarget | "tail" = Out extends "text" | "bytes" ? "tail" : "inherit",
>(commands: readonly Command[], options: RunPipelineOptions<Out, Err> = {}): Promise<ProcessResult<Out, Err>> {
  return composedWait(async () => {
    const plans = plansOf(commands, options);
    await checkpoint();
    return await runAll(plans) as ProcessResult<Out, Err>;
  });
}

/** What each of them is to do, before any is started. */
function plansOf(commands: readonly Command[], options: RunPipelineOptions): readonly Plan[] {
  if (!Array.isArray(commands) || commands.length === 0) {
    throw new TypeError(
      `Cannot ${ACTION} as "commands" must be an array of commands: received ${
        Array.isArray(commands) ? "an empty one" : show(commands)
      }`,
    );
  }
  requireOptions(ACTION, options);
  const { stdin = "null", stdout = "inherit" } = options;
  const { stderr = stdout === "text" || stdout === "bytes" ? "tail" : "inherit" } = options;
  return commands.map((command: Command, index) => {
    const [isFirst, isLast] = [index === 0, index === commands.length - 1];
    const takes: Takes = {
      stdin: isFirst ? STDIN : ["pipe"],
      bytes: true,
      output: isLast ? OUTPUT : [...OUTPUT, "pipe"],
      sinks: true,
    };
    const own = { stdin: isFirst ? stdin : "pipe", stdout: isLast ? stdout : "pipe", stderr } as const;
    return planOf(ACTION, takes, { command, options: { ...options, ...own } });
  });
}

async function runAll(plans: readonly Plan[]): Promise<SupervisedResult> {
  const results: Supervised[] = [];
  const children: Child[] = [];
  try {
    await openNursery((nursery) => {
      for (const [index, plan] of plans.entries()) {
        // What it reads is a stream like any other: the output of the one before.
        const source = children.at(-1)?.host.stdout ?? null;
        const child = new Child(plan, source);
        children.push(child);
        nursery.startSoon(async () => {
          try {
            results[index] = await supervise(child);
          } finally {
            // It takes no more: the one that writes on shall notice.
            source?.close();
          }
          judge(plan, results[index], index === plans.length - 1);
        }, { name: plan.name });
      }
    }, { name: "pipeline" });
  } catch (error) {
    throw firstOf(error);
  } finally {
    // Of one whose reader was never started.
    for (const { plan, host } of children) if (plan.stdout === "pipe") host.stdout?.close();
  }
  const last = plans.length - 1;
  return resultOf(plans[last]!, results[last]!);
}

/** Throws if one of the programs has failed. */
function judge(plan: Plan, supervised: Supervised, isLast: boolean): void {
  // The one after it has not read to the end.
  if (!isLast && supervised.status.signal === "SIGPIPE") return;
  resultOf(plan, supervised);
}
