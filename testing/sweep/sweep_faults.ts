/**
 * The sweep of faults: a scenario is run again and again, and each time another operation of the network goes wrong.
 */

import { composedWait, failureOf, NOTHING, requireFunction, show } from "../../core/internal.ts";
import { requireKnown, requireWhole } from "../base/check.ts";
import { judge, withTrace } from "../driver/judge.ts";
import { checkSimulateOptions, type SimulateSettings } from "../driver/simulate_options.ts";
import { simulateAt } from "../driver/simulation.ts";
import { type Site, Sites } from "../driver/sites.ts";
import type { SimulateOptions, Simulation } from "../time/simulation.ts";
import { type Fault, type FaultPoint, FAULTS, Meddler } from "../net/meddler.ts";
import { type Finding, findingOf, playing, sample } from "./_scenario.ts";
import { SweepError, type SweepReport } from "./sweep_cancel.ts";

/**
 * Options of `sweepFaults()`.
 *
 * @category Assertions
 */
export interface SweepFaultsOptions<S = undefined> {
  /** Makes the state of a run, for `scenario` and `after`; nothing goes wrong in it. */
  readonly setup?: () => S | Promise<S>;
  /**
   * Checks what must be true when the scenario has ended, however it has ended; nothing goes wrong in it. If it throws,
   * the sweep fails.
   */
  readonly after?: (state: S, sim: Simulation) => void | Promise<void>;
  /**
   * The host whose operations go wrong.
   *
   * @default {"test"}
   */
  readonly host?: string;
  /**
   * How many runs are made at most. If there are more points, some are left out, evenly.
   *
   * @default {1_000}
   */
  readonly maxRuns?: number;
  /** A single point, as the error names it: `"reset:12"`. By default all points are tried. */
  readonly only?: string;
  /** Options of the simulations, except `network`. Their seed also chooses which points are left out. */
  readonly simulation?: SimulateOptions;
}

/**
 * Runs a scenario many times, and lets a different operation of the network go wrong each time.
 *
 * First it runs undisturbed, and what the host does on the network in memory is counted: names it resolves, connections
 * it opens, reads and writes on these. Then it runs once for each of them and each fault: a name is unknown; a
 * connection is refused, or nobody answers; a read meets a reset or the end, or gets one byte; a write finds the
 * connection broken, or one byte of it is taken; and each of them comes after the next deadline. The scenario may fail
 * then. But it must end, leave nothing behind, and pass the checks of `after`.
 *
 * The scenario must do the same in each run: take its state from `setup`, and its random numbers from the simulation.
 *
 * **Cancellation:** the run at hand is cancelled, waited for, and the sweep throws `Cancelled`.
 *
 * **Cost:** two to four runs for each operation of the scenario; keep it small.
 *
 * @example A connection that is not given back when the answer does not come
 * ```ts
 * import { openTcpStream, serveTcp } from "@trefoil/io";
 * import { sweepFaults, SweepError } from "@trefoil/io/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * await assertRejects(() =>
 *   sweepFaults(async (pool, sim) => {
 *     sim.background.startSoon(() => serveTcp((stream) => stream.sendAll(new Uint8Array(1)), { port: 80 }));
 *     using stream = await openTcpStream("localhost", 80);
 *     pool.taken++;
 *     await stream.receiveSome(1);
 *     pool.taken--;
 *   }, {
 *     setup: () => ({ taken: 0 }),
 *     after: (pool) => assertEquals(pool.taken, 0),
 *   }), SweepError);
 * ```
 *
 * @param scenario What to run; receives the state and the simulation.
 * @param options State, checks, and the host.
 * @returns How many operations there are, and how many runs were made.
 * @throws {SweepError} If a run did not survive its fault.
 * @category Assertions
 */
export function sweepFaults<S = undefined>(
  scenario: (state: S, sim: Simulation) => unknown,
  options: SweepFaultsOptions<S> = {},
): Promise<SweepReport> {
  const origin = new Sites(1).take();
  return composedWait(() => sweep(origin, scenario, options));
}

async function sweep<S>(
  origin: Site | null,
  scenario: (state: S, sim: Simulation) => unknown,
  options: SweepFaultsOptions<S>,
): Promise<SweepReport> {
  const settings = checkOptions(scenario, options);
  const { leaks: policy, seed } = settings;
  const { host = "test", only, maxRuns = 1_000 } = options;
  const wanted = only === undefined ? null : parsePoint(only);
  const runOnce = async (meddler: Meddler, findings: Finding[] | null) => {
    const body = playing(options, async (state, sim) => {
      meddler.active = true;
      try {
        await scenario(state, sim);
      } catch (error) {
        // It may fail when something has gone wrong.
        if (findings === null) throw error;
      } finally {
        meddler.active = false;
      }
    }, findings);
    const ending = await simulateAt(origin, body, settings, { meddle: meddler.meddle });
    // The caller was cancelled.
    if (failureOf(ending.error) === NOTHING && ending.error !== NOTHING) throw ending.error;
    return ending;
  };
  const baseline = new Meddler(host, null);
  // Its error is that of the scenario, and thrown as it is.
  await judge(await runOnce(baseline, null), settings);
  const { operations } = baseline;
  if (operations.length === 0) {
    throw new RangeError(
      `Cannot sweep as host "${host}" must do something on the network in memory (option "host"): it does nothing`,
    );
  }
  const all = operations.flatMap((kind, i): FaultPoint[] => FAULTS[kind].map((fault) => ({ fault, number: i + 1 })));
  const points = wanted === null ? sample(all, maxRuns, seed) : [wanted];
  for (const target of points) {
    const meddler = new Meddler(host, target);
    const findings: Finding[] = [];
    const ending = await runOnce(meddler, findings);
    const finding = findingOf(ending, findings, policy);
    const point = `${target.fault}:${target.number}`;
    if (meddler.where === "") {
      throw new SweepError(
        `Cannot sweep as the scenario must do the same in each run: point "${point}" did not come again`,
        { point },
      );
    }
    if (finding === null) continue;
    const trace = await ending.writeTrace(finding.text);
    throw new SweepError(
      withTrace(
        `Cannot accept the scenario as it must survive a fault of each of its operations: ${finding.text}\n  ${meddler.where}\n  to run this point alone: { only: "${point}" }`,
        trace,
      ),
      { point, cause: finding.error },
    );
  }
  return { points: operations.length, runs: points.length };
}

/** Checks the arguments; returns the settings of the simulations. */
function checkOptions<S>(scenario: unknown, options: SweepFaultsOptions<S>): SimulateSettings {
  requireFunction("sweep", "scenario", scenario);
  requireKnown("sweep", options, ["setup", "after", "host", "maxRuns", "only", "simulation"]);
  const { setup, after, host = "test", maxRuns = 1, simulation = {} } = options;
  if (setup !== undefined) requireFunction("sweep", "setup", setup);
  if (after !== undefined) requireFunction("sweep", "after", after);
  requireWhole("sweep", "maxRuns", maxRuns, 1);
  if (typeof host !== "string") {
    throw new TypeError(`Cannot sweep as "host" must be the name of a host: received ${show(host)}`);
  }
  const settings = checkSimulateOptions(simulation);
  if (settings.network === undefined) return settings;
  throw new TypeError('Cannot sweep with option "network" as the network must be the one in memory: received another');
}

function parsePoint(only: string): FaultPoint {
  const [, fault, number] = /^([a-z]+):([1-9]\d*)$/.exec(only) ?? [];
  if (!Object.values(FAULTS).some((faults) => (faults as readonly string[]).includes(`${fault}`))) {
    throw new RangeError(`Cannot sweep as "only" must be a point like "reset:12": received ${show(only)}`);
  }
  return { fault: fault as Fault, number: Number(number) };
}
