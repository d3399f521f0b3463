import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  BrokenResourceError,
  ClosedResourceError,
  EndOfChannel,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
} from "../mod.ts";

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

Deno.test(
  "close() is idempotent and synchronous: who is blocked has been told when it returns",
  simulated(async (sim) => {
    const [send, receive] = openMemoryChannel<number>(0);
    await openNursery(async (nursery) => {
      const ends: string[] = [];
      const note = (error: Error) => void ends.push(`${error.name}: ${error.message}`);
      for (let i = 0; i < 2; i++) nursery.startSoon(() => receive.receive().catch(note));
      await sim.settled();
      receive.close();
      assertEquals(receive.statistics().tasksWaitingReceive, 0);
      receive.close();
      assertEquals(send.statistics().openReceiveChannels, 0);
      const other = openMemoryChannel<number>(0);
      nursery.startSoon(() => other[0].send(1).catch(note));
      await sim.settled();
      other[0].close();
      await sim.settled();
      assertEquals(ends, [
        "ClosedResourceError: Cannot receive as this receiving end was closed meanwhile",
        "ClosedResourceError: Cannot receive as this receiving end was closed meanwhile",
        "ClosedResourceError: Cannot send as this sending end was closed meanwhile",
      ]);
    });
  }),
);

Deno.test(
  "errors come in this order: cancelled, closed by you, closed by the peer; no room is no error",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(0);
    assertEquals([send.trySend(1), receive.tryReceive()], [false, undefined]);
    receive.close();
    assertThrows(() => send.trySend(1), BrokenResourceError, "Cannot send as all receiving ends are closed");
    send.close();
    assertThrows(() => send.trySend(1), ClosedResourceError, "Cannot send as this sending end is closed");
    assertThrows(() => receive.tryReceive(), ClosedResourceError, "Cannot receive as this receiving end is closed");
    assert((await moveOnAfter(0, () => send.send(1))).cancelledCaught);
    assert((await moveOnAfter(0, () => receive.receive())).cancelledCaught);
    const [sender, receiver] = openMemoryChannel<number>(1);
    sender.trySend(7);
    sender.close();
    const clone = receiver.clone();
    receiver.close();
    assertThrows(() => receiver.tryReceive(), ClosedResourceError);
    assertEquals(clone.tryReceive(), 7);
    assertThrows(() => clone.tryReceive(), EndOfChannel);
  }),
);

Deno.test(
  "closing an end that the same task waits on is told to be a missing await",
  simulated(async () => {
    const [send, receive] = openMemoryChannel<number>(0);
    const sending = send.send(1);
    send.close();
    await assertRejects(
      () => sending,
      ClosedResourceError,
      "Cannot send as this sending end was closed meanwhile, by the very task that waits: is an await missing?",
    );
    const [, other] = openMemoryChannel<number>(0);
    const receiving = other.receive();
    other.close();
    await assertRejects(() => receiving, ClosedResourceError, "by the very task that waits: is an await missing?");
    receive.close();
  }),
);
