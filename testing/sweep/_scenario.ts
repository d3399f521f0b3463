/** A scenario with its state and its checks, as sweeps run it, and what they find in a run. */

import { failureOf, NOTHING, textOf } from "../../core/internal.ts";
import { fatalLeaks } from "../driver/leaks.ts";
import { seededRandom } from "../driver/random.ts";
import type { SimulateSettings } from "../driver/simulate_options.ts";
import type { Ending } from "../driver/simulation.ts";
import type { Simulation } from "../time/simulation.ts";

/** What went wrong in a run. */
export interface Finding {
  readonly text: string;
  readonly error: unknown;
}

/** The state of a scenario, and what must be true when it has ended. */
export interface Scenario<S> {
  readonly setup?: () => S | Promise<S>;
  readonly after?: (state: S, sim: Simulation) => void | Promise<void>;
}

/** The scenario failed with an error that it must not fail with. */
export class Failed {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/**
 * The body of a run, from `setup` to `after`. What goes wrong is added to the findings as soon as it is known: the
 * simulation may fail after that, for a consequence. Without findings it is thrown.
 */
export function playing<S>(
  { setup, after }: Scenario<S>,
  scenario: (state: S, sim: Simulation) => Promise<void>,
  findings: Finding[] | null,
): (sim: Simulation) => Promise<void> {
  return async (sim) => {
    const state = await setup?.() as S;
    try {
      await scenario(state, sim);
    } catch (thrown) {
      if (findings === null || !(thrown instanceof Failed)) throw thrown;
      findings.push({ text: `it failed with ${textOf(thrown.error)}`, error: thrown.error });
      return;
    }
    try {
      await after?.(state, sim);
    } catch (error) {
      // Nothing but a cancellation is that of a simulation which has failed, and says so itself.
      if (findings === null || failureOf(error) === NOTHING) throw error;
      findings.push({ text: `afterwards, ${textOf(error)}`, error });
    }
  };
}

/** What went wrong in a run that has ended: first what was found, then why the simulation failed, then what is left. */
export function findingOf(
  { error, leaks }: Ending<void>,
  findings: readonly Finding[],
  policy: SimulateSettings["leaks"],
): Finding | null {
  // An error is that of the simulation, which ended it: a deadlock, a livelock.
  const all = error === NOTHING ? [...findings] : [...findings, { text: textOf(error), error }];
  // A scenario that fails often leaves something behind for that reason: so the failure comes first.
  const left = fatalLeaks(leaks, policy);
  if (left !== "") all.push({ text: all.length === 0 ? `its body ${left}` : `and its body ${left}`, error: undefined });
  return all.length === 0 ? null : { text: all.map(({ text }) => text).join("\n  "), error: all[0]?.error };
}

/** At most `max` of the points, evenly spread; the seed says where the first one lies. */
export function sample<P>(points: readonly P[], max: number, seed: number): readonly P[] {
  if (points.length <= max) return points;
  const offset = seededRandom(seed)();
  return Array.from({ length: max }, (_, index) => points[Math.floor((index + offset) * points.length / max)] as P);
}
