/**
 * The cancel sweep: a scenario is run again and again, cancelled at another point each time.
 *
 * A cancel point is a wait. An instrument counts them, and the schedule of the run says when each was granted; so the
 * sweep knows both moments at which a cancellation can hurt, and hits each of them:
 *
 *     before    the wait has just begun: it is undone, and whatever was prepared for it must be undone as well
 *     granted   the wait was granted, and its task has not resumed: it still returns, with the item or the lock it was
 *               given, and the next wait throws
 */

import {
  composedWait,
  eachLeaf,
  failureOf,
  isInstance,
  NOTHING,
  read,
  requireFunction,
  show,
} from "../../core/internal.ts";
import { CancelledElsewhereError, isCancelled, isOnlyCancelled } from "../../core/mod.ts";
import { requireKnown, requireWhole } from "../base/check.ts";
import { judge, withTrace } from "../driver/judge.ts";
import type { SimulateOptions, Simulation } from "../time/simulation.ts";
import { checkSimulateOptions, type SimulateSettings } from "../driver/simulate_options.ts";
import { type Ending, simulateAt } from "../driver/simulation.ts";
import { type Site, Sites } from "../driver/sites.ts";
import type { SweepFlavour } from "./sweep_flavour.ts";
import { Failed, findingOf, playing, sample } from "./_scenario.ts";
import { type Point, REASON, Watcher } from "./_sweep_watcher.ts";

/**
 * Options of `sweepCancel()`.
 *
 * @category Assertions
 */
export interface SweepOptions<S = undefined> {
  /** Makes the state of a run, for `scenario` and `after`; it is not cancelled. */
  readonly setup?: () => S | Promise<S>;
  /**
   * Checks what must be true when the scenario has ended, however it has ended; it is not cancelled. If it throws, the
   * sweep fails.
   */
  readonly after?: (state: S, sim: Simulation) => void | Promise<void>;
  /**
   * The name of the tasks whose waits are the cancel points. Only these tasks are cancelled then; the others go on. By
   * default the waits of all tasks are points, and the whole scenario is cancelled.
   */
  readonly task?: string;
  /**
   * How many runs are made at most. If there are more points, some are left out, evenly.
   *
   * @default {1_000}
   */
  readonly maxRuns?: number;
  /** A single point, as the error names it: `"granted:7"`. By default all points are tried. */
  readonly only?: string;
  /** Options of the simulations, except `schedule`. Their seed also chooses which points are left out. */
  readonly simulation?: SimulateOptions;
}

/**
 * The result of a sweep.
 *
 * @category Assertions
 */
export interface SweepReport {
  /** How many waits the scenario has when nothing is cancelled. */
  readonly points: number;
  /** How many runs with a cancellation were made. */
  readonly runs: number;
}

/**
 * Thrown when a scenario does not survive a cancellation. The message says at which point, and what happened.
 *
 * @example The point at which a counter is left too high
 * ```ts
 * import { checkpoint } from "@trefoil/io";
 * import { sweepCancel, SweepError } from "@trefoil/io/testing";
 * import { assertEquals, assertInstanceOf } from "@std/assert";
 *
 * let open = 0;
 * const error = await sweepCancel(async () => {
 *   open++;
 *   await checkpoint();
 *   open--; // Not in a finally block.
 * }, {
 *   setup: () => void (open = 0),
 *   after: () => assertEquals(open, 0),
 * }).catch((error) => error);
 * assertInstanceOf(error, SweepError);
 * assertEquals(error.point, "before:1");
 * ```
 *
 * @category Assertions
 */
export class SweepError extends Error {
  /** The name of the class. */
  override readonly name = "SweepError";
  /** The point, for `SweepOptions.only`. */
  readonly point: string;

  /**
   * Makes the error.
   *
   * @param message At which point, and what happened.
   * @param options The point, and `cause`, as for every error.
   */
  constructor(message: string, options: ErrorOptions & { readonly point: string }) {
    super(message, options);
    this.point = options.point;
  }
}

/**
 * Runs a scenario many times, and cancels it at a different wait each time.
 *
 * First it runs undisturbed, and its waits are counted. Then it runs twice for each wait: cancelled as the wait begins,
 * and cancelled after the wait was granted, before its task resumes. Each run must end, fail with nothing but the
 * cancellation, leave nothing behind, and pass the checks of `after`: no lock held, no item lost. Everything happens in
 * simulated time.
 *
 * The scenario must do the same in each run: take its state from `setup`, and its random numbers from the simulation.
 *
 * **Cancellation:** the run at hand is cancelled, waited for, and the sweep throws `Cancelled`.
 *
 * **Cost:** two runs for each wait of the scenario; keep it small.
 *
 * @example A lock that is not released
 * ```ts
 * import { sleep } from "@trefoil/io";
 * import { sweepCancel, SweepError } from "@trefoil/io/testing";
 * import { assert, assertRejects } from "@std/assert";
 *
 * await assertRejects(() =>
 *   sweepCancel(async (lock) => {
 *     lock.held = true;
 *     await sleep(10);
 *     lock.held = false;
 *   }, {
 *     setup: () => ({ held: false }),
 *     after: (lock) => assert(!lock.held, "the lock is held"),
 *   }), SweepError);
 * ```
 *
 * @param scenario What to run; receives the state and the simulation.
 * @param options State, checks, and which tasks are cancelled.
 * @returns How many points there are, and how many runs were made.
 * @throws {SweepError} If a run did not survive its cancellation.
 * @category Assertions
 */
export function sweepCancel<S = undefined>(
  scenario: (state: S, sim: Simulation) => unknown,
  options: SweepOptions<S> = {},
): Promise<SweepReport> {
  const origin = new Sites(1).take();
  return composedWait(() => sweep(origin, scenario, options));
}

async function sweep<S>(
  origin: Site | null,
  scenario: (state: S, sim: Simulation) => unknown,
  options: SweepOptions<S>,
): Promise<SweepReport> {
  const settings = checkSweepOptions(scenario, options);
  const { leaks: policy, seed } = settings;
  const runOnce = async (watcher: Watcher) => {
    const ending = await simulateAt(origin, bodyOf(scenario, options, watcher), {
      ...settings,
      instruments: [watcher, ...settings.instruments],
      schedule: watcher.schedule,
    });
    // The caller was cancelled.
    if (failureOf(ending.error) === NOTHING && ending.error !== NOTHING) throw ending.error;
    return ending;
  };
  const { only, maxRuns = 1_000 } = options;
  const wanted = only === undefined ? null : parsePoint(only);
  const baseline = new Watcher(options.task);
  // Its error is that of the scenario, and thrown as it is.
  await judge(await runOnce(baseline), settings);
  const { begun, granted } = baseline;
  if (options.task !== undefined && begun === 0) {
    throw new RangeError(
      `Cannot sweep as "task" must be the name of a task that the scenario starts and that waits: received "${options.task}"`,
    );
  }
  const all = [...pointsOf("before", begun), ...pointsOf("granted", granted.length)];
  const points = wanted === null ? sample(all, maxRuns, seed) : [wanted];
  for (const target of points) {
    const wait = target.flavour === "before" ? target.number : granted[target.number - 1] ?? 0;
    await tryPoint(runOnce, new Watcher(options.task, { target, wait }), { target, policy });
  }
  return { points: begun, runs: points.length };
}

async function tryPoint(
  runOnce: (watcher: Watcher) => Promise<Ending<void>>,
  watcher: Watcher,
  { target, policy }: { readonly target: Point; readonly policy: SimulateSettings["leaks"] },
): Promise<void> {
  const ending = await runOnce(watcher);
  const finding = findingOf(ending, watcher.findings, policy);
  const point = `${target.flavour}:${target.number}`;
  if (watcher.where === "") {
    throw new SweepError(
      `Cannot sweep as the scenario must do the same in each run: point "${point}" did not come again`,
      { point },
    );
  }
  if (finding === null) return;
  const trace = await ending.writeTrace(finding.text);
  throw new SweepError(
    withTrace(
      `Cannot accept the scenario as it must survive a cancellation at each of its waits: ${finding.text}\n  cancelled ${watcher.where}\n  to run this point alone: { only: "${point}" }`,
      trace,
    ),
    { point, cause: finding.error },
  );
}

/** One run, from `setup` to `after`: notes what went wrong, or fails with it if nothing is cancelled. */
function bodyOf<S>(
  scenario: (state: S, sim: Simulation) => unknown,
  options: SweepOptions<S>,
  watcher: Watcher,
): (sim: Simulation) => Promise<void> {
  return playing(options, async (state, sim) => {
    try {
      await watcher.watch(() => scenario(state, sim));
    } catch (error) {
      if (!watcher.cancels) throw error;
      if (!isOurCancellation(error)) throw new Failed(error);
    }
  }, watcher.cancels ? watcher.findings : null);
}

/**
 * Whether an error is nothing but the cancellation of the sweep: a scenario may pass on that of one of its tasks, which
 * it has joined, say.
 */
function isOurCancellation(error: unknown): boolean {
  if (isOnlyCancelled(error)) return true;
  let some = false;
  let others = false;
  eachLeaf(error, (leaf) => {
    const cause = isInstance(leaf, CancelledElsewhereError) ? read(leaf, "cause") : leaf;
    if (isCancelled(cause) && (cause === leaf || cause.reason === REASON)) some = true;
    else others = true;
    return !others;
  });
  return some && !others;
}

/** Checks the arguments; returns the settings of the simulations. */
function checkSweepOptions<S>(scenario: unknown, options: SweepOptions<S>): SimulateSettings {
  requireFunction("sweep", "scenario", scenario);
  requireKnown("sweep", options, ["setup", "after", "task", "maxRuns", "only", "simulation"]);
  const { setup, after, task, maxRuns = 1, simulation = {} } = options;
  if (setup !== undefined) requireFunction("sweep", "setup", setup);
  if (after !== undefined) requireFunction("sweep", "after", after);
  requireWhole("sweep", "maxRuns", maxRuns, 1);
  if (task !== undefined && typeof task !== "string") {
    throw new TypeError(`Cannot sweep as "task" must be the name of a task: received ${show(task)}`);
  }
  const settings = checkSimulateOptions(simulation);
  if (settings.schedule === undefined) return settings;
  throw new TypeError(
    'Cannot sweep with option "schedule" as the schedule must be that of the sweep: received another',
  );
}

function parsePoint(only: string): Point {
  const [, flavour, number] = /^(before|granted):([1-9]\d*)$/.exec(only) ?? [];
  if (flavour === undefined) {
    throw new RangeError(`Cannot sweep as "only" must be a point like "granted:7": received ${show(only)}`);
  }
  return { flavour: flavour as SweepFlavour, number: Number(number) };
}

function pointsOf(flavour: SweepFlavour, count: number): Point[] {
  return Array.from({ length: count }, (_, index) => ({ flavour, number: index + 1 }));
}
