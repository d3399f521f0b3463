/** The heap that a waiting child takes. */

import { Event, openNursery, run } from "../core/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, measure, settle, turn } from "./_measure.ts";
import { ALL, loadEffect } from "./_peers.ts";

const COUNT = 100_000;
const effect = await loadEffect();

async function heap(): Promise<number> {
  await settle();
  await settle();
  return Deno.memoryUsage().heapUsed;
}

async function waitFor(promise: Promise<void>): Promise<void> {
  await promise;
}

function ours(name: string, child: (event: Event) => () => Promise<void>): Candidate {
  return {
    name,
    round: () =>
      run(async () => {
        const event = new Event();
        const fn = child(event);
        const before = await heap();
        let after = 0;
        await openNursery(async (nursery) => {
          for (let i = 0; i < COUNT; i++) nursery.startSoon(fn);
          while (event.statistics().tasksWaiting < COUNT) await turn();
          after = await heap();
          event.set();
        });
        return (after - before) / COUNT;
      }),
  };
}

const candidates: Candidate[] = [
  {
    name: "bare async function",
    round: async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const before = await heap();
      const children: Promise<void>[] = [];
      for (let i = 0; i < COUNT; i++) children.push(waitFor(promise));
      const after = await heap();
      resolve();
      await Promise.all(children);
      return (after - before) / COUNT;
    },
  },
  ours("ours", (event) => async () => {
    await event.wait();
  }),
  ours("ours, without an async function", (event) => () => event.wait()),
];

if (effect !== null) {
  const { Effect, Fiber, Latch } = effect;
  candidates.push({
    name: "effect forEach",
    round: async () => {
      const latch = Latch.makeUnsafe(false);
      let waiting = 0;
      const wait = Effect.suspend(() => {
        waiting++;
        return latch.await;
      });
      const before = await heap();
      const fiber = Effect.runFork(Effect.forEach(Array(COUNT).keys(), () => wait, ALL));
      while (waiting < COUNT) await turn();
      const after = await heap();
      await Effect.runPromise(Fiber.interrupt(fiber));
      return (after - before) / COUNT;
    },
  });
}

using _live = holdOurs();
await measure([{
  title: "heap of 100,000 waiting children",
  unit: "bytes/child",
  baseline: "bare async function",
  candidates,
  limits: [{ of: "ours", atMost: 1_200 }, { of: "ours, without an async function", atMost: 1_200 }],
}]);
