/** A timeout around an operation that is ready: the price of being careful. */

import { failAfter, run } from "../core/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, measure, timePer } from "./_measure.ts";
import { loadEffect } from "./_peers.ts";

const COUNT = 50_000;
const effect = await loadEffect();
const immediate = Promise.resolve(1);
const body = () => immediate;

function raceSignal(ms: number): Promise<number> {
  const signal = AbortSignal.timeout(ms);
  const timeout = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([body(), timeout]);
}

async function raceTimer(ms: number): Promise<number> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("Too slow")), ms);
  });
  try {
    return await Promise.race([body(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

async function loop(once: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < COUNT; i++) await once();
}

const candidates: Candidate[] = [
  { name: "no timeout", round: () => timePer(COUNT, () => loop(body)) },
  { name: "race with setTimeout", round: () => timePer(COUNT, () => loop(() => raceTimer(1_000))) },
  { name: "race with AbortSignal.timeout", round: () => timePer(COUNT, () => loop(() => raceSignal(1_000))) },
  { name: "ours", round: () => run(() => timePer(COUNT, () => loop(() => failAfter(1_000, body)))) },
];

if (effect !== null) {
  const { Effect } = effect;
  const ready = Effect.promise(body);
  candidates.push({
    name: "effect timeout",
    round: () =>
      timePer(COUNT, () =>
        Effect.runPromise(Effect.gen(function* () {
          for (let i = 0; i < COUNT; i++) yield* Effect.timeout(ready, 1_000);
        }))),
  });
}

using _live = holdOurs();
await measure([{
  title: "failAfter(1000, ready)",
  unit: "us",
  baseline: "race with setTimeout",
  candidates,
  limits: [{ of: "ours", atMost: 3 }],
}]);
