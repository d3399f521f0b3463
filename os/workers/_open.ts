/** Opening a pool: what is loaded only when somebody does. */

import { currentRun, type WorkerHost } from "../../core/lowlevel.ts";
import { shielded } from "../../core/mod.ts";
import { startThread } from "../host/threads.ts";
import { startWorkerProcess } from "../host/worker_processes.ts";
import { inProcess } from "./_in_process.ts";
import { CANCELLED, inThread, MESSAGES } from "./_in_thread.ts";
import { flagsOf } from "./_permissions.ts";
import { planOf } from "./_plan.ts";
import { Pool } from "./_pool.ts";
import type { OpenWorkersOptions } from "./workers.ts";

const thread = { url: inThread, cancelled: CANCELLED, messages: MESSAGES };

/** Those of the host. */
const denoWorkers: WorkerHost = {
  start: (options) => options.kind === "thread" ? startThread(thread, options) : startWorkerProcess(inProcess, options),
};

/** Opens the pool, and waits until the workers are there that are wanted from the beginning. */
export async function openPool(action: string, module: string | URL, options: OpenWorkersOptions): Promise<Pool> {
  const plan = planOf(action, module, options);
  const { workers: host = denoWorkers } = currentRun();
  if (host === denoWorkers && plan.kind === "process" && Deno.build.standalone) {
    throw new TypeError(
      `Cannot ${action} of kind "process" as the program must be run by deno: it was made by "deno compile", use threads`,
    );
  }
  const asked = plan.kind === "process" && host.inMemory !== true;
  const pool = new Pool(plan, host, asked ? flagsOf(action, plan.permissions) : []);
  try {
    await pool.warm();
  } catch (error) {
    await shielded(() => pool.close());
    throw error;
  }
  return pool;
}
