/** Runs that are watched, and those that are not: what watching costs. */

import type { Instrument } from "../core/lowlevel.ts";
import { openMemoryChannel, openNursery, run } from "../core/mod.ts";
import { type Candidate, timePer } from "./_measure.ts";

export const TASKS = 10_000;
export const ITEMS = 100_000;

/** All that were made: a program has them for as long as it runs, and what the engine has learnt of them goes with them. */
const living: Instrument[] = [];

function made(instruments: readonly Instrument[]): readonly Instrument[] {
  living.push(...instruments);
  return instruments;
}

/** The work of a task that does nothing. */
export async function child(): Promise<void> {
  await null;
}

const NAMED = { name: "child" };

/** Without places: those of the first 256 tasks of a run take some 70 us each in a span, as their stacks are rendered. */
export function spawning(name: string, instruments: () => Instrument[], work = child): Candidate {
  return {
    name,
    round: () =>
      run(() =>
        timePer(TASKS, () =>
          openNursery((nursery) => {
            for (let i = 0; i < TASKS; i++) nursery.startSoon(work, NAMED);
          })), { instruments: made(instruments()), spawnSites: 0 }),
  };
}

/** The worst case: nothing but hand-overs. */
export function sending(name: string, instruments: () => Instrument[]): Candidate {
  return {
    name,
    round: () =>
      run(() =>
        timePer(ITEMS, () =>
          openNursery((nursery) => {
            const [send, receive] = openMemoryChannel<number>(0);
            nursery.startSoon(async () => {
              for (let i = 0; i < ITEMS; i++) await send.send(i);
            });
            nursery.startSoon(async () => {
              for (let i = 0; i < ITEMS; i++) await receive.receive();
            });
          })), { instruments: made(instruments()) }),
  };
}
