/** Values through a channel, from one task to another. */

import { openMemoryChannel, openNursery, run } from "../core/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, measure, timePer } from "./_measure.ts";
import { loadEffect, loadSmallPeers } from "./_peers.ts";

const ITEMS = 100_000;
const effect = await loadEffect();
const { medium } = await loadSmallPeers();

function candidates(capacity: number): Candidate[] {
  const list: Candidate[] = [
    {
      name: "ours",
      round: () =>
        run(() =>
          timePer(ITEMS, () =>
            openNursery((nursery) => {
              const [send, receive] = openMemoryChannel<number>(capacity);
              nursery.startSoon(async () => {
                for (let i = 0; i < ITEMS; i++) await send.send(i);
              });
              nursery.startSoon(async () => {
                for (let i = 0; i < ITEMS; i++) await receive.receive();
              });
            }))
        ),
    },
    {
      name: "ours, for await",
      round: () =>
        run(() =>
          timePer(ITEMS, () =>
            openNursery((nursery) => {
              const [send, receive] = openMemoryChannel<number>(capacity);
              nursery.startSoon(async () => {
                for (let i = 0; i < ITEMS; i++) await send.send(i);
                send.close();
              });
              nursery.startSoon(async () => {
                for await (const _ of receive);
              });
            }))
        ),
    },
  ];
  if (medium !== null) {
    const { chan, put, take } = medium;
    list.push({
      name: "medium",
      round: () =>
        timePer(ITEMS, () => {
          const channel = capacity === 0 ? chan() : chan(capacity);
          const sending = (async () => {
            for (let i = 0; i < ITEMS; i++) await put(channel, i);
          })();
          const receiving = (async () => {
            for (let i = 0; i < ITEMS; i++) await take(channel);
          })();
          return Promise.all([sending, receiving]);
        }),
    });
  }
  if (effect !== null) {
    const { Effect, Fiber, Queue } = effect;
    list.push({
      name: "effect Queue",
      round: () =>
        timePer(ITEMS, () =>
          Effect.runPromise(Effect.gen(function* () {
            // It has no rendezvous; a queue for one is the nearest.
            const queue = yield* Queue.bounded(Math.max(capacity, 1));
            const sending = yield* Effect.forkChild(Effect.gen(function* () {
              for (let i = 0; i < ITEMS; i++) yield* Queue.offer(queue, i);
            }));
            for (let i = 0; i < ITEMS; i++) yield* Queue.take(queue);
            yield* Fiber.join(sending as never);
          }))),
    });
  }
  return list;
}

using _live = holdOurs();
await measure([0, 100].map((capacity) => ({
  title: `channel of ${capacity}, one producer, one consumer`,
  unit: "us/value",
  baseline: "ours",
  candidates: candidates(capacity),
  limits: [
    { of: "ours", against: "effect Queue", atMost: 1 / 8 },
    { of: "ours", against: "medium", atMost: 1.5 },
  ],
})));
