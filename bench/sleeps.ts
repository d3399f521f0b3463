/** A hundred thousand sleeps at the same time, of 1 to 100 milliseconds. */

import { openNursery, run, sleep } from "../core/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, cpuTime, measure } from "./_measure.ts";
import { ALL, loadEffect } from "./_peers.ts";

const COUNT = 100_000;
const LONGEST = 100;
const effect = await loadEffect();

function length(i: number): number {
  return 1 + i % LONGEST;
}

/** Wall time, and the CPU time of the whole process, in milliseconds. */
async function wallAndCpu(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const start = performance.now();
  const before = cpuTime();
  await work();
  return { wall: performance.now() - start, CPU: (cpuTime() - before) / 1_000 };
}

const candidates: Candidate[] = [
  {
    name: "bare setTimeout",
    round: () =>
      wallAndCpu(() => {
        const sleeps: Promise<void>[] = [];
        for (let i = 0; i < COUNT; i++) sleeps.push(new Promise((resolve) => setTimeout(resolve, length(i))));
        return Promise.all(sleeps);
      }),
  },
  {
    name: "ours",
    round: () =>
      run(() =>
        wallAndCpu(() => {
          const sleeps: Promise<void>[] = [];
          for (let i = 0; i < COUNT; i++) sleeps.push(sleep(length(i)));
          return Promise.all(sleeps);
        })
      ),
  },
  {
    name: "ours, each in a task",
    round: () =>
      run(() =>
        wallAndCpu(() =>
          openNursery((nursery) => {
            for (let i = 0; i < COUNT; i++) nursery.startSoon(() => sleep(length(i)));
          })
        )
      ),
  },
];

if (effect !== null) {
  const { Effect } = effect;
  candidates.push({
    name: "effect forEach",
    round: () =>
      wallAndCpu(() => Effect.runPromise(Effect.forEach(Array(COUNT).keys(), (i) => Effect.sleep(length(i)), ALL))),
  });
}

using _live = holdOurs();
await measure([{
  title: "100,000 sleeps of 1-100 ms",
  unit: "ms",
  baseline: "bare setTimeout",
  candidates: candidates.map((candidate) => ({ ...candidate, slow: true })),
  limits: [
    { of: "ours", against: "bare setTimeout", atMost: 0.7 },
    { of: "ours, each in a task", against: "bare setTimeout", atMost: 0.7 },
  ],
}]);
