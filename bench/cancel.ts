/** Cancelling children that wait, and waiting for them; against waking the same children. */

import { Event, openNursery, run } from "../core/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, cpuTime, measure, timePer, turn } from "./_measure.ts";
import { ALL, type Eff, loadEffect, loadEffection } from "./_peers.ts";

const effect = await loadEffect();
const effection = await loadEffection();

/** Starts the children, then measures from `end` to when all are gone. */
function ours(count: number, end: (cancel: () => void, event: Event) => void): Promise<number> {
  return run(async () => {
    const event = new Event();
    let start = 0;
    await openNursery(async (nursery) => {
      for (let i = 0; i < count; i++) {
        nursery.startSoon(async () => {
          await event.wait();
        });
      }
      while (event.statistics().tasksWaiting < count) await turn();
      start = cpuTime();
      end(() => nursery.cancel(), event);
    });
    return (cpuTime() - start) / count;
  });
}

function candidates(count: number): Candidate[] {
  const list: Candidate[] = [
    { name: "ours, woken", round: () => ours(count, (_cancel, event) => event.set()) },
    { name: "ours", round: () => ours(count, (cancel) => cancel()) },
  ];
  if (effect !== null) {
    const { Effect, Fiber } = effect;
    // `never`, as it is the cheapest: from a latch or a deferred, the interrupted are removed by linear search.
    const interrupt = (parent: (wait: Eff) => Eff) => async () => {
      let waiting = 0;
      const wait = Effect.suspend(() => {
        waiting++;
        return Effect.never;
      });
      const fiber = Effect.runFork(parent(wait));
      while (waiting < count) await turn();
      await turn();
      return timePer(count, () => Effect.runPromise(Fiber.interrupt(fiber)));
    };
    list.push({
      name: "effect forEach, interrupted",
      round: interrupt((wait) => Effect.forEach(Array(count).keys(), () => wait, ALL)),
    }, {
      name: "effect forkChild, interrupted",
      round: interrupt((wait) =>
        Effect.gen(function* () {
          for (let i = 0; i < count; i++) yield* Effect.forkChild(wait);
          yield* Effect.never;
        })
      ),
    });
  }
  if (effection !== null && count <= 10_000) {
    const { run: runEffection, spawn, suspend } = effection;
    list.push({
      name: "effection, halted",
      slow: true,
      round: async () => {
        let waiting = 0;
        const task = runEffection(function* () {
          for (let i = 0; i < count; i++) {
            yield* spawn(function* () {
              waiting++;
              yield* suspend();
            });
          }
          yield* suspend();
        });
        while (waiting < count) await turn();
        return timePer(count, () => task.halt());
      },
    });
  }
  return list;
}

using _live = holdOurs();
await measure([1_000, 10_000, 100_000].map((count) => ({
  title: `cancel and join ${count.toLocaleString("en-US")}`,
  unit: "us/child",
  baseline: "ours, woken",
  candidates: candidates(count).map((candidate) => count < 100_000 ? candidate : { ...candidate, slow: true }),
  limits: [
    { of: "ours", against: "ours, woken", atMost: 1.5 },
    { of: "ours", against: "effect forEach, interrupted", atMost: 0.33 },
    { of: "ours", against: "effect forkChild, interrupted", atMost: 0.33 },
  ],
})));
