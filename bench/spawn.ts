/** Starting children that await one microtask, and waiting for all of them. */

import { AsyncLocalStorage } from "node:async_hooks";
import { openNursery, run } from "../core/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, measure, timePer } from "./_measure.ts";
import { ALL, type Fiber, loadEffect, loadEffection, type Operation } from "./_peers.ts";

const effect = await loadEffect();
const effection = await loadEffection();
const storage = new AsyncLocalStorage<number>();

async function child(): Promise<void> {
  await null;
}

function candidates(count: number): Candidate[] {
  const list: Candidate[] = [
    {
      name: "bare promises",
      round: () =>
        timePer(count, () => {
          const children: Promise<void>[] = [];
          for (let i = 0; i < count; i++) children.push(child());
          return Promise.all(children);
        }),
    },
    {
      name: "bare + ALS.run",
      round: () =>
        timePer(count, () => {
          const children: Promise<void>[] = [];
          for (let i = 0; i < count; i++) children.push(storage.run(i, child));
          return Promise.all(children);
        }),
    },
    {
      // What a nursery has to do, as its body runs in a context already: entering a second one costs Deno three times
      // as much as entering the first, which it need not merge with anything.
      name: "bare + ALS.run, in a context",
      round: () =>
        storage.run(-1, () =>
          timePer(count, () => {
            const children: Promise<void>[] = [];
            for (let i = 0; i < count; i++) children.push(storage.run(i, child));
            return Promise.all(children);
          })),
    },
    {
      name: "ours",
      round: () =>
        run(() =>
          timePer(count, () =>
            openNursery((nursery) => {
              for (let i = 0; i < count; i++) nursery.startSoon(child);
            }))
        ),
    },
  ];
  if (effect !== null) {
    const { Effect, Fiber: { join } } = effect;
    const microtask = Effect.promise(() => Promise.resolve());
    list.push({
      name: "effect forEach",
      round: () => timePer(count, () => Effect.runPromise(Effect.forEach(Array(count).keys(), () => microtask, ALL))),
    }, {
      name: "effect forkChild + join",
      round: () =>
        timePer(count, () =>
          Effect.runPromise(Effect.gen(function* () {
            const fibers: Fiber[] = [];
            for (let i = 0; i < count; i++) fibers.push(yield* Effect.forkChild(microtask));
            for (const fiber of fibers) yield* join(fiber);
          }))),
    });
  }
  if (effection !== null && count <= 10_000) {
    const { run: runEffection, spawn, until } = effection;
    list.push({
      name: "effection spawn + join",
      slow: true,
      round: () =>
        timePer(count, () =>
          runEffection(function* () {
            const tasks: Operation[] = [];
            for (let i = 0; i < count; i++) {
              tasks.push(
                yield* spawn(function* () {
                  yield* until(Promise.resolve());
                }),
              );
            }
            for (const task of tasks) yield* task;
          })),
    });
  }
  return list;
}

using _live = holdOurs();
await measure([10_000, 100_000].map((count) => ({
  title: `spawn and join ${count.toLocaleString("en-US")}`,
  unit: "us/child",
  baseline: "bare + ALS.run",
  candidates: candidates(count),
  limits: [
    { of: "ours", against: "bare + ALS.run", atMost: 1.6 },
    { of: "ours", against: "bare + ALS.run, in a context", atMost: 1.6 },
  ],
})));
