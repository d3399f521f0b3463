/** How late a timer of 10 ms is, ours and the host's: alone, and beside tasks that are always ready. */

import { checkpoint, type Nursery, openMemoryChannel, openNursery, run, sleep } from "../core/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, type Case, measure, subjectOptions, turn } from "./_measure.ts";

const LENGTH = 10;
const TIMERS = subjectOptions().quick ? 20 : 50;
const MANY = 10_000;

/** Starts tasks that go on until `isOver()`. */
type Load = (nursery: Nursery, isOver: () => boolean) => void;

const LOADS: Record<string, Load> = {
  "alone": () => {},
  "beside two tasks that play ping-pong over channels": (nursery, isOver) => {
    const [ping, pinged] = openMemoryChannel<number>(0);
    const [pong, ponged] = openMemoryChannel<number>(0);
    nursery.startSoon(async () => {
      for await (const n of pinged) await pong.send(n);
    });
    nursery.startSoon(async () => {
      while (!isOver()) {
        await ping.send(1);
        await ponged.receive();
      }
      ping.close();
    });
  },
  "beside 10,000 tasks that checkpoint": (nursery, isOver) => {
    for (let i = 0; i < MANY; i++) {
      nursery.startSoon(async () => {
        while (!isOver()) await checkpoint();
      });
    }
  },
};

/** Milliseconds of wall time, as lateness is. */
async function lateness(load: Load, wait: (ms: number) => Promise<void>): Promise<Record<string, number>> {
  const late: number[] = [];
  await run(() =>
    openNursery(async (nursery) => {
      let over = false;
      load(nursery, () => over);
      for (let i = 0; i < TIMERS; i++) {
        const start = performance.now();
        await wait(LENGTH);
        late.push(performance.now() - start - LENGTH);
      }
      over = true;
    })
  );
  late.sort((a, b) => a - b);
  const at = (share: number): number => late[Math.min(TIMERS - 1, Math.floor(share * TIMERS))] as number;
  return { p50: at(0.5), p99: at(0.99) };
}

function candidates(load: Load): Candidate[] {
  return [
    { name: "setTimeout", round: () => lateness(load, turn), slow: true },
    { name: "sleep()", round: () => lateness(load, sleep), slow: true },
  ];
}

const cases: Case[] = Object.entries(LOADS).map(([name, load]) => ({
  title: `a timer of 10 ms ${name}`,
  unit: "ms late",
  baseline: "setTimeout",
  candidates: candidates(load),
  limits: name.startsWith("beside") ? [{ of: "sleep()", atMost: 50 }] : [],
}));

using _live = holdOurs();
await measure(cases);
