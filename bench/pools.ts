/** Many small jobs, all at once or so many at a time. */

import { AsyncLocalStorage } from "node:async_hooks";
import { all, map, run } from "../core/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, measure, timePer } from "./_measure.ts";
import { loadSmallPeers } from "./_peers.ts";

const ITEMS = 100_000;
const JOBS = 10_000;
const { pLimit, pMap } = await loadSmallPeers();
const storage = new AsyncLocalStorage<number>();

async function work(item: number): Promise<number> {
  await null;
  return item;
}

const items = Array.from({ length: ITEMS }, (_, i) => i);
const mapping: Candidate[] = [
  { name: "ours", round: () => run(() => timePer(ITEMS, () => map(items, work, { concurrency: 100 }))) },
];
if (pMap !== null) {
  mapping.push({ name: "p-map", round: () => timePer(ITEMS, () => pMap.default(items, work, { concurrency: 100 })) });
}
if (pLimit !== null) {
  mapping.push({
    name: "p-limit",
    round: () =>
      timePer(ITEMS, () => {
        const limit = pLimit.default(100);
        return Promise.all(items.map((item) => limit(() => work(item))));
      }),
  });
}

const jobs = items.slice(0, JOBS).map((item) => () => work(item));
const atOnce: Candidate[] = [
  { name: "Promise.all", round: () => timePer(JOBS, () => Promise.all(jobs.map((job) => job()))) },
  {
    name: "Promise.all with ALS.run, in a context",
    round: () =>
      storage.run(-1, () => timePer(JOBS, () => Promise.all(jobs.map((job, index) => storage.run(index, job))))),
  },
  { name: "ours", round: () => run(() => timePer(JOBS, () => all(jobs))) },
];

using _live = holdOurs();
await measure([
  {
    title: "map over 100,000 items, 100 at a time",
    unit: "us/item",
    baseline: "ours",
    candidates: mapping,
    limits: [{ of: "ours", against: "p-map", atMost: 1 }],
  },
  {
    title: "all of 10,000 functions",
    unit: "us/function",
    baseline: "Promise.all with ALS.run, in a context",
    candidates: atOnce,
    limits: [{ of: "ours", against: "Promise.all with ALS.run, in a context", atMost: 2 }],
  },
]);
