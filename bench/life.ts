/**
 * The whole life of children: started, waiting, cancelled, joined, and their garbage collected, all of it timed. To time
 * the cancelling alone (`cancel.ts`) leaves out what the life before has put off.
 */

import { Event, openNursery, run } from "../core/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, collect, measure, timePer, turn } from "./_measure.ts";
import { ALL, type Eff, loadEffect } from "./_peers.ts";

const effect = await loadEffect();

/** Children of one round: a life of 1,000 is too short to measure. */
const IN_ALL = 20_000;

function candidates(count: number): Candidate[] {
  const repeat = Math.max(1, IN_ALL / count);
  const lives = (name: string, live: () => Promise<unknown>): Candidate => ({
    name,
    round: () =>
      timePer(count * repeat, async () => {
        for (let i = 0; i < repeat; i++) await live();
        collect();
      }),
  });
  const list = [
    lives("bare promises, rejected", async () => {
      const { promise, reject } = Promise.withResolvers<void>();
      const child = async (): Promise<void> => await promise;
      const children: Promise<void>[] = [];
      for (let i = 0; i < count; i++) children.push(child());
      await turn();
      reject(new Error("cancelled"));
      await Promise.allSettled(children);
    }),
    lives("ours", () =>
      run(async () => {
        const event = new Event();
        await openNursery(async (nursery) => {
          for (let i = 0; i < count; i++) {
            nursery.startSoon(async () => {
              await event.wait();
            });
          }
          while (event.statistics().tasksWaiting < count) await turn();
          nursery.cancel();
        });
      })),
  ];
  if (effect === null) return list;
  const { Effect, Fiber } = effect;
  // `never`, as in `cancel.ts`.
  const interrupted = (parent: (wait: Eff) => Eff) => async () => {
    let waiting = 0;
    const wait = Effect.suspend(() => {
      waiting++;
      return Effect.never;
    });
    const fiber = Effect.runFork(parent(wait));
    while (waiting < count) await turn();
    await Effect.runPromise(Fiber.interrupt(fiber));
  };
  list.push(
    lives("effect forEach", interrupted((wait) => Effect.forEach(Array(count).keys(), () => wait, ALL))),
    lives(
      "effect forkChild",
      interrupted((wait) =>
        Effect.gen(function* () {
          for (let i = 0; i < count; i++) yield* Effect.forkChild(wait);
          yield* Effect.never;
        })
      ),
    ),
  );
  return list;
}

using _live = holdOurs();
await measure([1_000, 10_000, 100_000].map((count) => ({
  title: `the whole life of ${count.toLocaleString("en-US")}`,
  unit: "us/child",
  baseline: "bare promises, rejected",
  candidates: candidates(count).map((candidate) => count < 100_000 ? candidate : { ...candidate, slow: true }),
  limits: [
    { of: "ours", against: "effect forEach", atMost: 1 },
    { of: "ours", against: "effect forkChild", atMost: 1 },
  ],
})));
