import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import { Barrier, BrokenResourceError, CancelScope, moveOnAfter, openNursery, ParkingLot, sleep } from "../mod.ts";

Deno.test(
  "ParkingLot.unpark() wakes the longest-parked, and says whom",
  simulated(async () => {
    const lot = new ParkingLot({ name: "lot" });
    const order: string[] = [];
    await openNursery(async (nursery) => {
      for (const name of ["a", "b", "c", "d"]) {
        nursery.startSoon(async () => {
          await lot.park();
          order.push(name);
        }, { name });
      }
      await sleep(1);
      assertEquals([lot.size, lot.statistics().tasksWaiting], [4, 4]);
      assertEquals(lot.unpark(0), []);
      assertEquals(lot.unpark().map(({ name }) => name), ["a"]);
      assertEquals(lot.unpark(2).map(({ name }) => name), ["b", "c"]);
      assertEquals(lot.unparkAll().map(({ name }) => name), ["d"]);
      assertEquals(lot.unpark(Infinity), []);
    });
    assertEquals(order, ["a", "b", "c", "d"]);
  }),
);

Deno.test(
  "ParkingLot.repark() moves tasks to the end of another line, where they can be unparked and cancelled",
  simulated(async () => {
    const [from, to] = [new ParkingLot(), new ParkingLot()];
    const scope = new CancelScope();
    const order: string[] = [];
    const park = (name: string, lot: ParkingLot) => async () => {
      await lot.park();
      order.push(name);
    };
    await openNursery(async (nursery) => {
      nursery.startSoon(park("a", from));
      nursery.startSoon(() => scope.run(park("b", from)));
      nursery.startSoon(park("c", from));
      nursery.startSoon(park("z", to));
      await sleep(1);
      from.repark(to, 2);
      assertEquals([from.size, to.size], [1, 3]);
      scope.cancel();
      assertEquals([from.size, to.size], [1, 2]);
      from.reparkAll(to);
      to.unparkAll();
    });
    assertEquals(order, ["z", "a", "c"]);
    assertThrows(
      () => from.repark({} as ParkingLot),
      TypeError,
      'Cannot repark tasks as "lot" must be a ParkingLot: received object',
    );
    assertThrows(() => from.unpark(1.5), RangeError, 'Cannot unpark tasks as "count" must be a whole number >= 0');
    assertThrows(() => from.repark(to, NaN), RangeError, 'Cannot repark tasks as "count" must be a whole number >= 0');
  }),
);

Deno.test(
  "ParkingLot.breakLot() fails who is parked and who parks later, and says who did it",
  simulated(async () => {
    const lot = new ParkingLot();
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await assertRejects(
          () => lot.park(),
          BrokenResourceError,
          'Cannot park as the lot was broken for good: by task "vandal"',
        );
      });
      await sleep(1);
      nursery.startSoon(() => lot.breakLot(), { name: "vandal" });
    });
    assertEquals(lot.brokenBy.map(({ name }) => name), ["vandal"]);
    await assertRejects(() => lot.park(), BrokenResourceError, "vandal");
    assertThrows(() => new ParkingLot().repark(lot), BrokenResourceError, "vandal");
    assert((await moveOnAfter(0, () => lot.park())).cancelledCaught);
  }),
);

Deno.test(
  "Barrier lets all go on when the last has arrived, in their order, and can be used again at once",
  simulated(async (sim) => {
    const barrier = new Barrier(3, { name: "start" });
    const log: string[] = [];
    await openNursery((nursery) => {
      for (let i = 0; i < 6; i++) {
        nursery.startSoon(async () => {
          await sleep(i * 10);
          log.push(`${i}: ${await barrier.wait()} at ${sim.now}`);
        });
      }
    });
    assertEquals(log.filter((line) => line.endsWith("20")).sort(), ["0: 0 at 20", "1: 1 at 20", "2: 2 at 20"]);
    assertEquals(log.filter((line) => line.endsWith("50")).sort(), ["3: 0 at 50", "4: 1 at 50", "5: 2 at 50"]);
  }),
);

Deno.test(
  "Barrier: a cancelled task has not arrived, a barrier for one never waits, and one for none is refused",
  simulated(async (sim) => {
    const barrier = new Barrier(2);
    await openNursery(async (nursery) => {
      assert((await moveOnAfter(5, () => barrier.wait())).cancelledCaught);
      assertEquals(barrier.statistics(), { tasksWaiting: 0 });
      nursery.startSoon(() => barrier.wait());
      await sleep(1);
      assertEquals(barrier.statistics(), { tasksWaiting: 1 });
      assertEquals(await barrier.wait(), 1);
    });
    assertEquals(sim.now, 6);
    assertEquals([await new Barrier(1).wait(), barrier.parties], [0, 2]);
    assert((await moveOnAfter(0, () => new Barrier(1).wait())).cancelledCaught);
    for (const parties of [0, 1.5, NaN, Infinity]) {
      assertThrows(() => new Barrier(parties), RangeError, 'Cannot make a Barrier as "parties" must be a whole number');
    }
  }),
);
