import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import { CancelScope, ClosedResourceError, EndOfChannel, moveOnAfter, openNursery, openWatch, sleep } from "../mod.ts";

Deno.test(
  "changed() waits for a change, gives the latest value, and skips those in between",
  simulated(async () => {
    const [send, receive] = openWatch(0, { name: "level" });
    assertEquals([send.value, receive.value], [0, 0]);
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(1);
        send.set(1);
        send.set(2);
      });
      assertEquals(await receive.changed(), 2);
      send.update((value) => value + 1);
      send.update((value) => value + 1);
      assertEquals(await receive.changed(), 4);
      assert((await moveOnAfter(5, () => receive.changed())).cancelledCaught);
    });
  }),
);

Deno.test(
  "a cancelled changed() has not seen the change; a change that came first wins",
  simulated(async () => {
    const [send, receive] = openWatch("old");
    send.set("new");
    assert((await moveOnAfter(0, () => receive.changed())).cancelledCaught);
    assertEquals(await receive.changed(), "new");
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      const waiter = nursery.startSoon(() => scope.run(() => receive.changed()));
      await sleep(1);
      send.set("newer");
      scope.cancel();
      assertEquals(await waiter.join(), { cancelledCaught: false, value: "newer" });
    });
  }),
);

Deno.test(
  "each receiver sees each change once; a clone has seen what the original has seen",
  simulated(async () => {
    const [send, first] = openWatch(0);
    send.set(1);
    const before = first.clone();
    await first.changed();
    const after = first.clone();
    assertEquals(await before.changed(), 1);
    assert((await moveOnAfter(1, () => after.changed())).cancelledCaught);
    assertEquals(first.value, 1);
  }),
);

Deno.test(
  "waitFor() returns at once if the value fulfils the condition, or as soon as it does",
  simulated(async (sim) => {
    const [send, receive] = openWatch<number | null>(5);
    assertEquals(await receive.waitFor((value) => value === 5), 5);
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        for (const value of [null, 1, 7, 20]) {
          await sleep(10);
          send.set(value);
        }
        send.close();
      });
      const value: number = await receive.waitFor((value): value is number => value !== null && value > 6);
      assertEquals([value, sim.now], [7, 30]);
      await assertRejects(
        () => receive.waitFor((value) => value === 100),
        EndOfChannel,
        "Cannot wait for a value as the watch was closed: its last value does not fulfil the condition",
      );
    });
    await assertRejects(() => receive.waitFor(5 as never), TypeError, '"condition" must be a function');
    assert((await moveOnAfter(0, () => receive.waitFor(() => true))).cancelledCaught);
  }),
);

Deno.test(
  "closing lets the last change be seen, then ends changed() and loops; setting is refused",
  simulated(async () => {
    const [send, receive] = openWatch("a");
    const seen: string[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        for await (const value of receive) seen.push(value);
      });
      nursery.startSoon(async () => {
        using _ = send;
        for (const value of ["b", "c"]) {
          send.set(value);
          await sleep(1);
        }
        send.set("d");
      });
    });
    assertEquals(seen, ["b", "c", "d"]);
    await assertRejects(
      () => receive.changed(),
      EndOfChannel,
      "Cannot wait for a change as the watch was closed: it will not change any more",
    );
    assertThrows(() => send.set("e"), ClosedResourceError, "Cannot set the value of a watch as it is closed");
    send.close();
  }),
);

Deno.test(
  "changedOrNull() gives changes, and null when the watch is closed, before or meanwhile",
  simulated(async (sim) => {
    const [sender, seen] = openWatch(0);
    const got: (number | null)[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        for (let n = 1; n <= 2; n++) {
          await sleep(1);
          sender.set(n);
        }
        await sleep(5);
        sender.close();
      });
      for (let value = await seen.changedOrNull(); value !== null; value = await seen.changedOrNull()) got.push(value);
    });
    assertEquals([got, sim.now, await seen.changedOrNull()], [[1, 2], 7, null]);
    assert((await moveOnAfter(0, () => seen.changedOrNull())).cancelledCaught);
  }),
);

Deno.test("WatchSender.update() refuses before it calls the function: a closed watch, and what is no function", () => {
  const [sender] = openWatch(0);
  assertThrows(() => sender.update(function* () {} as never), TypeError, "a generator function");
  sender.close();
  let called = false;
  assertThrows(() => sender.update((value) => (called = true, value)), ClosedResourceError, "as it is closed");
  assert(!called);
});
