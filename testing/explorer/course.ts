/**
 * One explored run: those who can go on stand in a list, and one of them goes on in each turn of the event loop. So a
 * step is what a task does from one wait to the next, and the order of the steps is all there is to choose.
 */

import { taskText } from "../../core/internal.ts";
import type { Task } from "../../core/mod.ts";
import type { Instrument } from "../../core/lowlevel.ts";
import type { Steering } from "../driver/steering.ts";
import type { VirtualClock } from "../driver/virtual_clock.ts";
import { type Candidate, type Pick, pickOf } from "./candidates.ts";
import { ExploredClock } from "./explored_clock.ts";
import type { Switch } from "./replay_string.ts";
import { runOn, type Step, type Strategy } from "./strategies.ts";

/** How a run is to go. */
export interface CourseOptions {
  readonly strategy: Strategy;
  /** Whether places are recorded, for a report. */
  readonly places?: boolean;
  /** By how much an alarm may be late, as a part of its delay. */
  readonly lateness?: number;
  /** For the lateness. */
  readonly random: () => number;
  /** Cancels a task, given what it is before, by chance or as in another run. */
  readonly cancels?: Canceller | null;
  /** Told of each step. */
  readonly watch?: (id: number) => void;
}

/** Chooses whom to cancel before a step, if anybody. */
export type Canceller = (
  tasks: readonly Task[],
  usual: { readonly id: number; readonly turn: number },
  step: number,
) =>
  | number
  | null;

/** The reason of the cancellation. */
export const REASON = "explore()";

/** See the header. */
export class Course implements Steering, Instrument {
  readonly places: boolean;
  /** Who went on, step by step. */
  readonly picks: Pick[] = [];
  /** The steps at which there was a choice. */
  readonly choices: number[] = [];
  /** Where it differed from the usual. */
  readonly switches: Switch[] = [];
  readonly #options: CourseOptions;
  readonly #ready: Candidate[] = [];
  readonly #tasks = new Map<number, Task>();
  readonly #names = new Map<number, string>();
  readonly #turns = new Map<number, number>();
  #clock!: ExploredClock;
  #last = 0;
  #main = 0;

  constructor(options: CourseOptions) {
    this.#options = options;
    this.places = options.places ?? false;
  }

  clockFrom(epoch: number): VirtualClock {
    const { lateness = 0, random } = this.#options;
    return this.#clock = new ExploredClock(epoch, { lateness, random, choose: () => this.#go(this.#clock.due) });
  }

  taskSpawned(task: Task): void {
    // The main task is the test itself.
    if (this.#main === 0) this.#main = task.id;
    else this.#tasks.set(task.id, task);
  }

  taskExited(task: Task): void {
    this.#names.set(task.id, task.name);
    this.#tasks.delete(task.id);
  }

  add(resume: () => void, { id }: Task): void {
    this.#ready.push({ id, standsBack: 0, go: resume });
  }

  release(mayFire: boolean): boolean {
    if (this.#ready.length === 0) return false;
    const due = mayFire ? this.#due() : [];
    this.#go(due.length === 0 ? this.#ready : [...this.#ready, ...due]);
    return true;
  }

  releaseAll(): void {
    for (const { go } of this.#ready.splice(0)) go();
  }

  /** Who went on at a step, in words. */
  labelAt(step: number): string {
    const pick = this.picks[step - 1];
    if (pick === undefined) return "nobody";
    const name = this.#names.get(pick.id);
    return name === undefined ? `task #${pick.id}` : taskText({ name, id: pick.id });
  }

  #due(): readonly Candidate[] {
    const clock = this.#clock;
    if (clock.deadlineDue) return [{ id: 0, standsBack: 0, go: () => clock.fireDeadlines() }];
    clock.collect();
    return clock.due;
  }

  #go(candidates: readonly Candidate[]): void {
    const { strategy, watch } = this.#options;
    const step: Step = { number: this.picks.length + 1, last: this.#last, turnsOf: (id) => this.#turns.get(id) ?? 0 };
    // Whom that lets go on, or takes off the list, is known in the next turn.
    if (this.#cancel(candidates, step)) return;
    const many = candidates.length > 1;
    if (many) this.choices.push(step.number);
    const index = strategy(candidates, step);
    const chosen = candidates[index] as Candidate;
    const pick = pickOf(candidates, index);
    this.picks.push(pick);
    const usual = many ? runOn(candidates, step) : index;
    if (usual !== index) this.#differ((candidates[usual] as Candidate).id, pick, false);
    this.#turns.set(chosen.id, step.turnsOf(chosen.id) + 1);
    this.#last = chosen.id;
    const at = this.#ready.indexOf(chosen);
    if (at >= 0) this.#ready.splice(at, 1);
    watch?.(chosen.id);
    chosen.go();
  }

  /** Cancels a task before the step, if that is wanted; returns whether it did. */
  #cancel(candidates: readonly Candidate[], step: Step): boolean {
    const { cancels } = this.#options;
    if (cancels === undefined || cancels === null) return false;
    const { id } = candidates[runOn(candidates, step)] as Candidate;
    const victim = cancels([...this.#tasks.values()], { id, turn: step.turnsOf(id) }, step.number);
    const task = victim === null ? undefined : this.#tasks.get(victim);
    if (task === undefined) return false;
    this.#differ(id, { id: task.id, nth: 0 }, true);
    task.cancel(REASON, { source: "signal" });
    return true;
  }

  #differ(from: number, to: Pick, cancels: boolean): void {
    this.switches.push({ from, turn: this.#turns.get(from) ?? 0, to, cancels });
  }
}
