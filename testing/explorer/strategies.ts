/**
 * Who goes on next: the orders in which a campaign tries a body.
 *
 * Most bugs of concurrency need one task that comes a little later than it does as a rule, some need two. So a *delay*,
 * after which a candidate stands back until nobody else can go on at this instant, finds them in a tenth of the runs
 * that chance needs; chance is there for the rest. Priorities that change at random (PCT) found nothing sooner.
 */

import { type Candidate, indexOf, type Pick } from "./candidates.ts";
import type { Switch } from "./replay_string.ts";

/** What a strategy is told of a step. */
export interface Step {
  /** Its number, from 1. */
  readonly number: number;
  /** The task that went on in the step before; 0 at first. */
  readonly last: number;
  /** How often a task has gone on so far. */
  readonly turnsOf: (id: number) => number;
}

/** Chooses one of several candidates: returns its index. */
export type Strategy = (candidates: readonly Candidate[], step: Step) => number;

/** After so many steps a candidate does not stand back any more: the others may go on for ever. */
const LONGEST_DELAY = 500;

/** First come, first served: as without exploring. */
export function inOrder(): number {
  return 0;
}

/** The same task goes on as long as it can. */
export function runOn(candidates: readonly Candidate[], { last }: Step): number {
  return Math.max(0, candidates.findIndex(({ id }) => id === last));
}

/** Any. */
export function atRandom(random: () => number): Strategy {
  return (candidates) => Math.floor(random() * candidates.length);
}

/** In order, but who would go on at one of these steps stands back. */
export function delaying(steps: readonly number[]): Strategy {
  return (candidates, { number }) => {
    if (steps.includes(number)) {
      const first = candidates.find(({ standsBack }) => standsBack < number) ?? candidates[0];
      (first as Candidate).standsBack = number + LONGEST_DELAY;
    }
    return Math.max(0, candidates.findIndex(({ standsBack }) => standsBack < number));
  };
}

/** The same picks as in another run; `diverged` is called once, at the first that is not there. */
export function exactly(picks: readonly Pick[], diverged: (step: number) => void): Strategy {
  let lost = false;
  return (candidates, step) => {
    const pick = picks[step.number - 1];
    const at = pick === undefined || lost ? -1 : indexOf(candidates, pick);
    if (at >= 0) return at;
    if (!lost) diverged(step.number);
    lost = true;
    return runOn(candidates, step);
  };
}

/**
 * The same task goes on as long as it can, except where the schedule says otherwise. A switch that cannot be made is
 * left out: that is how a schedule survives the loss of others, and small changes of the body.
 */
export function switching(switches: readonly Switch[]): Strategy {
  const left = switches.filter(({ cancels }) => !cancels);
  return (candidates, step) => {
    const usual = runOn(candidates, step);
    const { id } = candidates[usual] as Candidate;
    const turn = step.turnsOf(id);
    const at = left.findIndex((each) => each.from === id && each.turn === turn);
    if (at < 0) return usual;
    const [{ to }] = left.splice(at, 1) as [Switch];
    const wanted = indexOf(candidates, to);
    return wanted < 0 ? usual : wanted;
  };
}
