/** Recipes for what testing exports, and for the interfaces of streams, which its streams in memory stand for. */

import { type HalfCloseableStream, settled, sleepForever } from "../../mod.ts";
import {
  expectErrors,
  memoryStreamPair,
  type ScriptedStream,
  scriptedStream,
  Sequencer,
  trickle,
} from "../../testing/mod.ts";
import { type AnyRecipe, CLEANUP, type Kit, NOBODY, nothing, type Recipe, recipe } from "./_recipe.ts";

const ONE = new Uint8Array(1);

/** Two ends in memory, of which the other one has ended, or is silent and full. */
async function ends(kit: Kit): Promise<Ends> {
  const [ended, there] = memoryStreamPair();
  await there.sendEof();
  // Takes all that is sent, and gives nothing.
  kit.nursery.startSoon(async () => {
    try {
      for await (const _ of there);
    } catch { /* it is closed at the end */ }
  });
  const [silent] = memoryStreamPair({ capacity: 1 });
  await silent.sendAll(ONE);
  for (const stream of [ended, there, silent]) kit.use(stream);
  return { ended, silent };
}

type Ends = Record<"ended" | "silent", HalfCloseableStream>;

function inMemory(way: (stream: HalfCloseableStream) => unknown, more: Partial<Recipe<Ends>> = {}): AnyRecipe {
  return recipe<Ends>({
    open: ends,
    ready: ({ ended }) => way(ended),
    waiting: ({ silent }) => way(silent),
    close({ ended, silent }) {
      ended.close();
      silent.close();
    },
    ...more,
  });
}

const release = { waiting: CLEANUP, close: NOBODY, uncancelled: "release" } as const;

/** A script that nobody has to follow to its end. */
function script(kit: Kit): ScriptedStream {
  const stream = scriptedStream();
  kit.defer(() => quietly(() => stream.close()));
  return stream;
}

function quietly(close: () => void): void {
  try {
    close();
  } catch { /* the script was not followed to its end */ }
}

/** A script that has nothing more to give. */
const scripts = {
  open: (kit: Kit) => ({
    ended: script(kit).eof(),
    waits: script(kit).wait(1e9).reply("x"),
  }),
  close({ ended, waits }: { ended: ScriptedStream; waits: ScriptedStream }) {
    for (const stream of [ended, waits]) quietly(() => stream.close());
  },
};

/** A wait for all others while one of them is busy. */
async function busy(kit: Kit): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await kit.beside(async (ready) => {
    ready();
    await promise;
  });
  kit.defer(resolve);
}

export const TESTING: Readonly<Record<string, AnyRecipe>> = {
  "SendStream.sendAll": inMemory((stream) => stream.sendAll(ONE), { spoilt: true }),
  "SendStream.[Symbol.asyncDispose]": inMemory((stream) => stream[Symbol.asyncDispose](), release),
  "ReceiveStream.receiveSome": inMemory((stream) => stream.receiveSome()),
  "ReceiveStream.receiveInto": inMemory((stream) => stream.receiveInto(new Uint8Array(1))),
  "ReceiveStream.[Symbol.asyncIterator]": inMemory((stream) => stream[Symbol.asyncIterator]().next()),
  "ReceiveStream.[Symbol.asyncDispose]": inMemory((stream) => stream[Symbol.asyncDispose](), release),
  "HalfCloseableStream.sendEof (in memory)": inMemory((stream) => stream.sendEof(), { waiting: "it never waits" }),

  "ScriptedStream.receiveSome": recipe({
    ...scripts,
    ready: ({ ended }) => ended.receiveSome(),
    waiting: ({ waits }) => waits.receiveSome(),
  }),
  "ScriptedStream.receiveInto": recipe({
    ...scripts,
    ready: ({ ended }) => ended.receiveInto(new Uint8Array(1)),
    waiting: ({ waits }) => waits.receiveInto(new Uint8Array(1)),
  }),
  "ScriptedStream.[Symbol.asyncIterator]": recipe({
    ...scripts,
    ready: ({ ended }) => ended[Symbol.asyncIterator]().next(),
    waiting: ({ waits }) => waits[Symbol.asyncIterator]().next(),
  }),
  "ScriptedStream.sendAll": recipe({
    open: (kit) => script(kit),
    ready: (stream) => stream.expect("x").sendAll(new TextEncoder().encode("x")),
    waiting: "the script says at once whether it is right",
    close: (stream) => quietly(() => stream.close()),
    keeps: "a step of the script, which is never forgotten",
  }),
  "ScriptedStream.sendText": recipe({
    open: (kit) => script(kit),
    ready: (stream) => stream.expect("x").sendText("x"),
    waiting: "the script says at once whether it is right",
    close: (stream) => quietly(() => stream.close()),
    keeps: "a step of the script, which is never forgotten",
  }),
  "ScriptedStream.sendEof": recipe({
    open: (kit) => script(kit),
    ready: (stream) => stream.sendEof(),
    waiting: "the script says at once whether it is right",
    close: (stream) => stream.close(),
  }),
  "ScriptedStream.[Symbol.asyncDispose]": recipe({
    open: () => scriptedStream(),
    ready: (stream) => stream[Symbol.asyncDispose](),
    ...release,
  }),

  "Sequencer.turn": recipe({
    open: () => ({ steps: new Sequencer(), at: { n: 0 }, broken: new Sequencer() }),
    ready: async ({ steps, at }) => {
      using _turn = await steps.turn(at.n++);
    },
    alone: ({ steps, at }) => steps.turn(at.n++),
    waiting: ({ broken }) => broken.turn(5),
    close: NOBODY,
    spoilt: true,
  }),
  settled: recipe({
    open: busy,
    ready: "there is always a task that is busy here: the one that calls it",
    waiting: () => settled(),
    close: NOBODY,
  }),
  trickle: recipe({
    open: ends,
    ready: ({ ended }) => trickle(ended, ONE),
    waiting: ({ silent }) => trickle(silent, ONE),
    close({ ended, silent }) {
      ended.close();
      silent.close();
    },
    spoilt: true,
  }),
  expectErrors: recipe({
    open: nothing,
    ready: () => expectErrors(() => Promise.reject(new TypeError("Expected")), [TypeError], { allowSingle: true }),
    waiting: () => expectErrors(sleepForever, [TypeError]),
    close: NOBODY,
    uncancelled: "body",
  }),

  "Simulation.settled": recipe({
    open: ({ sim }) => sim,
    ready: (sim) => sim.settled(),
    waiting: "time goes on by itself in a simulation",
    close: NOBODY,
    where: "simulation",
    uncancelled: "host's",
  }),
  "Simulation.picture": recipe({
    open: ({ sim }) => sim,
    ready: (sim) => sim.picture(),
    waiting: "it never waits",
    close: NOBODY,
    where: "simulation",
    uncancelled: "host's",
    slow: true,
  }),
  "VirtualDisk.sync": recipe({
    open: ({ sim }) => sim.net.host("disk").disk,
    ready: (disk) => disk.sync(),
    waiting: "it never waits",
    close: NOBODY,
    where: "simulation",
  }),
  "VirtualNetwork.chaos": recipe({
    open: ({ sim }) => sim.net,
    ready: "it takes its time",
    waiting: (net) => net.chaos({ until: 1e9 }),
    close: NOBODY,
    where: "simulation",
  }),
  "Simulation.advance": recipe({
    open: ({ sim }) => sim,
    ready: (sim) => sim.advance(0),
    waiting: (sim) => sim.advance(1e9),
    close: NOBODY,
    where: "simulation",
    uncancelled: "host's",
  }),
  "VirtualHost.run": recipe({
    open: ({ sim }) => sim.net.host("there"),
    ready: (host) => host.run(nothing),
    waiting: (host) => host.run(sleepForever),
    close: NOBODY,
    where: "simulation",
    uncancelled: "body",
  }),
};
