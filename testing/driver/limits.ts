/** How long a simulation may go on: in time, in steps, and in steps without time moving; and who is to blame. */

import { formatTime } from "../../core/internal.ts";
import type { Task } from "../../core/mod.ts";
import type { SimulateSettings } from "./simulate_options.ts";
import { type Namesake, Namesakes } from "./namesakes.ts";
import { placed } from "./sites.ts";
import { timerName, type VirtualTimer } from "./timers.ts";

/** How many more waits are counted by task once a limit is exceeded, to tell which tasks are so busy. */
const CENSUS = 1_000;

/**
 * Counts waits that ended, tasks that were started, and timers that fired; and turns in which nothing of that happened.
 */
export class Limits {
  readonly #maxVirtual: number;
  readonly #maxSteps: number;
  readonly #maxStepsAtOneInstant: number;
  /** How far time may go. Written by `renew()`. */
  latest: number;
  /** In all, and since time moved. */
  #steps = 0;
  #stepsHere = 0;
  /** Who took the steps since a limit was exceeded, and how many those were. */
  #busy: Map<string | Namesake, number> | null = null;
  readonly #namesakes = new Namesakes();
  #census = 0;
  /** Whether something was counted since the last turn. */
  #busyTurn = true;

  constructor(settings: SimulateSettings) {
    this.latest = this.#maxVirtual = settings.maxVirtual;
    this.#maxSteps = settings.maxSteps;
    this.#maxStepsAtOneInstant = settings.maxStepsAtOneInstant;
  }

  /** Allows cleanup as much again. */
  renew(now: number): void {
    this.#steps = this.#stepsHere = this.#census = 0;
    this.#busy = null;
    this.latest = now + this.#maxVirtual;
  }

  /** Time has moved. */
  moved(): void {
    this.#stepsHere = 0;
  }

  /**
   * Counts a turn of the event loop, unless it is counted already; returns what to fail with once there are too many.
   */
  turn(now: number, why: () => string): Error | null {
    const busy = this.#busyTurn;
    this.#busyTurn = false;
    if (busy) return null;
    const excess = this.count(why, now);
    this.#busyTurn = false;
    return excess;
  }

  /** Counts a step of a task, or of a timer; returns what to fail with once there are too many. */
  count(by: Task | VirtualTimer | (() => string), now: number): Error | null {
    this.#busyTurn = true;
    const here = ++this.#stepsHere > this.#maxStepsAtOneInstant;
    if (++this.#steps <= this.#maxSteps && !here) return null;
    // Count for a while who keeps so busy, then say so.
    const busy = this.#busy ??= new Map();
    const culprit = this.#culprit(by);
    busy.set(culprit, (busy.get(culprit) ?? 0) + 1);
    if (++this.#census < CENSUS) return null;
    const culprits = [...busy].sort((a, b) => b[1] - a[1]).slice(0, 3).map(([by]) => `${by}`).join(", ");
    const time = formatTime(now);
    // What goes on nevertheless is counted once more.
    this.#busy = null;
    this.#census = 0;
    return new Error(
      here
        ? `Cannot go on as time stands still at t=${time}: ${this.#maxStepsAtOneInstant} waits ended without it moving, most in ${culprits}; a loop that never sleeps? (option maxStepsAtOneInstant)`
        : `Cannot go on as the simulation takes too many steps: ${this.#maxSteps} waits have ended by t=${time}, of late most in ${culprits} (option maxSteps)`,
    );
  }

  #culprit(by: Task | VirtualTimer | (() => string)): string | Namesake {
    if (typeof by === "function") return by();
    return "fired" in by ? `${timerName(by)}${placed(by.site)}` : this.#namesakes.of(by);
  }
}
