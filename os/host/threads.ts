/** Threads of this process: workers of `node:worker_threads`. Those of the web cannot be given up (denoland/deno#35657). */

import { hostImmediate, outside } from "../../core/internal.ts";
import type { HostWorker, WorkerExit, WorkerStartOptions } from "../../core/lowlevel.ts";

/** What is known of the code in the thread: where it is, and which of the shared numbers is what. */
export interface InThread {
  readonly url: string;
  readonly cancelled: number;
  readonly messages: number;
}

/** What code in a thread does that may not even load the host: it says so in the words of `os/workers/_protocol.ts`. */
const SAY_FAILED = `({ name, message, stack }) => {
  const error = { type: "error", class: name, name, message, stack, fields: {}, parts: {}, errors: null };
  require("node:worker_threads").workerData.port.postMessage({ type: "failed", error });
}`;

interface Port {
  onmessage: (event: { readonly data: unknown }) => void;
}

/** Starts a thread. The whole event loop stands still meanwhile, some 100 ms: that is the host's doing. */
export async function startThread(
  { url, cancelled, messages }: InThread,
  { module, memory, received, exited }: WorkerStartOptions,
): Promise<HostWorker> {
  const { MessageChannel, Worker } = await outside(() => import("node:worker_threads"));
  const { port1: port, port2 } = new MessageChannel();
  const shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  const numbers = new Int32Array(shared);
  // Only by such a line can code be started that is not in a file, as in a package.
  const code = `import(${JSON.stringify(url)}).then((host) => host.serveThread(require), ${SAY_FAILED})`;
  const thread = new Worker(code, {
    eval: true,
    workerData: { port: port2, shared, module, limited: memory !== undefined },
    transferList: [port2],
    ...memory === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memory } },
  });
  let over = false;
  const exit = (exit: WorkerExit): void => {
    if (over) return;
    over = true;
    port.close();
    exited(exit);
  };
  thread.on("error", (error: unknown) => exit({ code: null, signal: null, error }));
  thread.on("exit", (code: number) => exit({ code, signal: null, error: undefined }));
  // What it has said before it has ended is there by then.
  // Not a listener, which Deno (2.9.6) has look at each byte of what comes: 200 ms for each MiB.
  (port as unknown as Port).onmessage = ({ data }) => over || received(data);
  thread.unref();
  port.unref();
  let wanted = false;
  let held = false;
  const hold = (busy: boolean): void => {
    if (over || busy === held) return;
    held = busy;
    // The port is closed as soon as the thread exits, which the program shall still hear of.
    for (const each of [port, thread]) busy ? each.ref() : each.unref();
  };
  const worker: HostWorker = {
    send(message, transfer) {
      port.postMessage(message, transfer as never);
      Atomics.add(numbers, messages, 1);
      Atomics.notify(numbers, messages);
    },
    interrupt() {
      Atomics.add(numbers, cancelled, 1);
      Atomics.add(numbers, messages, 1);
      Atomics.notify(numbers, messages);
    },
    hold(busy) {
      wanted = busy;
      if (busy === held || over) return;
      if (busy) hold(true);
      // Mostly the next call comes at once.
      else hostImmediate(() => wanted || hold(false));
    },
    end: () => worker.kill(),
    kill() {
      // It may never be over: what computes is not stopped by it, and then nothing is heard of the thread any more.
      thread.terminate().catch(() => {});
      hold(false);
    },
  };
  return worker;
}
