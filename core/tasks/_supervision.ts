/** Everything from outside that may end a run: signals, an AbortSignal, an empty event loop. */

import { formatTime } from "../base/format_time.ts";
import { withoutFrames } from "../base/own_stack.ts";
import { exitNow, ifStillAlive, setExitCode, type Signal } from "../base/host.ts";
import { isKeptByHost } from "../base/kept_by_host.ts";
import { reportHook } from "../base/report_hook.ts";
import { DeadlockError } from "../errors/errors.ts";
import { isCancelled, makeCancelled } from "../kernel/cancelled.ts";
import { type DeadlockHandler, watchForDeadlock } from "../kernel/deadlock.ts";
import type { Runtime } from "../kernel/runtime.ts";
import { listenForRun } from "../kernel/signal_claims.ts";
import { requestShutdown } from "../kernel/status.ts";
import type { Alarm } from "../time/alarm_queue.ts";
import type { RunOptions } from "./run_options.ts";
import type { TaskTree } from "./task_tree.ts";

/** Runs that have not ended. Written by `Supervision`. */
let living = 0;
/** What a process gets to end by itself, in milliseconds, before a run that a signal ended looks whether it can. */
const LAST_MOMENT = 500;

/** See the header. */
export class Supervision implements DeadlockHandler {
  failure: DeadlockError | null = null;
  /** Whether the places for its report are being read. */
  #deadlocked = false;
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
    this.#runtime.instruments?.runEnded();
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
    if (this.#deadlocked) return;
    this.#deadlocked = true;
    this.#runtime.taskTree({ places: true }).then((tree) => {
      this.#deadlocked = false;
      if (!this.#runtime.finished) this.#failAs(tree);
    });
  }

  #failAs(tree: TaskTree): void {
    if (this.failure !== null) {
      // The cleanup got stuck as well: the tasks will never end, and waiting on would end the process without a word.
      const stuck = withoutFrames(new DeadlockError(`${this.failure.message}\nand cleanup got stuck:\n${tree}`));
      this.end();
      return this.#giveUp(stuck);
    }
    const message = `Cannot go on as nothing can ever wake up (t=${formatTime(tree.time)}):\n${tree}`;
    this.failure = withoutFrames(new DeadlockError(message));
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
    const print = async (): Promise<void> => {
      // deno-lint-ignore no-console -- printing is what this signal asks for
      console.error(`${await this.#runtime.taskTree({ places: true })}`);
    };
    stops.push(this.#listenTo("SIGQUIT", () => void print()));
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
