/** Where the workers of a run come from. */

import { currentRun, type WorkerHost } from "../../core/lowlevel.ts";
import { requireDeno } from "../host/processes.ts";
import { startThread } from "../host/threads.ts";
import { startWorkerProcess } from "../host/worker_processes.ts";
import { inProcess } from "./_in_process.ts";
import { CANCELLED, inThread, MESSAGES } from "./_in_thread.ts";

const thread = { url: inThread, cancelled: CANCELLED, messages: MESSAGES };

/** See `WorkerHost`. */
const denoWorkers: WorkerHost = {
  start: (options) => options.kind === "thread" ? startThread(thread, options) : startWorkerProcess(inProcess, options),
};

/** Those of the current run. Throws if there can be none of this kind. */
export function hostFor(kind: "thread" | "process"): WorkerHost {
  const { workers } = currentRun();
  if (workers !== undefined) return workers;
  requireDeno("open workers");
  if (kind === "process" && Deno.build.standalone) {
    throw new TypeError(
      'Cannot open workers of kind "process" as the program must be run by deno: it was made by "deno compile", use threads',
    );
  }
  return denoWorkers;
}
