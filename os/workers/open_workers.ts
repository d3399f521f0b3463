/** Functions that block, or take long, off the event loop. */

import { outside } from "../../core/internal.ts";
import { composedWait, currentRun } from "../../core/lowlevel.ts";
import { hostWait } from "../base/host_wait.ts";
import { requireDeno } from "../host/processes.ts";
import type { OpenWorkersOptions, Workers } from "./workers.ts";

/**
 * Opens a pool of workers that call the functions of a module: for code that blocks or computes, which would stop the
 * event loop here.
 *
 * Names, arguments and results are checked by the type of the module. When it returns, `warm` workers are running and
 * have loaded the module. `await using` ends them all.
 *
 * A cancelled call should stop by itself: `checkCancelled()` of `@trefoil/io/worker` in its loops, `workerSignal()` for
 * what is asynchronous, and the waits of this library, which are cancelled with the call. A call that has not stopped
 * after `grace` is killed with its process. A thread cannot be killed while it computes, as Deno has no way to do it
 * (denoland/deno#35657): it goes on, keeps its place among `size`, and is used again when it has come to its end.
 *
 * Processes need the permission to run `deno`; they are `deno run` of the module itself, so `import.meta.main` is true
 * there. Threads need the permission to read the module. Programs made by `deno compile` have threads only, and must
 * `--include` the module.
 *
 * **Cancellation:** the workers that were started end.
 *
 * **Cost:** the start of a thread takes some 90 ms, and stops the event loop for all of it; of a process 60 ms, and 7 to
 * 25 of it. A thread takes 14 MB of memory, a process 36.
 *
 * @example A function in a thread
 * ```ts
 * import { openWorkers } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * // Mostly: openWorkers<typeof import("./sums.ts")>(new URL("./sums.ts", import.meta.url))
 * const module = `data:application/javascript,
 *   export const sum = (to) => to === 0 ? 0 : to + sum(to - 1);
 *   export function* squares(to) { for (let n = 1; n <= to; n++) yield n * n; }
 * `;
 * interface Sums {
 *   sum(to: number): number;
 *   squares(to: number): Generator<number>;
 * }
 * await using workers = await openWorkers<Sums>(module, { size: 1 });
 * assertEquals(await workers.call("sum", 100), 5_050);
 * const squares: number[] = [];
 * for await (const square of workers.stream("squares", 3)) squares.push(square);
 * assertEquals(squares, [1, 4, 9]);
 * ```
 *
 * @param module The address of the module: `new URL("./hash.ts", import.meta.url)`.
 * @param options How many workers, and of which kind.
 * @returns The pool, which belongs to the caller.
 * @throws {WorkerCrashedError} If the module cannot be loaded; its cause says why.
 * @throws {TypeError} If the address or an option is of the wrong kind; nothing is started.
 * @throws {RangeError} If the value of an option cannot be one; nothing is started.
 * @category Workers
 */
export function openWorkers<M extends object>(
  module: string | URL,
  options: OpenWorkersOptions = {},
): Promise<Workers<M>> {
  return composedWait(async () => {
    if (currentRun().workers === undefined) requireDeno(ACTION);
    // Loaded when somebody wants workers: others do not pay for it.
    const { openPool } = await hostWait("load workers", () => outside(() => import("./_open.ts")));
    return await openPool(ACTION, module, options) as unknown as Workers<M>;
  });
}

const ACTION = "open workers";
