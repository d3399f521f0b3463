import { assert, assertEquals, assertRejects } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  ClosedResourceError,
  EndOfChannel,
  type MemoryReceiveChannel,
  moveOnAfter,
  openBroadcastChannel,
  openMemoryChannel,
  openNursery,
  select,
  sleep,
} from "../mod.ts";

Deno.test(
  "select() takes one value from whichever channel has one first, and says which",
  simulated(async (sim) => {
    const [sendA, a] = openMemoryChannel<number>(0);
    const [sendB, b] = openMemoryChannel<string>(0);
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(10);
        await sendB.send("b");
        await sleep(10);
        await sendA.send(1);
      });
      const first = await select({ a, b });
      assertEquals([first, sim.now], [{ from: "b", value: "b" }, 10]);
      assertEquals([a.statistics().tasksWaitingReceive, b.statistics().tasksWaitingReceive], [0, 0]);
      const second = await select({ a, b });
      if (second.from === "a") assertEquals(second.value.toFixed(1), "1.0");
      else throw new Error("the type says that this is a string" satisfies typeof second.value);
    });
  }),
);

Deno.test(
  "select() looks in order if asked to, and otherwise begins anywhere, so that none starves",
  simulated(async () => {
    const [sendA, a] = openMemoryChannel<number>(Infinity);
    const [sendB, b] = openMemoryChannel<number>(Infinity);
    for (let n = 0; n < 100; n++) [sendA, sendB].forEach((end) => end.trySend(n));
    for (let n = 0; n < 20; n++) assertEquals(await select({ a, b }, { inOrder: true }), { from: "a", value: n });
    const counts = { a: 0, b: 0 };
    for (let n = 0; n < 60; n++) counts[(await select({ a, b })).from]++;
    assert(counts.a > 10 && counts.b > 10, JSON.stringify(counts));
  }),
);

Deno.test(
  "select() passes over channels that have ended, until all have; then, or with one closed, it fails",
  simulated(async () => {
    const [sendA, a] = openMemoryChannel<number>(1);
    const [sendB, b] = openMemoryChannel<number>(1);
    sendA.close();
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(1);
        await sendB.send(2);
        await sleep(1);
        sendB.close();
      });
      assertEquals(await select({ a, b }), { from: "b", value: 2 });
      await assertRejects(() => select({ a, b }), EndOfChannel);
    });
    await assertRejects(() => select({ a, b }), EndOfChannel);
    const [, c] = openMemoryChannel<number>(1);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => assertRejects(() => select({ b, c }), ClosedResourceError, "closed meanwhile"));
      await sleep(1);
      c.close();
    });
    await assertRejects(() => select({ c }), ClosedResourceError, "Cannot receive as this receiving end is closed");
  }),
);

Deno.test(
  "a channel that ends while several are waited for does not disturb the others",
  simulated(async () => {
    const [sendA, a] = openMemoryChannel<number>(0);
    const [sendB, b] = openMemoryChannel<number>(0);
    await openNursery(async (nursery) => {
      const waiting = nursery.startSoon(() => select({ a, b }));
      await sleep(1);
      sendA.close();
      await sleep(1);
      await sendB.send(1);
      assertEquals(await waiting.join(), { from: "b", value: 1 });
      const last = nursery.startSoon(() => assertRejects(() => select({ a, b }), EndOfChannel));
      await sleep(1);
      sendB.close();
      await last.join();
    });
  }),
);

Deno.test(
  "a cancelled select() takes nothing and waits nowhere; one that was given a value keeps it",
  simulated(async () => {
    const [sendA, a] = openMemoryChannel<number>(1);
    const [, b] = openMemoryChannel<number>(1);
    assert((await moveOnAfter(5, () => select({ a, b }))).cancelledCaught);
    assertEquals([a.statistics().tasksWaitingReceive, b.statistics().tasksWaitingReceive], [0, 0]);
    sendA.trySend(1);
    assert((await moveOnAfter(0, () => select({ a, b }))).cancelledCaught);
    assertEquals(a.tryReceive(), 1);
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      const waiting = nursery.startSoon(() => scope.run(() => select({ a, b })));
      await sleep(1);
      sendA.trySend(2);
      scope.cancel();
      assertEquals(await waiting.join(), { cancelledCaught: false, value: { from: "a", value: 2 } });
    });
  }),
);

Deno.test(
  "select() works on subscriptions, and the same channel may be there twice",
  simulated(async () => {
    const hub = openBroadcastChannel<number>(1);
    using news = hub.subscribe();
    const [, other] = openMemoryChannel<number>(1);
    await openNursery(async (nursery) => {
      const waiting = nursery.startSoon(() => select({ news, again: news, other }));
      await sleep(1);
      hub.trySend(7);
      const { from, value } = await waiting.join();
      assert(value === 7 && from !== "other");
    });
    assertEquals(news.statistics().tasksWaitingReceive, 0);
  }),
);

Deno.test("select() refuses what is no channel, and none at all", async () => {
  await assertRejects(
    () => select({}),
    TypeError,
    'Cannot select as "channels" must have at least one channel: received none',
  );
  await assertRejects(
    () => select({ x: {} as MemoryReceiveChannel<number> }),
    TypeError,
    'Cannot select as "x" must be the receiving end of a channel: received an object of type Object',
  );
});

Deno.test("select(): 10,000 random steps with cancellations lose and repeat nothing", async () => {
  for (let seed = 1; seed <= 5; seed++) {
    await simulate(async (sim) => {
      const channels = Array.from({ length: 3 }, (_, i) => openMemoryChannel<number>(i));
      const sent: number[] = [];
      const received: number[] = [];
      let next = 0;
      await openNursery(async (nursery) => {
        for (let reader = 0; reader < 4; reader++) {
          nursery.startSoon(async () => {
            const mine = Object.fromEntries(channels.map(([, receive], i) => [`c${i}`, receive]));
            while (true) {
              try {
                await moveOnAfter(Math.floor(sim.random() * 5), async () => {
                  received.push((await select(mine)).value);
                });
              } catch (error) {
                if (error instanceof EndOfChannel) return;
                throw error;
              }
              if (sim.random() < 0.5) await sleep(Math.floor(sim.random() * 3));
            }
          });
        }
        await openNursery((nursery) => {
          for (const [send] of channels) {
            for (let writer = 0; writer < 2; writer++) {
              nursery.startSoon(async () => {
                for (let step = 0; step < 100; step++) {
                  await moveOnAfter(Math.floor(sim.random() * 5), async () => {
                    const value = next++;
                    await send.send(value);
                    sent.push(value);
                  });
                }
              });
            }
          }
        });
        for (const [send] of channels) send.close();
      });
      assert(sent.length > 100, `${sent.length}`);
      assertEquals(received.toSorted((a, b) => a - b), sent.toSorted((a, b) => a - b));
    }, { seed });
  }
});

Deno.test(
  "closing an end ends all waits on it, also behind a select() that has it twice",
  simulated(async () => {
    const [, receive] = openMemoryChannel<number>(0);
    const log: string[] = [];
    const note = (name: string) => (error: Error) => void log.push(`${name}: ${error.name}`);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => select({ a: receive, b: receive }).catch(note("select")));
      nursery.startSoon(() => receive.receive().catch(note("receive")));
      await sleep(1);
      receive.close();
    });
    assertEquals(log, ["select: ClosedResourceError", "receive: ClosedResourceError"]);
  }),
);

Deno.test("select() notices an end that is closed wherever it begins, and takes nothing then", async () => {
  for (let seed = 0; seed < 10; seed++) {
    await simulate(async () => {
      const [send, ready] = openMemoryChannel<number>(1);
      const [, closed] = openMemoryChannel<number>(1);
      send.trySend(1);
      closed.close();
      await assertRejects(
        () => select({ ready, closed }),
        ClosedResourceError,
        "Cannot receive as this receiving end is closed",
      );
      assertEquals(ready.tryReceive(), 1);
    }, { seed });
  }
});
