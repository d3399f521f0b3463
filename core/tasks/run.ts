/**
 * The entrance: one run, from its main task to the end of the last one.
 */

import type { Alarm } from "../time/alarm_queue.ts";
import { requireFunction, requireOptions, requireTimeout, show } from "../base/check.ts";
import type { Clock } from "../time/clock.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { ambientNode } from "../kernel/context.ts";
import { type DeadlockHandler, watchForDeadlock } from "../kernel/deadlock.ts";
import { DeadlockError, isCancelled, makeCancelled } from "../errors/errors.ts";
import { NOTHING } from "../base/error_tree.ts";
import { exitNow, ifStillAlive, setExitCode, type Signal } from "../base/host.ts";
import type { Instrument } from "../seams/instrument.ts";
import { isKeptByHost } from "../base/kept_by_host.ts";
import { listenForRun } from "../kernel/signal_claims.ts";
import type { Network } from "../seams/network.ts";
import type { ProcessHost } from "../seams/processes.ts";
import type { SignalSource } from "../seams/signals.ts";
import { Runtime } from "../kernel/runtime.ts";
import { reportHook } from "../base/report_hook.ts";
import type { Task } from "./task.ts";
import { formatTime } from "../time/sleep.ts";
import { closeNode, requestShutdown } from "../kernel/status.ts";
import { refuse, UNABORTABLE, Waiter } from "../kernel/waiter.ts";

/** Decides when a granted wait resumes: calls `resume` once, now or later. See `RunOptions.schedule`. */
export type Schedule = (resume: () => void, task: Task) => void;

/** What a run is given. */
export interface RunOptions {
  /** The source of time; by default the host's. */
  readonly clock?: Clock;
  /** The network that `net` uses; by default the host's. */
  readonly network?: Network;
  /** The processes that `os` starts; by default those of the system. */
  readonly processes?: ProcessHost;
  /** The signals that the run handles, and that `openSignals()` receives; by default those of the system. */
  readonly signals?: SignalSource;
  /**
   * Decides when a granted wait resumes: must call `resume` exactly once, now or later. Who is granted what has been
   * decided by then (first come, first served); only the order in which tasks go on is up to this function. The place
   * for a scheduling policy of your own; by default, at once.
   */
  readonly schedule?: Schedule;
  /** Watchers of the run. */
  readonly instruments?: readonly Instrument[];
  /** Random numbers from 0 up to 1 for jitter and the like; by default `Math.random`. */
  readonly random?: () => number;
  /** Cancels the run when it is aborted; its reason becomes that of the `Cancelled`. */
  readonly signal?: AbortSignal;
  /**
   * Whether Ctrl-C (SIGINT) and SIGTERM cancel the run, a second one ends the process at once, and SIGQUIT
   * (Ctrl-\\) prints the task tree. A run that a signal ended sets the exit code to 130 or 143.
   *
   * @default {true}
   */
  readonly handleSignals?: boolean;
  /**
   * How long work in progress may go on after Ctrl-C or SIGTERM, in milliseconds, before it is cancelled: a shutdown of
   * the whole run, which ends idle waits (`untilShutdown()`, accept loops) at once. A second signal then cancels, a third
   * ends the process. A run that ends within the grace ends as if nothing had happened, with exit code 0.
   *
   * @default {0}
   */
  readonly grace?: number;
  /**
   * For how many tasks it is recorded where they were started, and for how many scopes and nurseries where they were
   * opened: for the first ones. Each place costs about 2 microseconds.
   *
   * @default {256}
   */
  readonly spawnSites?: number;
}

/**
 * Runs a program: its main task and everything that descends from it.
 *
 * When the promise settles, every task has ended. The outcome is that of `main`, its error unwrapped.
 *
 * Call it at the end of a script, best without `await`: then Deno can tell when the program is stuck, and the run
 * fails with a `DeadlockError` that shows the task tree. Scripts work without `run()`, too: a default run serves,
 * without signal handling.
 *
 * **Cancellation:** by `signal`, Ctrl-C or SIGTERM: everything is cancelled and awaited, then the promise rejects
 * with `Cancelled`. A run ended by a signal of the system ends the process quietly, with exit code 130 or 143, unless
 * somebody handles the rejection. Where the host does not let go of a connection, the process is ended half a second after
 * a run that a signal ended, so do what has to be done at the end within the run.
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
 * @param options Time, network, signals and other seams.
 * @returns What `main` returned.
 * @throws {TypeError} If called inside another run.
 * @throws {DeadlockError} If every task waits and the event loop is empty.
 */
export function run<T>(main: () => T | Promise<T>, options: RunOptions = {}): Promise<T> {
  return composedWait(() => start(main, options));
}

async function start<T>(main: () => T | Promise<T>, options: RunOptions): Promise<T> {
  requireFunction("start a run", "main", main);
  checkOptions(options);
  const outer = ambientNode() ?? null;
  if (outer !== null && !outer.task.runtime.isDefault) {
    throw new TypeError(
      "Cannot start a run as the caller is in one already: call the function directly, or use openNursery()",
    );
  }
  if (outer !== null && outer.cancelled !== null) return await refuse(outer);
  const runtime = new Runtime(options, outer);
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
  runtime.root.begin(main);
  if (outer === null) return await promise;
  // Inside a scope of the default run: this is a wait of its task, and its cancellation reaches the run's root.
  const waiter = new Waiter<void>(outer, { kind: "run" }, UNABORTABLE);
  try {
    return await promise;
  } finally {
    waiter.wake();
  }
}

/** Runs that have not ended. Written by `Supervision`. */
let living = 0;
/** What a process gets to end by itself, in milliseconds, before a run that a signal ended looks whether it can. */
const LAST_MOMENT = 500;

/** Everything from outside that may end a run: signals, an AbortSignal, an empty event loop. */
class Supervision implements DeadlockHandler {
  failure: DeadlockError | null = null;
  readonly #runtime: Runtime;
  readonly #giveUp: (error: unknown) => void;
  readonly #undo: (() => void)[] = [];
  #stopSignals: () => void = () => {};
  readonly #grace: number;
  /** The signal that began a shutdown with a grace. */
  #asked: Signal | null = null;
  #graceOver: Alarm | null = null;
  /** Whether `end()` was called; a run that is stuck in its cleanup ends before its tasks do. */
  #over = false;
  /** The signal that cancelled the run. */
  #signal: Signal | null = null;

  constructor(runtime: Runtime, options: RunOptions, giveUp: (error: unknown) => void) {
    this.#runtime = runtime;
    this.#giveUp = giveUp;
    const { signal, handleSignals = true, grace = 0 } = options;
    this.#grace = grace;
    if (handleSignals) this.#listen();
    if (signal !== undefined) {
      const aborted = () => this.#cancel(signal.reason);
      if (signal.aborted) aborted();
      else {
        signal.addEventListener("abort", aborted, { once: true });
        this.#undo.push(() => signal.removeEventListener("abort", aborted));
      }
    }
    this.#undo.push(watchForDeadlock(runtime, this));
    living++;
  }

  /** The last task has ended. */
  end(): void {
    const { root } = this.#runtime;
    this.#runtime.finished = true;
    this.#stopSignals();
    for (const undo of this.#undo) undo();
    this.#graceOver?.cancel();
    try {
      this.#runtime.clock.stop?.();
    } catch (error) {
      reportHook("Cannot stop the clock of the run as its stop() threw", error);
    }
    if (!this.#over) living--;
    this.#over = true;
    if (this.#signal === null && this.#asked === null || this.#runtime.signals?.inMemory) return;
    if (this.#signal !== null) setExitCode(EXIT_CODES[this.#signal]);
    if (this.#signal !== null && isCancelled(root.outcome)) endQuietly(root.outcome);
    ifStillAlive(LAST_MOMENT, () => {
      if (living === 0 && isKeptByHost()) exitNow();
    });
  }

  deadlock(): void {
    const tree = this.#runtime.taskTree();
    if (this.failure !== null) {
      // The cleanup got stuck as well: the tasks will never end, and waiting on would end the process without a word.
      const stuck = new DeadlockError(`${this.failure.message}\nand cleanup got stuck:\n${tree}`);
      this.end();
      return this.#giveUp(stuck);
    }
    this.failure = new DeadlockError(`Cannot go on as nothing can ever wake up (t=${formatTime(tree.time)}):\n${tree}`);
    this.#runtime.root.cancelBecause(makeCancelled("explicit", this.failure));
  }

  letGo(): () => void {
    this.#stopSignals();
    return () => {
      if (!this.#runtime.finished) this.#listen();
    };
  }

  #listen(): void {
    const stops = (["SIGINT", "SIGTERM"] as const).map((signal) =>
      this.#listenTo(signal, () => this.#signalled(signal))
    );
    // deno-lint-ignore no-console -- printing is what this signal asks for
    stops.push(this.#listenTo("SIGQUIT", () => console.error(this.#runtime.taskTree().toString())));
    this.#stopSignals = () => {
      this.#stopSignals = () => {};
      for (const stop of stops) stop();
    };
  }

  #signalled(signal: Signal): void {
    if (this.#signal !== null) return this.#exit(signal);
    if (this.#grace === 0 || this.#asked !== null) return this.#endBy(signal);
    this.#asked = signal;
    const { root, clock } = this.#runtime;
    requestShutdown(root);
    if (this.#grace === Infinity) return;
    try {
      this.#graceOver = clock.at(clock.now() + this.#grace, () => this.#endBy(signal), undefined);
    } catch (error) {
      reportHook("Cannot wait for the grace of the run as its clock threw: it is over now", error);
      this.#endBy(signal);
    }
  }

  /** Ends the process at once; or the run, where the signals are in memory. */
  #exit(signal: Signal): void {
    if (!this.#runtime.signals?.inMemory) return exitNow(EXIT_CODES[signal]);
    this.end();
    this.#giveUp(new Error(`Cannot clean up as ${signal} came again, which ends a program at once`));
  }

  #endBy(signal: Signal): void {
    this.#signal = signal;
    this.#cancel(signal);
  }

  #listenTo(signal: Signal, handler: () => void): () => void {
    try {
      return listenForRun(signal, handler, this.#runtime.signals);
    } catch {
      // Windows knows SIGINT only.
      return () => {};
    }
  }

  #cancel(reason: unknown): void {
    this.#runtime.root.cancelBecause(makeCancelled("signal", reason));
  }
}

/** 128 + the number of the signal, as shells do. */
const EXIT_CODES: Record<Signal, number> = { SIGINT: 130, SIGQUIT: 131, SIGTERM: 143 };

/**
 * Ends the process when nobody handles the rejection of a run that a signal ended: as an error would, but without being
 * printed as one, and whatever the host still keeps open.
 */
function endQuietly(cancelled: unknown): void {
  globalThis.addEventListener?.("unhandledrejection", (event) => {
    if (event.reason !== cancelled) return;
    event.preventDefault();
    // Other runs may still clean up; their own end is the next occasion.
    if (living === 0) exitNow();
  });
}

function checkOptions(options: RunOptions): void {
  requireOptions("start a run", options);
  const { signal, random, schedule, instruments, spawnSites, grace } = options;
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
}
