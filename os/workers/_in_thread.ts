/**
 * The host in a thread: what runs there first, before the module whose functions are called.
 *
 * Messages go over a port of its own. Those of the thread itself take 130 to 250 ms for each MiB of a typed array (Deno
 * 2.9.6), and cannot be received while the thread computes. Beside the port there are two numbers in memory that both
 * sides share, for a thread that computes or blocks.
 */

import { serve, type Server } from "./_serve.ts";
import { IN_WORKER, type InWorker } from "./_worker_key.ts";

/** Where this module is: a thread imports it. */
export const inThread: string = import.meta.url;

/** The numbers in shared memory. */
export const CANCELLED = 0;
export const MESSAGES = 1;

interface ThreadPort {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  postMessage(message: unknown, transfer: readonly Transferable[]): void;
}

/** What a thread is started with. */
export interface ThreadData {
  readonly port: ThreadPort;
  readonly shared: SharedArrayBuffer;
  readonly module: string;
  /** Whether there is a limit of memory. */
  readonly limited: boolean;
}

/** Of the modules of Node, which code in a thread gets from what has started it. */
interface NodeModules {
  (name: "node:worker_threads"): {
    readonly workerData: unknown;
    receiveMessageOnPort(port: ThreadPort): { readonly message: unknown } | undefined;
  };
  (name: "node:v8"): HeapModule;
}

interface HeapModule {
  // deno-lint-ignore camelcase -- the name that Node gave it
  getHeapStatistics(): { readonly heap_size_limit: number };
}

/** How a copy of the core runs something that a signal cancels. */
export type Run = (signal: AbortSignal, body: () => unknown) => unknown;

/** Begins to serve. Called once in each thread. */
export function serveThread(require: NodeModules): void {
  const { workerData, receiveMessageOnPort } = require("node:worker_threads");
  const { port, shared, module, limited } = workerData as ThreadData;
  const numbers = new Int32Array(shared);
  const runs: Run[] = [];
  let seen = 0;
  const takeIn = (): void => {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      server.receive(next.message);
    }
  };
  const look = (): void => {
    const cancelled = Atomics.load(numbers, CANCELLED);
    if (cancelled === seen) return;
    seen = cancelled;
    takeIn();
  };
  const server: Server = serve({
    kind: "thread",
    // deno-lint-ignore trefoil/import-direction -- there is no run here whose context could be lost
    load: () => import(module),
    send: (message, transfer) => port.postMessage(message, transfer),
    run: runUnder(runs),
    wait: (register) => new Promise(register),
    look,
    block: () => {
      const before = Atomics.load(numbers, MESSAGES);
      const next = receiveMessageOnPort(port);
      if (next === undefined) Atomics.wait(numbers, MESSAGES, before);
      else server.receive(next.message);
    },
  });
  port.onmessage = ({ data }) => server.receive(data);
  announce(server, look, runs);
  catchAll(server);
  if (limited) watchMemory(server, require("node:v8"));
}

/** How often it is looked whether the heap has grown beyond its limit, in milliseconds. */
const LOOK = 100;

/**
 * The host ends a thread whose heap is full if that happens in code which it has called itself. In a microtask, which
 * is where asynchronous functions run, it only ends that, without a word: the call would never answer (Deno 2.9.6).
 * But it has raised the limit then, for the time that the end takes.
 */
function watchMemory(server: Server, { getHeapStatistics }: HeapModule): void {
  const limitNow = (): number => getHeapStatistics()["heap_size_limit"];
  const limit = limitNow();
  const timer = setInterval(() => {
    if (limitNow() <= limit) return;
    clearInterval(timer);
    const error = new RangeError("The heap of the thread has outgrown its limit");
    server.crash(Object.assign(error, { code: "ERR_WORKER_OUT_OF_MEMORY" }));
  }, LOOK);
}

/** Runs a call under all copies of the core that the module has loaded. */
export function runUnder(
  runs: readonly Run[],
): (functionName: string, body: () => unknown, signal: AbortSignal) => unknown {
  return (_, body, signal) => runs.reduce<() => unknown>((inner, run) => () => run(signal, inner), body)();
}

/** Lets the code in the worker know of its call. */
export function announce(server: Pick<Server, "signal">, look: () => void, runs: Run[]): void {
  const known: InWorker = {
    check() {
      look();
      server.signal()?.throwIfAborted();
    },
    signal: () => server.signal(),
    adopt: (run) => void runs.push(run),
  };
  Object.defineProperty(globalThis, IN_WORKER, { value: known });
}

/** Errors that nobody catches are sent home: on stderr they would be seen, and missed. */
export function catchAll(server: Server): void {
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    server.crash(event.error);
  });
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    server.crash(event.reason);
  });
}
