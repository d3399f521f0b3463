/**
 * The entrance: one run, from its main task to the end of the last one.
 */

import { requireFunction, requireOptions, requireTimeout, show } from "../base/check.ts";
import { NOTHING } from "../base/error_tree.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { ambientNode } from "../kernel/context.ts";
import { runBegins, Runtime } from "../kernel/runtime.ts";
import { closeNode } from "../kernel/status.ts";
import { refuse, UNABORTABLE, Waiter } from "../kernel/waiter.ts";
import { withSystemTasks } from "./_system_tasks.ts";
import { Supervision } from "./_supervision.ts";
import type { RunOptions } from "./run_options.ts";

/**
 * Runs a program: its main task and everything started from it.
 *
 * When the promise settles, every task has ended. The result is that of `main`; its error is thrown as it is, not in a
 * group.
 *
 * Call it at the end of a script, best without `await`: then Deno can tell when the program is stuck, and the run fails
 * with a `DeadlockError` that shows the task tree. Scripts work without `run()`, too: they use a default run, which
 * does not handle signals.
 *
 * **Cancellation:** `signal`, Ctrl-C and SIGTERM cancel everything and wait for it; then the promise rejects with
 * `Cancelled`. If the rejection is not handled, a run that a signal of the system ended ends the process quietly, with
 * exit code 130 or 143. If the host does not let go of a connection, the process is ended half a second after such a
 * run: do all final work within the run.
 *
 * @example A program
 * ```ts
 * import { run, sleep } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * const answer = await run(async () => {
 *   await sleep(1);
 *   return 42;
 * });
 * assertEquals(answer, 42);
 * ```
 *
 * @param main The main task.
 * @param options The clock, the network, signals and other seams.
 * @returns What `main` returned.
 * @throws {TypeError} If called inside another run.
 * @throws {DeadlockError} If every task waits and the event loop is empty.
 * @category Tasks
 */
export function run<T>(main: () => T | Promise<T>, options: RunOptions = {}): Promise<T> {
  return composedWait(() => start(main, options));
}

async function start<T>(main: () => T | Promise<T>, options: RunOptions): Promise<T> {
  requireFunction("start a run", "main", main);
  requireRunOptions(options);
  const outer = ambientNode() ?? null;
  if (outer !== null && !(outer.task.runtime as Runtime).isDefault) {
    throw new TypeError(
      "Cannot start a run as the caller is in one already: call the function directly, or use openNursery()",
    );
  }
  if (outer !== null && outer.cancelled !== null) return await refuse(outer);
  const runtime = new Runtime(options, outer);
  runBegins(runtime);
  // First, as a clock of the user's may throw: nothing is listening yet.
  try {
    runtime.clock.start?.(runtime);
  } catch (error) {
    // It hangs below the scope around the run, which waits for what is in it.
    closeNode(runtime.root);
    throw error;
  }
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((...settle) => [resolve, reject] = settle);
  const supervision = new Supervision(runtime, options, reject);
  runtime.root.owner = {
    childEnded(task, error) {
      supervision.end();
      if (supervision.failure !== null) reject(supervision.failure);
      else if (task.state === "done") resolve(task.outcome as T);
      // A cancelled main task has absorbed its own cancellation; but there is no value either.
      else reject(error === NOTHING ? task.outcome : error);
      // Whatever was begun in the run keeps its main task, which nobody joins: it must not keep the value as well.
      task.outcome = undefined;
    },
  };
  runtime.root.begin(() => withSystemTasks(runtime, main));
  if (outer === null) return await promise;
  // Inside a scope of the default run: this is a wait of its task, and its cancellation reaches the run's root.
  const waiter = new Waiter<void>(outer, { kind: "run" }, UNABORTABLE);
  try {
    return await promise;
  } finally {
    waiter.wake();
  }
}

function requireRunOptions(options: RunOptions): void {
  requireOptions("start a run", options);
  const { signal, random, schedule, instruments, spawnSites, waitSites, forgotten, grace } = options;
  if (grace !== undefined) requireTimeout("start a run", "grace", grace);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError(`Cannot start a run as "signal" must be an AbortSignal: received ${show(signal)}`);
  }
  if (random !== undefined) requireFunction("start a run", "random", random);
  if (schedule !== undefined) requireFunction("start a run", "schedule", schedule);
  if (instruments !== undefined && !Array.isArray(instruments)) {
    throw new TypeError(`Cannot start a run as "instruments" must be an array: received ${show(instruments)}`);
  }
  if (spawnSites !== undefined && !(spawnSites >= 0)) {
    throw new RangeError(`Cannot start a run as "spawnSites" must be >= 0: received ${spawnSites}`);
  }
  if (waitSites !== undefined && !(waitSites >= 0)) {
    throw new RangeError(`Cannot start a run as "waitSites" must be >= 0: received ${show(waitSites)}`);
  }
  if (forgotten !== undefined && !["error", "warn", "ignore"].includes(forgotten)) {
    throw new RangeError(
      `Cannot start a run as "forgotten" must be "error", "warn" or "ignore": received ${show(forgotten)}`,
    );
  }
}
