/** The heap that a waiting child takes, and by how much it grows while many tasks are always ready. */

import { checkpoint, Event, openMemoryChannel, openNursery, run, sleep } from "../core/mod.ts";
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
    slow: true,
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
    slow: true,
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
    slow: true,
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
      // Not interrupted: each would be looked for in the list of the latch, which takes minutes.
      await Effect.runPromise(latch.open);
      await Effect.runPromise(Fiber.join(fiber));
      return (after - before) / COUNT;
    },
  });
}

/** More than the wake-ups of a turn. */
const READY = 300;
const STEPS = 100_000;

/** KiB by which the heap grows while tasks that are always ready take ten times as many steps as before. */
function growing(name: string, step: () => () => Promise<unknown>): Candidate {
  return {
    name,
    slow: true,
    round: () =>
      run(() =>
        openNursery(async (nursery) => {
          let steps = 0;
          for (let i = 0; i < READY; i++) {
            const once = step();
            nursery.startSoon(async () => {
              for (; steps < Infinity; steps++) await once();
            }, { daemon: true });
          }
          while (steps < STEPS) await sleep(1);
          const before = await heap();
          while (steps < 10 * STEPS) await sleep(1);
          return (await heap() - before) / 1_024;
        })
      ),
  };
}

const saturated: Candidate[] = [
  growing("300 tasks that checkpoint", () => checkpoint),
  growing("300 tasks that send to themselves", () => {
    const [send, receive] = openMemoryChannel<number>(1);
    return async () => {
      await send.send(1);
      await receive.receive();
    };
  }),
];

using _live = holdOurs();
await measure([{
  title: "heap of 100,000 waiting children",
  unit: "bytes/child",
  baseline: "bare async function",
  candidates,
  limits: [{ of: "ours", atMost: 1_200 }, { of: "ours, without an async function", atMost: 1_200 }],
}, {
  title: "growth of the heap while 300 tasks are always ready",
  unit: "KiB",
  baseline: "300 tasks that checkpoint",
  candidates: saturated,
  limits: saturated.map(({ name }) => ({ of: name, atMost: 1_024 })),
}]);
