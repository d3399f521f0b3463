/**
 * Many nodes in memory that say each second that they are there, and one that listens: over NATS, with the client from npm and
 * the server of `examples/cluster/`, and over plain connections. A tenth of them lose power, and half of them are cut off
 * for a while. What a node and a message cost must not grow with their number.
 *
 * With `--large`: 10,000 nodes over plain connections, once.
 */

// deno-lint-ignore trefoil/import-direction -- the example is what is measured
import { natsd } from "../examples/cluster/_natsd.ts";
import { BufferedStream, openNursery, openTcpStream, serveTcp, sleep } from "../mod.ts";
import { simulate, type Simulation } from "../testing/mod.ts";
import { collect, cpuTime, measure, type Sample, subjectOptions } from "./_measure.ts";

const { quick } = subjectOptions();
/** The client, which comes from npm. */
// deno-lint-ignore trefoil/import-direction -- the same
const client = await import("../examples/cluster/_nats.ts").catch(() => null);
const SECONDS = quick ? 10 : 20;
/** When a tenth loses power, when half are cut off, and when they are not any more, in seconds. */
const [CRASH, CUT, HEAL] = [2, 3, 5];
/** After how long a silence a node is taken for dead, in milliseconds. */
const SILENCE = 3_500;

/** Says that a node is there. */
type Say = () => Promise<void>;

/** How nodes talk to the one that listens. */
interface Way {
  /** Starts the one that listens, on host "hub". */
  readonly listen: (sim: Simulation, heard: (node: string) => void) => void;
  /** Connects a node, on its host; runs its life. */
  readonly connected: (name: string, live: (say: Say) => Promise<void>) => Promise<void>;
}

const overNats = ({ openNats, reply }: NonNullable<typeof client>): Way => ({
  listen(sim, heard) {
    const hub = sim.net.host("hub");
    hub.startSoon(() => natsd({ pingInterval: 60_000 })());
    hub.startSoon(() =>
      openNursery(async (nursery) => {
        const nats = await openNats(nursery, { servers: "hub:4222", pingInterval: 60_000 });
        nats.subscribe("beat.*", { callback: (_, { subject }) => heard(subject.slice("beat.".length)) });
        await reply(nats.closed());
      })
    );
  },
  connected: (name, live) =>
    openNursery(async (nursery) => {
      const nats = await openNats(nursery, { servers: "hub:4222", pingInterval: 60_000 });
      await live(() => Promise.resolve(nats.publish(`beat.${name}`)));
    }),
});

const overStreams: Way = {
  listen(sim, heard) {
    sim.net.host("hub").startSoon(() =>
      serveTcp(async (stream) => {
        for await (const name of new BufferedStream(stream).lines()) heard(name);
      }, { port: 4_222, onHandlerError: () => {} })
    );
  },
  async connected(name, live) {
    using stream = await openTcpStream("hub", 4_222);
    const line = new TextEncoder().encode(`${name}\n`);
    await live(() => stream.sendAll(line));
  },
};

async function beats(way: Way, count: number): Promise<Sample> {
  let cost = 0;
  let heap = 0;
  let messages = 0;
  await simulate(async (sim) => {
    collect();
    const before = Deno.memoryUsage().heapUsed;
    const last = new Map<string, number>();
    way.listen(sim, (name) => {
      messages++;
      last.set(name, sim.now);
    });
    const names = Array.from({ length: count }, (_, i) => `h${i}`);
    for (const name of names) {
      sim.net.host(name).startSoon(() =>
        way.connected(name, async (say) => {
          await sleep(1_000 * sim.random());
          while (true) {
            await say();
            await sleep(1_000);
          }
        })
      );
    }
    await sleep(1_500);
    collect();
    heap = Deno.memoryUsage().heapUsed - before;
    messages = 0;
    const start = cpuTime();
    await sleep(CRASH * 1_000);
    for (let i = 0; i < count; i += 10) sim.net.host(names[i]!).crash();
    await sleep((CUT - CRASH) * 1_000);
    const half = names.filter((_, i) => i % 2 === 1);
    const cut = sim.net.partition([half, ["hub"]]);
    await sleep((HEAL - CUT) * 1_000);
    cut[Symbol.dispose]();
    await sleep((SECONDS - HEAL) * 1_000);
    cost = cpuTime() - start;
    const dead = names.filter((name) => sim.now - (last.get(name) ?? 0) > SILENCE);
    if (dead.length !== Math.ceil(count / 10)) throw new Error(`Cannot go on as a tenth must be dead: ${dead.length}`);
  }, { leaks: "ignore", maxSteps: Infinity, realTimeout: 600_000 });
  return { "per message (us)": cost / messages, "per node (bytes)": heap / count };
}

const sizes = quick ? [100, 300] : [100, 300, 1_000];
const candidates = (way: Way) =>
  sizes.map((count) => ({ name: `${count} nodes`, round: () => beats(way, count), slow: true }));
const large = Deno.args.includes("--large");

await measure(
  large
    ? [{
      title: `10,000 nodes over connections for ${SECONDS} virtual seconds`,
      unit: "each",
      baseline: "10,000 nodes",
      candidates: [{ name: "10,000 nodes", round: () => beats(overStreams, 10_000), slow: true }],
    }]
    : [
      ...client === null ? [] : [{
        title: `nodes with heartbeats over NATS for ${SECONDS} virtual seconds`,
        unit: "each",
        baseline: "100 nodes",
        candidates: candidates(overNats(client)),
      }],
      {
        title: `nodes with heartbeats over connections for ${SECONDS} virtual seconds`,
        unit: "each",
        baseline: "100 nodes",
        candidates: candidates(overStreams),
      },
    ],
);
