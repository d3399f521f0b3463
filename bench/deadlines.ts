/** How many timers the host sees while a hundred thousand deadlines are set, and until the last of them has passed. */

import { hostTimers } from "./_host_timers.ts";
import { moveOnAfter, openNursery, run, sleepForever } from "../core/mod.ts";
import { type Candidate, measure } from "./_measure.ts";

const COUNT = 100_000;

function length(i: number): number {
  return 500 + i * 7 % 1_000;
}

const candidates: Candidate[] = [
  {
    name: "bare setTimeout",
    round: async () => {
      hostTimers.reset();
      const timeouts: Promise<void>[] = [];
      for (let i = 0; i < COUNT; i++) timeouts.push(new Promise((resolve) => setTimeout(resolve, length(i))));
      await Promise.all(timeouts);
      return { "at the same time": hostTimers.most, "in all": hostTimers.calls };
    },
  },
  {
    name: "ours",
    round: () =>
      run(async () => {
        hostTimers.reset();
        await openNursery((nursery) => {
          for (let i = 0; i < COUNT; i++) nursery.startSoon(() => moveOnAfter(length(i), () => sleepForever()));
        });
        return { "at the same time": hostTimers.most, "in all": hostTimers.calls };
      }),
  },
];

await measure([{
  title: "host timers for 100,000 deadlines in 1,000 milliseconds",
  unit: "timers",
  baseline: "bare setTimeout",
  candidates: candidates.map((candidate) => ({ ...candidate, slow: true })),
}]);
