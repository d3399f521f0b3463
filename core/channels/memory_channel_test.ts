import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  ClosedResourceError,
  EndOfChannel,
  isCancelled,
  moveOnAfter,
  openBroadcastChannel,
  openMemoryChannel,
  openNursery,
  sleep,
  taskTree,
} from "../mod.ts";

Deno.test(
  "openMemoryChannel(0): send() waits for its receiver",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<string>(0);
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await send.send("a");
        assertEquals(sim.now, 5);
      });
      await sleep(5);
      assertEquals(await receive.receive(), "a");
    });
  }),
);

Deno.test(
  "a full buffer blocks senders, and their values keep their order behind the buffer",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<number>(2);
    await openNursery(async (nursery) => {
      for (let n = 0; n < 5; n++) nursery.startSoon(() => send.send(n));
      await sim.settled();
      const { currentBufferUsed, tasksWaitingSend } = send.statistics();
      assertEquals([currentBufferUsed, tasksWaitingSend], [2, 3]);
      const got = Array.from({ length: 6 }, () => receive.tryReceive());
      assertEquals(got, [0, 1, 2, 3, 4, undefined]);
    });
    assertEquals(send.statistics(), {
      currentBufferUsed: 0,
      peakBufferUsed: 2,
      maxBufferSize: 2,
      openSendChannels: 1,
      openReceiveChannels: 1,
      tasksWaitingSend: 0,
      tasksWaitingReceive: 0,
    });
  }),
);

Deno.test(
  "who waits longest is served first",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<number>(0);
    const got: string[] = [];
    await openNursery(async (nursery) => {
      for (const name of ["a", "b", "c"]) {
        nursery.startSoon(async () => void got.push(`${name}${await receive.receive()}`));
      }
      await sim.settled();
      assertEquals([1, 2, 3, 4].map((n) => send.trySend(n)), [true, true, true, false]);
    });
    assertEquals(got, ["a1", "b2", "c3"]);
  }),
);

Deno.test(
  "a cancelled send was not sent, a cancelled receive took nothing",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<string>(0);
    await moveOnAfter(1, () => send.send("lost"));
    assertEquals(send.statistics().tasksWaitingSend, 0);
    await moveOnAfter(1, () => receive.receive());
    assertEquals(send.statistics().tasksWaitingReceive, 0);
    assertEquals(receive.tryReceive(), undefined);
    const [full, other] = openMemoryChannel<string>(1);
    full.trySend("kept");
    await moveOnAfter(0, () => other.receive());
    assertEquals(other.tryReceive(), "kept");
  }),
);

Deno.test(
  "a value handed over before the cancel arrives, in the reverse order it stays with the sender",
  simulated(async (sim) => {
    for (const first of ["send", "cancel"]) {
      const [send, receive] = openMemoryChannel<string>(1);
      await openNursery(async (nursery) => {
        const scope = new CancelScope();
        const task = nursery.startSoon(() => scope.run(() => receive.receive()));
        await sim.settled();
        if (first === "cancel") scope.cancel();
        send.trySend("value");
        scope.cancel();
        assertEquals((await task.join()).value, first === "send" ? "value" : undefined);
        if (first === "cancel") assertEquals(receive.tryReceive(), "value");
      });
    }
  }),
);

Deno.test("openMemoryChannel() refuses sizes that are none, and takes Infinity", () => {
  assertThrows(
    () => openMemoryChannel(-1),
    RangeError,
    'Cannot open a channel as "capacity" must be a whole number >= 0 or Infinity: received -1',
  );
  assertThrows(() => openMemoryChannel(1.5), RangeError, "received 1.5");
  assertThrows(() => openMemoryChannel(NaN), RangeError, "received NaN");
  assertThrows(
    () => openMemoryChannel("1" as never),
    TypeError,
    'Cannot open a channel as "capacity" must be a number: received "1"',
  );
  const [send, receive] = openMemoryChannel<number>(Infinity);
  for (let n = 0; n < 5_000; n++) send.trySend(n);
  for (let n = 0; n < 5_000; n++) assertEquals(receive.tryReceive(), n);
});

Deno.test("10,000 random operations with random cancellations lose and duplicate nothing", async () => {
  for (let seed = 1; seed <= 4; seed++) {
    await simulate(async (sim) => {
      const random = (below: number) => Math.floor(sim.random() * below);
      const [send, receive] = openMemoryChannel<number>(random(4));
      const sent: number[] = [];
      const got: number[] = [];
      let next = 0;
      await openNursery((nursery) => {
        for (let producer = 0; producer < 5; producer++) {
          const mine = send.clone();
          nursery.startSoon(async () => {
            using end = mine;
            for (let i = 0; i < 500; i++) {
              const value = next++;
              const outcome = await moveOnAfter(random(4), () => end.send(value));
              if (!outcome.cancelledCaught) sent.push(value);
              if (random(3) === 0) await sleep(random(3));
            }
          });
        }
        send.close();
        for (let consumer = 0; consumer < 4; consumer++) {
          nursery.startSoon(async () => {
            try {
              while (true) {
                const outcome = await moveOnAfter(random(4), () => receive.receive());
                if (!outcome.cancelledCaught) got.push(outcome.value);
                if (random(3) === 0) await sleep(random(3));
              }
            } catch (error) {
              if (!(error instanceof EndOfChannel)) throw error;
            }
          });
        }
      });
      const numeric = (a: number, b: number) => a - b;
      assertEquals(got.toSorted(numeric), sent.toSorted(numeric));
      assert(sent.length > 300);
      const { tasksWaitingReceive, tasksWaitingSend, currentBufferUsed, openSendChannels } = receive.statistics();
      assertEquals([tasksWaitingReceive, tasksWaitingSend, currentBufferUsed, openSendChannels], [0, 0, 0, 0]);
    }, { seed });
  }
});

Deno.test(
  "a send blocked in a cancelled nursery ends with it",
  simulated(async () => {
    const [send] = openMemoryChannel<number>(0);
    let seen: unknown;
    await openNursery(async (nursery) => {
      nursery.startSoon(() => send.send(1).catch((error) => seen = error));
      await sleep(1);
      nursery.cancel();
    });
    assert(isCancelled(seen));
  }),
);

Deno.test(
  "a value taken from the buffer makes room for the longest-blocked sender at once: nothing overtakes",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<number>(2);
    await openNursery(async (nursery) => {
      for (let n = 0; n < 4; n++) nursery.startSoon(() => send.send(n));
      await sim.settled();
      assertEquals(receive.tryReceive(), 0);
      const { currentBufferUsed, tasksWaitingSend } = send.statistics();
      assertEquals([currentBufferUsed, tasksWaitingSend], [2, 1]);
      assertEquals(send.trySend(9), false);
      assertEquals([receive.tryReceive(), receive.tryReceive(), receive.tryReceive()], [1, 2, 3]);
    });
  }),
);

Deno.test(
  "a value goes straight to a waiting receiver: the buffer, and nobody who asks later, sees it",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<string>(5);
    await openNursery(async (nursery) => {
      const waiting = nursery.startSoon(() => receive.receive());
      await sim.settled();
      send.trySend("first");
      assertEquals(receive.tryReceive(), undefined);
      assertEquals(send.statistics().peakBufferUsed, 0);
      send.trySend("second");
      assertEquals(receive.tryReceive(), "second");
      assertEquals(await waiting.join(), "first");
    });
  }),
);

Deno.test(
  "sends are ordered by when they were called, also several of one task",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(0);
    const sends = [1, 2, 3, 4].map((n) => send.send(n));
    const got = await Promise.all([receive.receive(), receive.receive(), receive.receive(), receive.receive()]);
    assertEquals(got, [1, 2, 3, 4]);
    await Promise.all(sends);
  }),
);

Deno.test(
  "clones are counted, share one channel, and each value goes to one of them",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<number>(0);
    const receivers = [receive, receive.clone(), receive.clone()];
    const senders = [send, send.clone()];
    const { openSendChannels, openReceiveChannels } = send.statistics();
    assertEquals([openSendChannels, openReceiveChannels, receive.statistics()], [2, 3, send.statistics()]);
    const got: number[][] = [[], [], []];
    await openNursery(async (nursery) => {
      receivers.forEach((end, at) =>
        nursery.startSoon(async () => {
          for await (const n of end) got[at]!.push(n);
        })
      );
      for (let n = 0; n < 9; n++) {
        await sim.settled();
        await senders[n % 2]!.send(n);
      }
      for (const end of senders) end.close();
    });
    assertEquals(got, [[0, 3, 6], [1, 4, 7], [2, 5, 8]]);
  }),
);

Deno.test(
  "undefined and null are values like any other",
  simulated(async (sim) => {
    for (const capacity of [0, 2]) {
      const [send, receive] = openMemoryChannel<undefined | null>(capacity);
      const got: unknown[] = [];
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          for await (const value of receive) got.push(value);
        });
        if (capacity > 0) await sim.settled();
        await send.send(undefined);
        await send.send(null);
        send.close();
      });
      assertEquals(got, [undefined, null]);
    }
  }),
);

Deno.test(
  "a channel shows its name and how full it is in the task tree",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const [jobs] = openMemoryChannel<number>(1, { name: "jobs" });
      jobs.trySend(1);
      nursery.startSoon(() => jobs.send(2), { name: "producer" });
      nursery.startSoon(() => openMemoryChannel(0)[1].receive(), { name: "consumer" });
      await sim.settled();
      const text = taskTree().toString();
      assert(text.includes('producer #2: send on channel "jobs" (1/1)'), text);
      assert(text.includes("consumer #3: receive from channel (no buffer)"), text);
      nursery.cancel();
    });
  }),
);

Deno.test(
  "receiveOrNull() gives the values, and null at the end, before or meanwhile; other ends are errors as in receive()",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<number>(1);
    const got: (number | null)[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        using _ = send;
        for (let n = 1; n <= 3; n++) await send.send(n);
        await sleep(5);
      });
      for (let value = await receive.receiveOrNull(); value !== null; value = await receive.receiveOrNull()) {
        got.push(value);
      }
    });
    assertEquals([got, sim.now, await receive.receiveOrNull()], [[1, 2, 3], 5, null]);
    const [other, closed] = openMemoryChannel<number>(1);
    assert((await moveOnAfter(1, () => closed.receiveOrNull())).cancelledCaught);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => assertRejects(() => closed.receiveOrNull(), ClosedResourceError, "closed meanwhile"));
      await sleep(1);
      closed.close();
    });
    await assertRejects(() => closed.receiveOrNull(), ClosedResourceError);
    other.close();
    const news = openBroadcastChannel<number>(1);
    const subscription = news.subscribe();
    news.trySend(1);
    news.close();
    assertEquals([await subscription.receiveOrNull(), await subscription.receiveOrNull()], [1, null]);
  }),
);
