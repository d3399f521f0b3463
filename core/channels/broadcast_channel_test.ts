import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  type BroadcastReceiveChannel,
  BrokenResourceError,
  CancelScope,
  ClosedResourceError,
  EndOfChannel,
  failAfter,
  moveOnAfter,
  openBroadcastChannel,
  openNursery,
  sleep,
} from "../mod.ts";

Deno.test(
  "every subscriber receives every value sent after it subscribed, in order, and then the end",
  simulated(async () => {
    const hub = openBroadcastChannel<number>(10);
    const early = hub.subscribe();
    await hub.send(1);
    const late = hub.subscribe();
    await hub.send(2);
    assert(hub.trySend(3));
    hub.close();
    hub.close();
    assertEquals(await Array.fromAsync(early), [1, 2, 3]);
    assertEquals(await Array.fromAsync(late), [2, 3]);
    await assertRejects(() => late.receive(), EndOfChannel);
    await assertRejects(
      () => hub.send(4),
      ClosedResourceError,
      "Cannot send as the broadcast channel was closed already",
    );
    assertThrows(() => hub.trySend(4), ClosedResourceError, "Cannot send as the broadcast channel was closed already");
    assertThrows(() => hub.subscribe(), ClosedResourceError, "Cannot subscribe as the broadcast channel is closed");
  }),
);

Deno.test(
  'under "block" the slowest subscriber sets the pace, and blocked senders are served in order',
  simulated(async (sim) => {
    using hub = openBroadcastChannel<string>(1, { name: "news" });
    const [fast, slow] = [hub.subscribe(), hub.subscribe()];
    const log: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        for await (const value of fast) log.push(`${value} ${sim.now}`);
      }, { daemon: true });
      for (const value of ["a", "b", "c"]) nursery.startSoon(() => hub.send(value));
      await sleep(10);
      assertEquals(hub.statistics(), { subscribers: 2, maxBufferSize: 1, currentBufferUsed: 1, tasksWaitingSend: 2 });
      assertEquals(hub.trySend("x"), false);
      assertEquals(await slow.receive(), "a");
      await sleep(10);
      assertEquals([await slow.receive(), await slow.receive()], ["b", "c"]);
      await sleep(1);
    });
    assertEquals(log, ["a 0", "b 10", "c 20"]);
  }),
);

Deno.test(
  "a cancelled send() reached nobody, and one behind it goes on; a subscriber that leaves makes room",
  simulated(async () => {
    using hub = openBroadcastChannel<string>(1);
    using reader = hub.subscribe();
    const lazy = hub.subscribe();
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      await hub.send("a");
      nursery.startSoon(() => scope.run(() => hub.send("lost")));
      nursery.startSoon(() => hub.send("b"));
      await sleep(1);
      scope.cancel();
      assertEquals(await reader.receive(), "a");
      assertEquals(hub.statistics().tasksWaitingSend, 1);
      lazy.close();
      assertEquals(hub.statistics().tasksWaitingSend, 0);
      assertEquals(await reader.receive(), "b");
    });
    assertEquals(hub.statistics().subscribers, 1);
    assert((await moveOnAfter(0, () => hub.send("c"))).cancelledCaught);
    assertEquals(reader.tryReceive(), undefined);
  }),
);

Deno.test(
  'under "dropOldest" a slow subscriber loses the oldest values, and counts them; nobody waits',
  simulated(async () => {
    const hub = openBroadcastChannel<number>(2, { lag: "dropOldest" });
    using slow = hub.subscribe();
    for (let n = 1; n <= 5; n++) await hub.send(n);
    assertEquals([slow.tryReceive(), slow.missed], [4, 3]);
    hub.close();
    assertEquals([...await Array.fromAsync(slow)], [5]);
  }),
);

Deno.test(
  'under "error" a slow subscriber is cut off, and the others are not disturbed',
  simulated(async () => {
    const hub = openBroadcastChannel<number>(2, { lag: "error" });
    using slow = hub.subscribe();
    using quick = hub.subscribe();
    const got: number[] = [];
    for (let n = 1; n <= 3; n++) {
      await hub.send(n);
      got.push(await quick.receive());
    }
    assertEquals(got, [1, 2, 3]);
    await assertRejects(
      () => slow.receive(),
      BrokenResourceError,
      "Cannot receive as this subscriber was cut off: it had 2 values waiting when one more came",
    );
    assertEquals([hub.statistics().subscribers, slow.missed], [1, 0]);
  }),
);

Deno.test(
  "clones of a subscription share it; closing the last one ends it; without subscribers values go nowhere",
  simulated(async () => {
    const hub = openBroadcastChannel<number>(5);
    const first = hub.subscribe();
    const second = first.clone();
    hub.trySend(1);
    hub.trySend(2);
    assertEquals([first.tryReceive(), second.tryReceive()], [1, 2]);
    first.close();
    assertEquals(hub.statistics().subscribers, 1);
    second.close();
    assertEquals(hub.statistics().subscribers, 0);
    await hub.send(3);
    assertThrows(() => first.clone(), ClosedResourceError);
    assertThrows(() => first.tryReceive(), ClosedResourceError);
  }),
);

Deno.test(
  "a subscriber that leaves its loop is none any more, however it leaves, and holds nobody up",
  simulated(async () => {
    const leave: Record<string, (news: BroadcastReceiveChannel<number>) => Promise<unknown>> = {
      async "by break"(news) {
        for await (const _ of news) break;
      },
      async "by an error"(news) {
        for await (const _ of news) throw new RangeError("mine");
      },
      async "by return"(news) {
        for await (const item of news) return item;
      },
      "cancelled while it waits": (news) => moveOnAfter(5, () => Array.fromAsync(news)),
      "cancelled in the body": (news) =>
        moveOnAfter(5, async () => {
          for await (const _ of news) await sleep(60_000);
        }),
      "cancelled before": (news) =>
        moveOnAfter(0, async () => {
          for await (const _ of news);
        }),
      "by a timeout of its own": (news) => failAfter(5, () => Array.fromAsync(news)),
    };
    for (const [how, leaving] of Object.entries(leave)) {
      const news = openBroadcastChannel<number>(1);
      const heard: number[] = [];
      await openNursery(async (nursery) => {
        const gone = news.subscribe();
        const stays = news.subscribe();
        nursery.startSoon(() => leaving(gone).catch(() => {}));
        nursery.startSoon(async () => {
          for await (const item of stays) heard.push(item);
        });
        for (let n = 1; n <= 4; n++) await news.send(n);
        await sleep(10);
        news.close();
      });
      assertEquals([heard, news.statistics().subscribers], [[1, 2, 3, 4], 1], how);
    }
  }),
);

Deno.test(
  "a cancelled subscriber makes room in the same call, also for several blocked senders",
  simulated(async () => {
    const news = openBroadcastChannel<number>(1);
    const [gone, stays] = [news.subscribe(), news.subscribe()];
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        scope.run(async () => {
          for await (const _ of gone) await sleep(60_000);
        })
      );
      for (let n = 1; n <= 3; n++) nursery.startSoon(() => news.send(n));
      await sleep(1);
      assertEquals([await stays.receive(), news.statistics().tasksWaitingSend], [1, 1]);
      scope.cancel();
      await sleep(0);
      assertEquals([await stays.receive(), await stays.receive(), news.statistics().tasksWaitingSend], [2, 3, 0]);
    });
  }),
);

Deno.test(
  "loops over one end share it: the last one that is left closes it; clones and ends that are not looped over stay",
  simulated(async () => {
    const news = openBroadcastChannel<number>(2);
    const shared = news.subscribe();
    const log: string[] = [];
    await openNursery(async (nursery) => {
      for (const name of ["a", "b"]) {
        nursery.startSoon(async () => {
          for await (const item of shared) {
            log.push(`${name} ${item}`);
            if (item >= 3) break;
          }
        });
      }
      for (let n = 1; n <= 3; n++) await news.send(n);
      await sleep(1);
      assertEquals(news.statistics().subscribers, 1, "one of the loops goes on");
      await news.send(4);
      await sleep(1);
    });
    assertEquals([log.length, news.statistics().subscribers], [4, 0]);
    const kept = news.subscribe();
    const clone = kept.clone();
    assert((await moveOnAfter(1, () => kept.receive())).cancelledCaught);
    assertEquals(news.statistics().subscribers, 1);
    await news.send(5);
    for await (const item of clone) {
      assertEquals(item, 5);
      break;
    }
    assertThrows(() => clone.tryReceive(), ClosedResourceError);
    assertEquals(news.statistics().subscribers, 1, "the other clone is open");
  }),
);

Deno.test(
  "close() fails blocked senders",
  simulated(async () => {
    const hub = openBroadcastChannel<number>(1);
    using subscriber = hub.subscribe();
    await hub.send(1);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => assertRejects(() => hub.send(2), ClosedResourceError, "was closed meanwhile"));
      await sleep(1);
      hub.close();
    });
    assertEquals(await Array.fromAsync(subscriber), [1]);
  }),
);

Deno.test("openBroadcastChannel() refuses capacities and policies that are none", () => {
  for (const capacity of [0, -1, 1.5, NaN]) {
    assertThrows(
      () => openBroadcastChannel(capacity),
      RangeError,
      'Cannot open a broadcast channel as "capacity" must be',
    );
  }
  assertThrows(
    () => openBroadcastChannel(1, { lag: "drop" as never }),
    RangeError,
    'Cannot open a broadcast channel as "lag" must be "block", "dropOldest" or "error": received "drop"',
  );
});

Deno.test('under "block" 10,000 random steps with cancellations lose and repeat nothing', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    await simulate(async (sim) => {
      const hub = openBroadcastChannel<number>(3);
      const sent: number[] = [];
      const received: number[][] = [[], [], []];
      let next = 0;
      await openNursery(async (nursery) => {
        for (const list of received) {
          const subscription = hub.subscribe();
          nursery.startSoon(async () => {
            let open = true;
            while (open) {
              await moveOnAfter(Math.floor(sim.random() * 5), async () => {
                list.push(await subscription.receive());
              }).catch((error) => {
                if (!(error instanceof EndOfChannel)) throw error;
                open = false;
              });
              if (sim.random() < 0.3) await sleep(Math.floor(sim.random() * 3));
            }
          });
        }
        await openNursery((nursery) => {
          for (let worker = 0; worker < 5; worker++) {
            nursery.startSoon(async () => {
              for (let step = 0; step < 100; step++) {
                await moveOnAfter(Math.floor(sim.random() * 10), async () => {
                  const value = next++;
                  await hub.send(value);
                  sent.push(value);
                });
                await sleep(Math.floor(sim.random() * 3));
              }
            });
          }
        });
        hub.close();
      });
      assert(sent.length > 100, `${sent.length}`);
      for (const list of received) assertEquals(list.toSorted((a, b) => a - b), sent.toSorted((a, b) => a - b));
      assertEquals(received[1], received[0]);
      assertEquals(received[2], received[0]);
    }, { seed });
  }
});
