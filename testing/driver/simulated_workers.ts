/**
 * The workers of a simulation: the functions of the module are called here, as tasks in its time.
 *
 * What goes to them and comes back is cloned, as for threads and processes, and what is moved is moved. What they share
 * with the test is what threads do not: the module, and the one processor.
 */

import { outside, requireText } from "../../core/internal.ts";
import {
  hostOperation,
  type HostWorker,
  suspend,
  type WorkerExit,
  type WorkerHost,
  type WorkerPort,
  type WorkerStartOptions,
} from "../../core/lowlevel.ts";
import { currentTask, isOnlyCancelled, type Task, withSignal } from "../../core/mod.ts";
import { ambientDriver } from "./ambient.ts";
import { endAtOnce } from "./end_at_once.ts";
import { type Tracked, trackOpen } from "./leaks.ts";
import type { Place } from "./simulated_process.ts";
import type { VirtualWorkers } from "../workers/virtual_workers.ts";

/** Where the code in a worker looks for what it is in: see `os/workers/`. */
const IN_WORKER = Symbol.for("@trefoil/io/worker");

/** The signals of the calls that run, by their tasks. */
const signals = new WeakMap<Task, AbortSignal>();

/** See the header. */
export class SimulatedWorkers implements WorkerHost, VirtualWorkers {
  readonly inMemory = true;
  /** Where they run. Written by the simulation, before anything can be started. */
  place: Place | null = null;
  readonly #clock: { now(): number };
  readonly #crashes: string[] = [];
  readonly #log: string[] = [];
  #last = 0;

  constructor(clock: { now(): number }) {
    this.#clock = clock;
  }

  crashNext(functionName: string): void {
    requireText("let a worker crash", "functionName", functionName);
    this.#crashes.push(functionName);
  }

  log(): readonly string[] {
    return [...this.#log];
  }

  start(options: WorkerStartOptions): Promise<HostWorker> {
    letCodeKnow();
    const number = ++this.#last;
    const note = (line: string) => void this.#log.push(`${(this.#clock.now() / 1_000).toFixed(3)}s ${line}`);
    note(`start ${options.kind} ${number}`);
    const worker = new Worker(options, this.place as Place, {
      note: (line) => note(`${options.kind} ${number} ${line}`),
      crashes: (name) => {
        const at = this.#crashes.indexOf(name);
        if (at >= 0) this.#crashes.splice(at, 1);
        return at >= 0;
      },
    });
    return Promise.resolve(worker);
  }
}

interface Watcher {
  note(line: string): void;
  /** Whether it is to crash at this call. */
  crashes(functionName: string): boolean;
}

/** One of them. */
class Worker implements HostWorker {
  readonly #options: WorkerStartOptions;
  readonly #place: Place;
  readonly #watcher: Watcher;
  readonly #server: { receive(message: unknown): void };
  readonly #open: Tracked;
  readonly #tasks = new Set<Task>();
  readonly #driver = ambientDriver();
  #over = false;

  constructor(options: WorkerStartOptions, place: Place, watcher: Watcher) {
    this.#options = options;
    this.#place = place;
    this.#watcher = watcher;
    this.#open = trackOpen(`worker of ${options.module}`);
    const port: WorkerPort = {
      kind: options.kind,
      load: () => hostOperation(`load ${options.module}`, outside(() => import(options.module))),
      send: (message, transfer) => this.#deliver(message, transfer, options.received),
      run: (name, body, signal) => this.#run(name, body, signal),
      wait: (register) =>
        suspend({ kind: "wait for the program" }, (waker) => {
          register((value) => void waker.wake(value), (error) => void waker.fail(error));
        }, () => true),
      look() {},
      block: null,
    };
    this.#server = options.serve(port);
  }

  send(message: unknown, transfer: readonly Transferable[]): void {
    this.#deliver(message, transfer, (clone) => this.#server.receive(clone));
  }

  interrupt(): void {}

  hold(): void {}

  end(): void {
    this.#exit({ code: 0, signal: null, error: undefined });
  }

  kill(): void {
    endAtOnce(this.#driver, [...this.#tasks], "its worker was killed");
    this.#exit({ code: null, signal: "SIGKILL", error: undefined });
  }

  /** A message is cloned at once, and there a microtask later, in order. */
  #deliver(message: unknown, transfer: readonly Transferable[], to: (clone: unknown) => void): void {
    const clone = structuredClone(message, { transfer: [...transfer] });
    queueMicrotask(() => {
      if (!this.#over) to(clone);
    });
  }

  /** Runs a call as a task. What it throws goes to whoever waits for the call, and fails nothing else. */
  #run(name: string, body: () => unknown, signal: AbortSignal): Promise<unknown> {
    this.#watcher.note(`call ${name}`);
    if (this.#watcher.crashes(name)) {
      this.#watcher.note("crashes");
      this.#exit({ code: null, signal: null, error: new Error("The test has said so, by sim.workers.crashNext()") });
      return new Promise(() => {});
    }
    return new Promise((resolve, reject) => {
      const task = this.#place.startSoon(async () => {
        signals.set(task, signal);
        try {
          const value = await withSignal(signal, () => body());
          this.#watcher.note(`${name} has returned`);
          resolve(value);
        } catch (error) {
          this.#watcher.note(`${name} has ${signal.aborted ? "stopped" : "thrown"}`);
          reject(error);
          if (isOnlyCancelled(error)) throw error;
        } finally {
          this.#tasks.delete(task);
        }
      }, { name: `call "${name}" in a worker` });
      this.#tasks.add(task);
    });
  }

  #exit(exit: WorkerExit): void {
    if (this.#over) return;
    this.#over = true;
    this.#open.close();
    queueMicrotask(() => this.#options.exited(exit));
  }
}

let known = false;

/** Lets `checkCancelled()` and `workerSignal()` find the call of the current task, or of one around it. */
function letCodeKnow(): void {
  if (known) return;
  known = true;
  const signal = (): AbortSignal | null => {
    for (let task: Task | undefined = currentTask(); task !== undefined; task = task.parentNursery?.parentTask) {
      const found = signals.get(task);
      if (found !== undefined) return found;
    }
    return null;
  };
  Object.defineProperty(globalThis, IN_WORKER, {
    value: { check: () => signal()?.throwIfAborted(), signal, adopt() {} },
    configurable: true,
  });
}
