// Whole systems in one process: several hosts, in virtual time, on a network that breaks on purpose.

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  all,
  BrokenResourceError,
  BufferedStream,
  currentTime,
  fetch,
  IncompleteReceiveError,
  map,
  openNursery,
  retry,
  serveTcp,
  simulate,
  simulated,
  type Simulation,
  sleep,
  TooSlowError,
} from "@trefoil/io";
import { sweepFaults } from "@trefoil/io/testing";
import { ChatClient, chatServer } from "./live_chat.ts";
import { Elector } from "./leader_election.ts";
import { append, leaseServer, storageServer } from "./lease_service.ts";
import { AnswerError, PooledClient } from "./pooled_client.ts";

const NAMES = ["ann", "bob", "cid", "dan"];

Deno.test(
  "live_chat.ts: whoever is cut off misses nothing, and all hear the same in the same order",
  simulated(async (sim) => {
    sim.net.host("server").startSoon(() => chatServer({ port: 80 })());
    const heard: Record<string, string[]> = {};
    const clients: Record<string, ChatClient> = {};
    for (const name of NAMES) {
      heard[name] = [];
      clients[name] = new ChatClient("ws://server/", name, ({ text }) => heard[name]!.push(text));
      sim.net.link(sim.net.host(name).name, "server", { latency: 20, jitter: 30 });
      sim.net.host(name).startSoon(() => clients[name]!.run());
    }
    await sleep(1_000);
    await clients.ann!.say("hello");
    await sleep(1_000);
    sim.net.partition("bob", "server");
    await clients.cid!.say("where is bob?");
    await clients.bob!.say("can you hear me?");
    await sleep(60_000);
    assertEquals(heard.bob, ["ann: hello"]);
    assertEquals(heard.dan, ["ann: hello", "cid: where is bob?"]);
    sim.net.heal("bob", "server");
    await sleep(60_000);
    const all = ["ann: hello", "cid: where is bob?", "bob: can you hear me?"];
    for (const name of NAMES) assertEquals(heard[name], all, name);
  }),
);

Deno.test("live_chat.ts: a server that is reset again and again, with any seed, loses and doubles nothing", async () => {
  for (let seed = 0; seed < 10; seed++) {
    await simulate(async (sim) => {
      sim.net.host("server").startSoon(() => chatServer({ port: 80 })());
      const heard: Record<string, string[]> = {};
      for (const name of NAMES) {
        const mine: string[] = heard[name] = [];
        const client = new ChatClient("ws://server/", name, ({ text }) => mine.push(text));
        sim.net.host(name).startSoon(() => client.run());
        sim.net.link(name, "server", { latency: 5, jitter: 100 });
        sim.background.startSoon(async () => {
          for (let n = 0; n < 5; n++) {
            await sleep(1_000 * sim.random());
            await client.say(String(n));
          }
        });
      }
      for (let n = 0; n < 10; n++) {
        await sleep(500);
        sim.net.reset(NAMES[Math.floor(sim.random() * NAMES.length)]!, "server");
      }
      await sleep(60_000);
      const all = NAMES.flatMap((name) => [0, 1, 2, 3, 4].map((n) => `${name}: ${n}`)).sort();
      for (const name of NAMES) {
        assertEquals([...heard[name]!].sort(), all, `${name}, seed ${seed}`);
        assertEquals(heard[name], heard.ann, `${name}, seed ${seed}`);
      }
    }, { seed });
  }
});

const FIVE = ["a", "b", "c", "d", "e"];

/** Starts five electors; returns them, and who was elected in which term. */
function electors(sim: Simulation): { group: Map<string, Elector>; led: [term: number, name: string][] } {
  const group = new Map<string, Elector>();
  const led: [number, string][] = [];
  for (const name of FIVE) sim.net.host(name);
  for (const name of FIVE) {
    const others = FIVE.filter((other) => other !== name);
    sim.net.host(name).startSoon(() => {
      const elector = new Elector(name, others, { onLead: (term) => void led.push([term, name]) });
      group.set(name, elector);
      return elector.run();
    });
    for (const other of others) sim.net.link(name, other, { latency: 2, jitter: 10, oneWay: true });
  }
  return { group, led };
}

Deno.test(
  "leader_election.ts: five agree on one, on another when it crashes, and the old one follows when it is back",
  simulated(async (sim) => {
    const { group, led } = electors(sim);
    await sleep(5_000);
    const leaders = () => [...group.values()].filter(({ role }) => role === "leader");
    const [first, ...others] = leaders();
    assertEquals(others, []);
    sim.net.host(first!.name).crash();
    group.delete(first!.name);
    await sleep(5_000);
    const [second, ...more] = leaders();
    assertEquals(more, []);
    assert(second!.term > first!.term);
    sim.net.host(first!.name).restart();
    await sleep(5_000);
    assertEquals(leaders().map(({ name }) => name), [second!.name]);
    assertEquals(led.at(-1), [second!.term, second!.name]);
  }),
);

Deno.test("leader_election.ts: no term has two leaders, however the network is cut, and in the end there is one", async () => {
  for (let seed = 0; seed < 8; seed++) {
    await simulate(async (sim) => {
      const { group, led } = electors(sim);
      for (let n = 0; n < 20; n++) {
        const [x, y] = [sim.random(), sim.random()].map((r) => FIVE[Math.floor(r * 5)]!) as [string, string];
        const cut = x === y ? null : sim.net.partition(x, y);
        await sleep(2_000 * sim.random());
        cut?.[Symbol.dispose]();
      }
      await sleep(10_000);
      const terms = led.map(([term]) => term);
      assertEquals(terms.length, new Set(terms).size, `seed ${seed}: ${JSON.stringify(led)}`);
      assertEquals([...group.values()].filter(({ role }) => role === "leader").length, 1, `seed ${seed}`);
      assert(currentTime() > 10_000);
    }, { seed });
  }
});

/** A server that says its line back, and no to what begins with "bad". */
function answering(sim: Simulation): void {
  sim.net.host("db").startSoon(() =>
    serveTcp(async (stream) => {
      for await (const line of new BufferedStream(stream).lines({ max: 100 })) {
        await stream.sendText(line.startsWith("bad") ? "no such thing\n" : `you said ${line}\n`);
      }
    }, { port: 7, onHandlerError: () => {} })
  );
}

Deno.test(
  "pooled_client.ts: tasks share the connections, and an answer that says no costs none",
  simulated(async (sim) => {
    answering(sim);
    sim.net.link("test", "db", { latency: 10 });
    await using client = new PooledClient("db", 7, { connections: 2 });
    await assertRejects(() => client.ask("bad"), AnswerError, "such thing");
    const answers = await map(["a", "b", "c", "d"], (word) => client.ask(word));
    assertEquals(answers, ["a", "b", "c", "d"].map((word) => `you said ${word}`));
    assertEquals(sim.net.connections().length, 2);
  }),
);

Deno.test("pooled_client.ts: whatever goes wrong with the network, nobody gets the answer of another", async () => {
  await sweepFaults(async (asked: string[], sim) => {
    answering(sim);
    await sim.settled();
    await using client = new PooledClient("db", 7, { connections: 2 });
    const ask = async (word: string) => {
      try {
        asked.push(`${word}: ${await client.ask(word)}`);
      } catch (error) {
        const expected = [BrokenResourceError, IncompleteReceiveError, TooSlowError];
        if (!expected.some((kind) => error instanceof kind)) throw error;
      }
    };
    await all([() => ask("a"), () => ask("b"), () => ask("c")]);
    // Whatever has happened, this one gets through.
    asked.length = 0;
    await sleep(5_000);
    await ask("d");
    await ask("e");
  }, {
    setup: (): string[] => [],
    after(asked) {
      for (const line of asked) assertEquals(line.slice(0, 1), line.at(-1));
      assert(asked.length >= 1, "nobody gets through any more");
    },
  });
});

/** Three workers that add a word each, while hosts stand still now and then; tells whether a word was lost. */
async function loses(seed: number, fencing: boolean): Promise<boolean> {
  return await simulate(async (sim) => {
    sim.net.host("leases").startSoon(() => leaseServer({ port: 80 })());
    sim.net.host("storage").startSoon(() => storageServer({ port: 80, fencing })());
    await sim.settled();
    const names = ["x", "y", "z"];
    const written: string[] = [];
    await openNursery((nursery) => {
      for (const name of names) {
        const host = sim.net.host(name);
        sim.net.link(name, "storage", { latency: 5, jitter: 20 });
        nursery.startSoon(() =>
          host.run(async () => {
            const tries = retry(() => append("http://leases/", "http://storage/", name), {
              attempts: 10,
              backoff: { initial: 100, max: 1_000 },
            });
            if (await tries.catch(() => false)) written.push(name);
          })
        );
        nursery.startSoon(async () => {
          await sleep(1_500 * sim.random("pauses"));
          host.pause();
          await sleep(1_500 * sim.random("pauses"));
          host.resume();
        });
      }
    });
    const text = await (await fetch("http://storage/", { headers: { "x-lease": "1000" } })).text();
    return written.some((name) => !text.split(" ").includes(name));
  }, { seed });
}

Deno.test("lease_service.ts: a holder that stood still overwrites the next one, unless it is fenced off", async () => {
  const seeds = Array.from({ length: 40 }, (_, seed) => seed);
  const without = await map(seeds, (seed) => loses(seed, false), { concurrency: 1 });
  assert(without.filter(Boolean).length >= 3, `${without.filter(Boolean).length} of ${seeds.length}`);
  const fenced = await map(seeds, (seed) => loses(seed, true), { concurrency: 1 });
  assertEquals(seeds.filter((seed) => fenced[seed]), []);
});
