/** Scopes in scopes, nurseries in nurseries: into a thousand levels and out again, and cancelled from the top. */

import { AsyncLocalStorage } from "node:async_hooks";
import { CancelScope, openNursery, run, sleepForever } from "../core/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, type Case, measure, timePer, turn } from "./_measure.ts";
import { type Eff, loadEffect, loadEffection, type Operation } from "./_peers.ts";

const DEPTH = 1_000;
/** A thousand levels take about a millisecond, too little to measure. */
const REPEAT = 10;
const effect = await loadEffect();
const effection = await loadEffection();
const storage = new AsyncLocalStorage<number>();

/** What is done at the bottom. */
type Bottom = () => unknown;

async function bare(depth: number, bottom: Bottom): Promise<unknown> {
  return depth === 0 ? await bottom() : await bare(depth - 1, bottom);
}

async function bareStorage(depth: number, bottom: Bottom): Promise<unknown> {
  return depth === 0 ? await bottom() : await storage.run(depth, bareStorage, depth - 1, bottom);
}

async function scopes(depth: number, bottom: Bottom): Promise<unknown> {
  return depth === 0 ? await bottom() : await new CancelScope().run(() => scopes(depth - 1, bottom));
}

async function nurseries(depth: number, bottom: Bottom): Promise<unknown> {
  return depth === 0 ? await bottom() : await openNursery(() => nurseries(depth - 1, bottom));
}

/** As it happens in programs: each nursery is opened by a child of the one above. */
async function children(depth: number, bottom: Bottom): Promise<unknown> {
  if (depth === 0) return await bottom();
  return await openNursery((nursery) => void nursery.startSoon(() => children(depth - 1, bottom)));
}

/** Takes a turn at each level: the stack of the host ends a descent in one go at some thousand levels. */
function withTurns(down: typeof scopes): typeof scopes {
  const step = async (depth: number, bottom: Bottom): Promise<unknown> => {
    await null;
    return depth === 0 ? await bottom() : await down(1, () => step(depth - 1, bottom));
  };
  return step;
}

function inAndOut(name: string, down: (depth: number, bottom: Bottom) => Promise<unknown>, depth = DEPTH): Candidate {
  const repeat = REPEAT * DEPTH / depth;
  return {
    name,
    round: () =>
      run(() =>
        timePer(depth * repeat, async () => {
          for (let i = 0; i < repeat; i++) await down(depth, () => null);
        })
      ),
  };
}

function bareInAndOut(name: string, down: (depth: number, bottom: Bottom) => Promise<unknown>): Candidate {
  return {
    name,
    round: () =>
      timePer(DEPTH * REPEAT, async () => {
        for (let i = 0; i < REPEAT; i++) await down(DEPTH, () => null);
      }),
  };
}

/** Goes down, cancels the outermost scope from outside, and measures until everything has ended. */
function fromTheTop(name: string, down: (depth: number, bottom: Bottom) => Promise<unknown>): Candidate {
  return {
    name,
    round: async () => {
      let sum = 0;
      for (let i = 0; i < REPEAT; i++) {
        await run(async () => {
          const top = new CancelScope();
          let arrived = false;
          const ended = top.run(() =>
            down(DEPTH - 1, () => {
              arrived = true;
              return sleepForever();
            })
          );
          while (!arrived) await turn();
          sum += await timePer(DEPTH * REPEAT, () => {
            top.cancel();
            return ended;
          });
        });
      }
      return sum;
    },
  };
}

const passing: Candidate[] = [
  bareInAndOut("bare recursion", bare),
  bareInAndOut("bare recursion + ALS.run", bareStorage),
  inAndOut("ours, scopes", scopes),
  inAndOut("ours, nurseries", nurseries),
  inAndOut("ours, nurseries in children", children),
];
const cancelling: Candidate[] = [
  fromTheTop("ours, scopes", scopes),
  fromTheTop("ours, nurseries", nurseries),
  fromTheTop("ours, nurseries in children", children),
];

if (effect !== null) {
  const { Effect, Fiber } = effect;
  const scoped = (depth: number, bottom: Eff): Eff =>
    depth === 0 ? bottom : Effect.scoped(Effect.suspend(() => scoped(depth - 1, bottom)));
  const forked = (depth: number, bottom: Eff): Eff =>
    depth === 0
      ? bottom
      : Effect.flatMap(Effect.forkChild(Effect.suspend(() => forked(depth - 1, bottom))), Fiber.join);
  for (const [name, down] of [["effect scoped", scoped], ["effect forkChild", forked]] as const) {
    passing.push({
      name,
      round: () =>
        timePer(DEPTH * REPEAT, async () => {
          for (let i = 0; i < REPEAT; i++) await Effect.runPromise(down(DEPTH, Effect.void));
        }),
    });
    // A thousand nested forks, interrupted from the top, take all memory (effect 4.1.0).
    if (down === forked) continue;
    cancelling.push({
      name,
      round: async () => {
        let sum = 0;
        for (let i = 0; i < REPEAT; i++) {
          let arrived = false;
          const bottom = Effect.suspend(() => {
            arrived = true;
            return Effect.never;
          });
          const fiber = Effect.runFork(down(DEPTH, bottom));
          while (!arrived) await turn();
          sum += await timePer(DEPTH * REPEAT, () => Effect.runPromise(Fiber.interrupt(fiber)));
        }
        return sum;
      },
    });
  }
}

if (effection !== null) {
  const { run: runEffection, spawn } = effection;
  const down = (depth: number) =>
    function* (): Generator<Operation, void, unknown> {
      if (depth > 0) yield* yield* spawn(down(depth - 1));
    };
  passing.push({
    name: "effection spawn",
    slow: true,
    round: () => timePer(DEPTH, () => runEffection(down(DEPTH))),
  });
}

const cases: Case[] = [
  { title: "1,000 levels in and out", unit: "us/level", baseline: "bare recursion + ALS.run", candidates: passing },
  { title: "1,000 levels cancelled", unit: "us/level", baseline: "ours, nurseries", candidates: cancelling },
];
for (
  const [name, down] of [["scopes", scopes], ["nurseries", nurseries], ["nurseries in children", children]] as const
) {
  const [shallow, deep] = [`ours, 1,000 ${name}`, `ours, 5,000 ${name}`];
  cases.push({
    title: `depth, ${name}`,
    unit: "us/level",
    baseline: shallow,
    candidates: [inAndOut(shallow, withTurns(down)), inAndOut(deep, withTurns(down), 5_000)],
  });
}

using _live = holdOurs();
await measure(cases);
