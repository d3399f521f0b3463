/**
 * What simulated time costs: sleeps in sequence and at once, a test around nothing, and a look at the clock outside.
 */

import { checkpoint, openNursery, sleep } from "../core/mod.ts";
import { BufferedReceiver, fetch, openTcpStream, serveHttp, serveTcp } from "../net/mod.ts";
import { explore, simulate } from "../testing/mod.ts";
import { type Candidate, type Case, cpuTime, measure } from "./_measure.ts";
import { loadFakeTimers } from "./_peers.ts";

/** The CPU time of some work, in milliseconds. */
async function cpu(work: () => unknown): Promise<number> {
  const before = cpuTime();
  await work();
  return (cpuTime() - before) / 1_000;
}

function candidate(name: string, work: () => unknown): Candidate {
  return { name, round: () => cpu(work), slow: true };
}

const SEQUENCE = 1_000_000;
const REQUESTS = 1_000;
const encode = (text: string) => new TextEncoder().encode(text);
const AT_ONCE = 100_000;
const EMPTY = 1_000;
const LOOKS = 1_000_000;

const RUNS = 100;

/** The body of an explored run: 10 tasks, 200 steps. */
async function tenTasks(): Promise<void> {
  await openNursery((nursery) => {
    for (let i = 0; i < 10; i++) {
      nursery.startSoon(async () => {
        for (let step = 0; step < 10; step++) {
          await sleep(1);
          await checkpoint();
        }
      });
    }
  });
}

function lookAtClock(): number {
  let sum = 0;
  for (let i = 0; i < LOOKS; i++) sum += Date.now();
  return sum;
}

const fakeTimers = await loadFakeTimers();

/** The same with the fake timers of Sinon, as their documentation shows them. */
async function withFakeTimers(body: () => unknown): Promise<void> {
  const clock = fakeTimers!.install({ loopLimit: 1e9 });
  try {
    const done = Promise.resolve(body());
    await clock.runAllAsync();
    await done;
  } finally {
    clock.uninstall();
  }
}

/** A tenth of a sequence, as one of 1,000,000 takes them many seconds. */
const SHORT = 100_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const peers: Candidate[] = fakeTimers === null
  ? []
  : [candidate("@sinonjs/fake-timers", () =>
    withFakeTimers(async () => {
      for (let i = 0; i < SHORT; i++) await pause(1);
    }))];

const cases: Case[] = [
  {
    title: "100,000 virtual sleeps in sequence",
    unit: "ms",
    baseline: "sleep()",
    candidates: [
      candidate("sleep()", () =>
        simulate(async () => {
          for (let i = 0; i < SHORT; i++) await sleep(1);
        })),
      ...peers,
    ],
    limits: [{ of: "sleep()", against: "@sinonjs/fake-timers", atMost: 1 }],
  },
  {
    title: "1,000 virtual requests, one after the other",
    unit: "ms",
    baseline: "connect and line over TCP",
    candidates: [
      candidate("connect and line over TCP", () =>
        simulate(async (sim) => {
          sim.net.host("web").startSoon(() =>
            serveTcp(async (stream) => {
              for await (const line of new BufferedReceiver(stream).lines()) await stream.sendAll(encode(`${line}\n`));
            }, { port: 80 })
          );
          await sim.settled();
          for (let i = 0; i < REQUESTS; i++) {
            using stream = await openTcpStream("web", 80);
            await stream.sendAll(encode("hello\n"));
            await new BufferedReceiver(stream).receiveLine();
          }
        })),
      candidate("fetch()", () =>
        simulate(async (sim) => {
          sim.net.host("web").startSoon(() => serveHttp(() => new Response("hello"), { port: 80 }));
          await sim.settled();
          for (let i = 0; i < REQUESTS; i++) await (await fetch("http://web/")).text();
        })),
    ],
    limits: [{ of: "fetch()", against: "connect and line over TCP", atMost: 3 }],
  },
  {
    title: "1,000,000 virtual sleeps in sequence",
    unit: "ms",
    baseline: "sleep()",
    candidates: [
      candidate("sleep()", () =>
        simulate(async () => {
          for (let i = 0; i < SEQUENCE; i++) await sleep(1);
        })),
      candidate("setTimeout()", () =>
        simulate(async () => {
          for (let i = 0; i < SEQUENCE; i++) await new Promise((resolve) => setTimeout(resolve, 1));
        })),
    ],
    limits: [{ of: "sleep()", atMost: 3_000 }],
  },
  {
    title: "100,000 virtual sleeps of 1-1,000 ms at the same time",
    unit: "ms",
    baseline: "in one task",
    candidates: [
      candidate(
        "in one task",
        () => simulate(() => Promise.all(Array.from({ length: AT_ONCE }, (_, i) => sleep(1 + i % 1_000)))),
      ),
      candidate("each in a task", () =>
        simulate(() =>
          openNursery((nursery) => {
            for (let i = 0; i < AT_ONCE; i++) nursery.startSoon(() => sleep(1 + i % 1_000));
          })
        )),
    ],
    limits: [{ of: "in one task", atMost: 1_000 }, { of: "each in a task", atMost: 1_000 }],
  },
  {
    title: "simulate() around an empty body",
    unit: "ms",
    baseline: "simulate()",
    candidates: [{
      name: "simulate()",
      round: async () =>
        await cpu(async () => {
          for (let i = 0; i < EMPTY; i++) await simulate(() => {});
        }) / EMPTY,
    }],
    limits: [{ of: "simulate()", atMost: 1 }],
  },
  {
    title: "100 runs of 10 tasks that wait 20 times each",
    unit: "ms",
    baseline: "simulate()",
    candidates: [
      candidate("simulate()", async () => {
        for (let i = 0; i < RUNS; i++) await simulate(tenTasks);
      }),
      candidate("explore()", () => explore(tenTasks, { runs: RUNS })),
    ],
    limits: [{ of: "explore()", against: "simulate()", atMost: 1 }],
  },
  {
    title: "Date.now() by code outside",
    unit: "ns",
    baseline: "no simulation lives",
    candidates: [
      {
        name: "no simulation lives",
        round: async () => await cpu(lookAtClock) * 1e6 / LOOKS,
      },
      {
        name: "one lives",
        round: async () => {
          const other = simulate(() => sleep(1));
          const cost = await cpu(lookAtClock) * 1e6 / LOOKS;
          await other;
          return cost;
        },
      },
      {
        name: "one has lived",
        round: async () => {
          await simulate(() => sleep(1));
          return await cpu(lookAtClock) * 1e6 / LOOKS;
        },
      },
    ],
    limits: [{ of: "one has lived", against: "no simulation lives", atMost: 1.1 }],
  },
];

await measure(cases);
