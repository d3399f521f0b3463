// What the programs do when NATS is not there, and when they are sent what makes no sense.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { CancelScope, failAfter, openNursery, simulate, sleep, sleepForever } from "@trefoil/io";
import { openNats, reply } from "./_nats.ts";
import { natsd, Store } from "./_natsd.ts";
import { ChatNode } from "./chat_cluster.ts";
import { addJob, openQueue, work, workerProcess } from "./jobs.ts";
import { leaderProcess } from "./lease.ts";

Deno.test("NATS is away at the start: it is waited for, and a timeout ends that", () =>
  simulate(async (sim) => {
    const nats = sim.net.host("nats");
    const lines: string[] = [];
    await openNursery(async (nursery) => {
      const log = (line: string) => void lines.push(line);
      // Another try would come too late.
      await assertRejects(
        () => failAfter(1_000, () => openNats(nursery, { servers: "nats:4222", log })),
        Error,
        "connection refused",
      );
      assertEquals(sim.now, 900);
      sim.background.startSoon(async () => {
        await sleep(30_000);
        nats.startSoon(() => natsd()());
      });
      const client = await openNats(nursery, { servers: "nats:4222", log });
      assert(sim.now >= 30_900 && sim.now < 31_200, `${sim.now}`);
      await reply(client.flush());
    });
    assert(lines.every((line) => line.startsWith("cannot connect to NATS: ")), `${lines}`);
  }));

Deno.test("NATS is away at the end: the end is a good one all the same, after a while, and the log says so", () =>
  simulate(async (sim) => {
    const nats = sim.net.host("nats");
    nats.startSoon(() => natsd()());
    await sim.settled();
    const lines: string[] = [];
    await openNursery(async (nursery) => {
      const log = (line: string) => void lines.push(line);
      const client = await openNats(nursery, { servers: "nats:4222", drainTimeout: 1_500, log });
      client.subscribe("x");
      await reply(client.flush());
      nats.crash();
    });
    assertEquals([sim.now, lines], [1_500, ["NATS was away at the end: gave up its last words after 1500 ms"]]);
  }));

Deno.test("a cancelled program can still say something: NATS goes last", () =>
  simulate(async (sim) => {
    sim.background.startSoon(() => natsd()());
    const heard: string[] = [];
    await openNursery(async (nursery) => {
      const listener = await openNats(nursery);
      listener.subscribe("bye", { callback: (_, m) => void heard.push(m.string()) });
      const scope = new CancelScope();
      nursery.startSoon(() =>
        scope.run(() =>
          openNursery(async (inner) => {
            const nats = await openNats(inner);
            inner.startSoon(async () => {
              try {
                await sleep(60_000);
              } finally {
                nats.publish("bye", "I leave");
              }
            });
          })
        )
      );
      await sleep(1_000);
      scope.cancel();
      await sleep(100);
    });
    assertEquals(heard, ["I leave"]);
  }));

Deno.test("NATS is away for a minute: all jobs are done after that", () =>
  simulate(async (sim) => {
    const store = new Store();
    const nats = sim.net.host("nats");
    nats.startSoon(() => natsd({ store })());
    const scope = new CancelScope();
    const worker = sim.net.host("worker");
    worker.startSoon(() => scope.run(() => workerProcess({ servers: "nats:4222" })));
    await openNursery(async (nursery) => {
      const client = await openNats(nursery, { servers: "nats:4222" });
      await openQueue(client);
      for (let n = 0; n < 20; n++) await addJob(client, { id: `${n}`, text: "x" });
      nats.crash();
      nursery.startSoon(async () => {
        await sleep(60_000);
        nats.restart();
      });
      // Added while it is away: confirmed when it is back.
      await addJob(client, { id: "late", text: "x" });
      assert(sim.now >= 60_000, `${sim.now}`);
      await sleep(20_000);
      assertEquals(store.streams.get("DONE")!.messages.size, 21);
    });
  }, { leaks: "ignore" }));

Deno.test("a worker that is told to end while NATS is away ends, and its job is done again by another one", () =>
  simulate(async (sim) => {
    const store = new Store();
    const nats = sim.net.host("nats");
    nats.startSoon(() => natsd({ store })());
    await sim.settled();
    await openNursery(async (nursery) => {
      const client = await openNats(nursery, { servers: "nats:4222" });
      await openQueue(client);
      await addJob(client, { id: "one", text: "x" });
      const scope = new CancelScope();
      const worker = nursery.startSoon(() => scope.run(() => workerProcess({ servers: "nats:4222" })));
      await sleep(10);
      nats.crash();
      scope.shutdown({ grace: 5_000 });
      const begun = sim.now;
      await worker.join();
      assert(sim.now - begun <= 7_100, `${sim.now - begun}`);
      nats.restart();
      nursery.startSoon(() => workerProcess({ servers: "nats:4222" }), { daemon: true });
      await sleep(20_000);
      assertEquals(store.streams.get("DONE")!.messages.size, 1);
    });
  }, { leaks: "ignore" }));

Deno.test("a job that always fails is tried five times, each later than the last, and put aside: never a hot loop", () =>
  simulate(async (sim) => {
    const store = new Store();
    sim.background.startSoon(() => natsd({ store })());
    await sim.settled();
    const tries: number[] = [];
    await openNursery(async (nursery) => {
      const client = await openNats(nursery);
      const failing = nursery.startSoon(() =>
        work(client, () => {
          tries.push(sim.now);
          throw new Error("Cannot do it as nobody could");
        }), { daemon: true });
      await sleep(100);
      await addJob(client, { id: "bad", text: "" });
      await sleep(60_000);
      failing.cancel();
    });
    const waits = tries.slice(1).map((at, i) => Math.round((at - tries[i]!) / 10) * 10);
    assertEquals(waits, [200, 400, 800, 1_600]);
    const [dead] = store.streams.get("DEAD")!.messages.values();
    assertEquals(new TextDecoder().decode(dead!.payload), 'Error: Cannot do it as nobody could {"id":"bad","text":""}');
    assertEquals(store.streams.get("JOBS")!.messages.size, 0);
  }));

Deno.test("a job that takes longer than the patience of NATS is not given to another one", () =>
  simulate(async (sim) => {
    const store = new Store();
    sim.background.startSoon(() => natsd({ store })());
    await sim.settled();
    let runs = 0;
    await openNursery(async (nursery) => {
      const client = await openNats(nursery);
      const slow = async () => {
        runs++;
        await sleep(30_000);
        return "";
      };
      const workers = nursery.startSoon(() => work(client, slow), { daemon: true });
      await sleep(100);
      await addJob(client, { id: "slow", text: "" });
      await sleep(40_000);
      workers.cancel();
    });
    assertEquals([runs, store.streams.get("DONE")!.messages.size], [1, 1]);
  }));

Deno.test("a message that makes no sense is put in the log of the chat, and nothing else happens", () =>
  simulate(async (sim) => {
    sim.background.startSoon(() => natsd()());
    await sim.settled();
    const lines: string[] = [];
    await openNursery(async (nursery) => {
      const client = await openNats(nursery);
      const node = new ChatNode(client, (line) => lines.push(line));
      nursery.startSoon(() => node.bus.run(), { daemon: true });
      await sleep(100);
      for (const text of ["{", "null", ""]) client.publish("chat.said", text);
      await sleep(1_000);
    });
    assertEquals(lines.filter((line) => line.startsWith("cannot read a message on chat.said")).length, 3);
  }));

Deno.test("a client that does not read is hung up on by NATS, and connects again when it does", () =>
  simulate(async (sim) => {
    sim.net.host("nats").startSoon(() => natsd({ maxPending: 100_000, pingInterval: 600_000 })());
    const slow = sim.net.host("slow");
    await sim.settled();
    const lines: string[] = [];
    slow.startSoon(() =>
      openNursery(async (nursery) => {
        const client = await openNats(nursery, {
          servers: "nats:4222",
          pingInterval: 600_000,
          log: (line) => lines.push(`${sim.now} ${line}`),
        });
        client.subscribe("flood", { callback: () => {} });
        await sleepForever();
      })
    );
    await openNursery(async (nursery) => {
      const client = await openNats(nursery, { servers: "nats:4222" });
      await sleep(1_000);
      const stopped = slow.pause();
      for (let n = 0; n < 300; n++) {
        client.publish("flood", new Uint8Array(1_000));
        if (n % 10 === 0) await sleep(1);
      }
      await reply(client.flush());
      await sleep(5_000);
      stopped[Symbol.dispose]();
      await sleep(5_000);
    });
    assert(lines.some((line) => line.endsWith("NATS: disconnect")), `${lines}`);
    assert(lines.at(-1)?.endsWith("NATS: reconnect"), `${lines}`);
  }, { leaks: "ignore" }));

Deno.test("a leader whose clock runs fast or slow by a twentieth acts beside nobody", async () => {
  for (const drift of [-0.05, 0.05]) {
    await simulate(async (sim) => {
      sim.net.host("nats").startSoon(() => natsd({ pingInterval: 1_000 })());
      const steps: [string, number][] = [];
      for (const name of ["a", "b"]) {
        sim.net.link(sim.net.host(name).name, "nats", { latency: 5 });
        sim.net.host(name).clock({ drift });
        sim.net.host(name).startSoon(() =>
          leaderProcess({ name: "x", servers: "nats:4222" }, (term) => void steps.push([name, term]))
        );
      }
      for (let n = 0; n < 5; n++) {
        await sleep(3_000);
        const [leader] = steps.at(-1)!;
        using _ = sim.net.partition(leader, "nats");
        await sleep(3_000);
      }
      const terms = steps.map(([, term]) => term);
      assertEquals(terms, terms.toSorted((a, b) => a - b));
      assert(new Set(terms).size >= 5, `${new Set(terms).size}`);
    }, { leaks: "ignore" });
  }
});
