/**
 * The driver of a simulation: decides when time may move.
 *
 * One step a turn of the event loop; so before each, every microtask has run. In this order:
 *
 *     wake-ups put off to a later turn            → another turn
 *     host operations in flight                   → time stands still until something happens
 *     a task in no wait of the library            → it awaits a foreign promise: a grace, once, then it is "quiet"
 *                                                   until it acts again
 *     somebody in settled()                       → wake them
 *     an alarm                                    → jump to it, fire that one
 *     nothing                                     → deadlock: cancel the run, and go on for its cleanup
 */

import { DeadlockError, type Instrument, type Task, type TaskTreeNode, type Waker } from "../core/mod.ts";
import type { SimulateOptions } from "./simulate.ts";
import type { VirtualClock } from "./_virtual_clock.ts";

// The driver lives in real time, whatever tests do to the globals.
const { setImmediate: hostImmediate, setTimeout: hostTimeout, clearTimeout: hostClear } = globalThis;

/** See the header. An instrument of the run it drives: that is how it hears of activity. */
export class Driver implements Instrument {
  /** Who waits in `settled()`. */
  readonly settling = new Set<Waker<void>>();
  readonly #clock: VirtualClock;
  readonly #options: Required<Omit<SimulateOptions, "seed" | "network">>;
  readonly #abort = new AbortController();
  /** Ids of tasks in a foreign await that had their grace. A task that acts leaves the set. */
  readonly #quiet = new Set<number>();
  #failure: Error | null = null;
  /** How far time may go. Written by `#fail()`: cleanup gets as much again. */
  #latest: number;
  #giveUp: (error: Error) => void = () => {};
  #done = false;
  /** Waits that ended since time moved; what each task has of them is counted when the limit is near. */
  #steps = 0;
  readonly #busy = new Map<string, number>();
  /** A real timer while the driver sleeps until something happens. */
  #sleeping: ReturnType<typeof setTimeout> | null = null;

  constructor(clock: VirtualClock, options: SimulateOptions) {
    this.#clock = clock;
    this.#options = {
      io: options.io ?? "freeze",
      realTimeout: options.realTimeout ?? 10_000,
      foreignGrace: options.foreignGrace ?? 20,
      maxVirtual: options.maxVirtual ?? 86_400_000,
      maxStepsAtOneInstant: options.maxStepsAtOneInstant ?? 100_000,
    };
    this.#latest = this.#options.maxVirtual;
  }

  /** Cancels the run. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Drives until the run has ended; returns its value or throws its error, or the driver's own. */
  async drive<T>(outcome: Promise<T>): Promise<T> {
    const stuck = new Promise<never>((_, reject) => this.#giveUp = reject);
    hostImmediate(this.#step);
    try {
      const value = await Promise.race([outcome, stuck]);
      if (this.#failure !== null) throw this.#failure;
      return value;
    } catch (error) {
      throw this.#failure ?? error;
    } finally {
      this.#done = true;
      this.#wakeUp();
    }
  }

  blocked(task: Task): void {
    this.#acted(task);
  }

  resumed(task: Task): void {
    this.#acted(task);
    const limit = this.#options.maxStepsAtOneInstant;
    if (++this.#steps <= limit) return;
    // Count for a while who keeps so busy, then say so.
    this.#busy.set(task.name, (this.#busy.get(task.name) ?? 0) + 1);
    if (this.#steps !== limit + 1_000) return;
    const names = [...this.#busy].sort((a, b) => b[1] - a[1]).slice(0, 3).map(([name]) => `"${name}"`).join(", ");
    this.#fail(
      new Error(
        `Cannot go on as time stands still at t=${this.#clock.now()}ms: ${limit} waits ended without it moving, most in task ${names}; ` +
          "a loop that never sleeps? (option maxStepsAtOneInstant)",
      ),
    );
  }

  taskExited(task: Task): void {
    this.#acted(task);
  }

  hostOperationStarted(): void {
    this.#wakeUp();
  }

  hostOperationEnded(): void {
    this.#wakeUp();
  }

  #acted(task: Task): void {
    this.#quiet.delete(task.id);
    this.#wakeUp();
  }

  readonly #step = (): void => {
    if (this.#done) return;
    const clock = this.#clock;
    const run = clock.run;
    if (run === null) return;
    const { wakeUps, hostOperations, tasksRunning } = run.statistics();
    const { io, realTimeout, foreignGrace } = this.#options;
    if (wakeUps > 0) return this.#again();
    if (hostOperations.length > 0) {
      if (io === "freeze") return this.#sleep(realTimeout, () => this.#fail(this.#frozen(hostOperations)));
      if (!this.#quiet.has(HOST)) return this.#sleep(io.quiet, () => this.#quiet.add(HOST));
    }
    if (tasksRunning > 0) {
      const foreign = runningIds(run.taskTree().root).filter((id) => !this.#quiet.has(id));
      if (foreign.length > 0) return this.#sleep(foreignGrace, () => foreign.forEach((id) => this.#quiet.add(id)));
    }
    if (this.settling.size > 0) {
      const ready = [...this.settling];
      this.settling.clear();
      for (const waker of ready) waker.wake();
      return this.#again();
    }
    const { next } = clock;
    if (next === Infinity) this.#deadlock();
    else if (next > this.#latest) {
      this.#fail(
        new Error(
          `Cannot go on as more virtual time would pass than allowed: ${next}ms (option maxVirtual)\n${run.taskTree()}`,
        ),
      );
    } else {
      if (next > clock.now()) this.#steps = 0;
      clock.jump();
    }
    this.#again();
  };

  #again(): void {
    hostImmediate(this.#step);
  }

  /** Sleeps in real time until something happens; `quiet` is called if nothing did. */
  #sleep(ms: number, quiet: () => void): void {
    this.#sleeping = hostTimeout(() => {
      this.#sleeping = null;
      quiet();
      this.#again();
    }, ms);
  }

  #wakeUp(): void {
    this.#quiet.delete(HOST);
    if (this.#sleeping === null) return;
    hostClear(this.#sleeping);
    this.#sleeping = null;
    this.#again();
  }

  #deadlock(): void {
    const run = this.#clock.run!;
    const time = this.#clock.now();
    this.#fail(new DeadlockError(`Cannot go on as nothing can ever wake up (t=${time}ms):\n${run.taskTree()}`));
  }

  /**
   * Cancels the run with an error, which is what `drive()` throws in the end. Cleanup then runs under the same rules,
   * with limits of its own; when it breaks one as well, the run is left as it is, as it would never end.
   */
  #fail(error: Error): void {
    const first = this.#failure;
    if (first === null) {
      this.#failure = error;
      this.#steps = 0;
      this.#busy.clear();
      this.#latest = this.#clock.now() + this.#options.maxVirtual;
      this.#abort.abort(error);
      return;
    }
    const Class = error instanceof DeadlockError ? DeadlockError : Error;
    this.#failure = new Class(`${first.message}\nand cleanup got stuck:\n${error.message}`, { cause: first });
    this.#giveUp(this.#failure);
    this.#done = true;
  }

  #frozen(operations: readonly string[]): Error {
    return new Error(
      `Cannot go on as operations of the host are in flight and nothing has happened for ${this.#options.realTimeout}ms: ${
        operations.join(", ")
      } ` +
        "(virtual time stands still meanwhile: use io: { quiet: 50 } with real listeners)",
    );
  }
}

/** Stands in the set of quiet task ids for "the operations of the host". Ids of tasks start at 1. */
const HOST = 0;

/** The tasks in no wait of the library. */
function runningIds(root: TaskTreeNode): number[] {
  const ids: number[] = [];
  const open = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.waits.length === 0) ids.push(node.id);
    for (const child of node.children) open.push(child);
  }
  return ids;
}
