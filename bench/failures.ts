/** What goes wrong: nurseries that fail, and deadlines that pass, in a task each. */

import { failAfter, moveOnAfter, openNursery, run, sleepForever } from "../core/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, measure, timePer } from "./_measure.ts";
import { ALL, loadEffect } from "./_peers.ts";

const FAILING = 5_000;
const DEADLINES = 10_000;
const effect = await loadEffect();

function length(i: number): number {
  return 1 + i % 50;
}

async function fails(): Promise<never> {
  await null;
  throw new Error("no");
}

/** Does it in children of a nursery, all at once. */
function inTasks(count: number, work: (i: number) => Promise<unknown>): Promise<number> {
  return run(() =>
    timePer(count, () =>
      openNursery((nursery) => {
        for (let i = 0; i < count; i++) nursery.startSoon(() => work(i));
      }))
  );
}

function atOnce(count: number, work: (i: number) => Promise<unknown>): Promise<number> {
  return timePer(count, () => Promise.all(Array.from({ length: count }, (_, i) => work(i))));
}

const ignore = (): void => {};

const failing: Candidate[] = [
  { name: "Promise.all that fails", round: () => atOnce(FAILING, () => Promise.all([fails()]).catch(ignore)) },
  {
    name: "ours",
    round: () => inTasks(FAILING, () => openNursery((nursery) => void nursery.startSoon(fails)).catch(ignore)),
  },
  {
    name: "ours, with a child that waits",
    round: () =>
      inTasks(FAILING, () =>
        openNursery((nursery) => {
          nursery.startSoon(sleepForever);
          nursery.startSoon(fails);
        }).catch(ignore)),
  },
];

/** A timeout as it is written by hand: the work goes on. */
function raced(ms: number): Promise<unknown> {
  const timeout = new Promise((_, reject) => void setTimeout(() => reject(new Error("too slow")), ms));
  return Promise.race([new Promise(ignore), timeout]).catch(ignore);
}

const passing: Candidate[] = [
  { name: "race with setTimeout", round: () => atOnce(DEADLINES, (i) => raced(length(i))) },
  { name: "ours, moveOnAfter", round: () => inTasks(DEADLINES, (i) => moveOnAfter(length(i), sleepForever)) },
  {
    name: "ours, failAfter",
    round: () => inTasks(DEADLINES, (i) => failAfter(length(i), sleepForever).catch(ignore)),
  },
];

if (effect !== null) {
  const { Effect } = effect;
  const failed = Effect.promise(() => fails().catch(ignore));
  failing.push({
    name: "effect forEach in a child, without an error",
    round: () =>
      timePer(
        FAILING,
        () =>
          Effect.runPromise(Effect.forEach(Array(FAILING).keys(), () => Effect.forEach([0], () => failed, ALL), ALL)),
      ),
  });
  passing.push({
    name: "effect timeoutOption",
    round: () =>
      timePer(DEADLINES, () =>
        Effect.runPromise(
          Effect.forEach(Array(DEADLINES).keys(), (i) => Effect.timeoutOption(Effect.never, length(i)), ALL),
        )),
  });
}

using _live = holdOurs();
await measure([
  {
    title: "5,000 nurseries that fail, each in a child",
    unit: "us/nursery",
    baseline: "Promise.all that fails",
    candidates: failing,
    limits: [{ of: "ours", atMost: 50 }],
  },
  {
    title: "10,000 deadlines that pass, each in a task",
    unit: "us/deadline",
    baseline: "race with setTimeout",
    candidates: passing,
    limits: [{ of: "ours, moveOnAfter", atMost: 20 }],
  },
]);
