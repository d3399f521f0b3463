import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulate, simulated } from "../testing/mod.ts";
import {
  BrokenResourceError,
  CancelScope,
  ClosedResourceError,
  EndOfChannel,
  isCancelled,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  sleep,
  WouldBlock,
} from "./mod.ts";

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
      const got: number[] = [];
      for (let n = 0; n < 5; n++) got.push(receive.tryReceive());
      assertEquals(got, [0, 1, 2, 3, 4]);
      assertThrows(() => receive.tryReceive(), WouldBlock, "Cannot receive without waiting as the channel is empty");
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
      for (let n = 1; n <= 3; n++) send.trySend(n);
      assertThrows(
        () => send.trySend(4),
        WouldBlock,
        "Cannot send without waiting as the channel is full and nobody is receiving",
      );
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
    assertThrows(() => receive.tryReceive(), WouldBlock);
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

Deno.test(
  "the channel ends when the last sender is closed, after the buffer",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(5);
    const second = send.clone();
    send.trySend(1);
    send.close();
    second.trySend(2);
    second.close();
    second.close();
    const got: number[] = [];
    for await (const n of receive) got.push(n);
    assertEquals(got, [1, 2]);
    await assertRejects(
      () => receive.receive(),
      EndOfChannel,
      "Cannot receive as all sending ends are closed and everything sent was received",
    );
    assertThrows(() => receive.tryReceive(), EndOfChannel);
  }),
);

Deno.test(
  "closing the last end wakes the other side; closing one end wakes only those blocked on it",
  simulated(async (sim) => {
    const ends: string[] = [];
    const note = (name: string) => (error: unknown) => void ends.push(`${name} ${(error as Error).name}`);
    await openNursery(async (nursery) => {
      const [send, receive] = openMemoryChannel<number>(0);
      const clone = receive.clone();
      nursery.startSoon(() => receive.receive().catch(note("first")));
      nursery.startSoon(() => clone.receive().catch(note("clone")));
      await sim.settled();
      receive.close();
      await sim.settled();
      assertEquals(ends.splice(0), ["first ClosedResourceError"]);
      send.close();
      await sim.settled();
      assertEquals(ends.splice(0), ["clone EndOfChannel"]);

      const [send2, receive2] = openMemoryChannel<number>(1);
      const sender = send2.clone();
      send2.trySend(0);
      nursery.startSoon(() => send2.send(1).catch(note("first")));
      nursery.startSoon(() => sender.send(2).catch(note("clone")));
      await sim.settled();
      send2.close();
      await sim.settled();
      assertEquals(ends.splice(0), ["first ClosedResourceError"]);
      receive2.close();
      await sim.settled();
      assertEquals(ends.splice(0), ["clone BrokenResourceError"]);
      assertEquals(sender.statistics().currentBufferUsed, 0, "the buffer is thrown away");
    });
  }),
);

Deno.test(
  "use after close, sending to nobody, cloning a closed end: each its own error",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(1);
    receive.close();
    await assertRejects(() => send.send(1), BrokenResourceError, "Cannot send as all receiving ends are closed");
    assertThrows(() => send.trySend(1), BrokenResourceError);
    send.close();
    await assertRejects(() => send.send(1), ClosedResourceError, "Cannot send as this sending end is closed");
    await assertRejects(() => receive.receive(), ClosedResourceError, "Cannot receive as this receiving end is closed");
    assertThrows(() => send.clone(), ClosedResourceError, "Cannot clone this sending end as it is closed");
    assertThrows(() => receive.clone(), ClosedResourceError, "Cannot clone this receiving end as it is closed");
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

Deno.test(
  "using closes an end, and leaving a loop early does not",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(3);
    {
      using end = send;
      for (const n of [1, 2, 3]) end.trySend(n);
    }
    for await (const n of receive) if (n === 2) break;
    assertEquals(await receive.receive(), 3);
  }),
);

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
