import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  Barrier,
  BrokenResourceError,
  CancelScope,
  currentTask,
  moveOnAfter,
  openNursery,
  shielded,
  sleep,
  type Task,
} from "../mod.ts";
import { ParkingLot } from "../lowlevel.ts";

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
      'Cannot repark tasks as "lot" must be a ParkingLot: received an object of type Object',
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
          'Cannot park as the lot was broken for good: by task "vandal" #3',
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
  "ParkingLot: the end of a breaker breaks it, however it ends; a breaker that was removed in time does not",
  simulated(async (sim) => {
    for (const end of ["returns", "throws", "is cancelled"]) {
      const lot = new ParkingLot();
      const start = sim.now;
      await openNursery(async (nursery) => {
        const breaker = nursery.startSoon(async () => {
          lot.addBreaker();
          await sleep(5);
          if (end === "throws") throw new RangeError("mine");
          if (end === "is cancelled") currentTask().cancel();
          await sleep(0);
        }, { name: "owner" });
        nursery.startSoon(() =>
          shielded(() =>
            assertRejects(
              () => lot.park(),
              BrokenResourceError,
              'Cannot park as the lot was broken for good: by task "owner" #',
            )
          )
        );
        await shielded(() => breaker.join().catch(() => {}));
      }).catch((error) => assert(end === "throws" && error.errors[0] instanceof RangeError, `${error}`));
      assertEquals([sim.now - start, lot.brokenBy.map(({ name }) => name)], [5, ["owner"]]);
    }
    const lot = new ParkingLot();
    await openNursery(async (nursery) => {
      await nursery.startSoon(() => {
        lot.addBreaker();
        lot.addBreaker();
        lot.removeBreaker();
        lot.removeBreaker();
      }).join();
    });
    assertEquals(lot.brokenBy, []);
  }),
);

Deno.test(
  "ParkingLot: breakers count for each task, and each one that ends is noted once",
  simulated(async () => {
    const lot = new ParkingLot();
    await openNursery((nursery) => {
      const twice = nursery.startSoon(() => sleep(1), { name: "twice" });
      const once = nursery.startSoon(() => sleep(2), { name: "once" });
      for (const task of [twice, twice, once]) lot.addBreaker(task);
      lot.removeBreaker(twice);
    });
    assertEquals(lot.brokenBy.map(({ name }) => name), ["twice", "once"]);
    await assertRejects(() => lot.park(), BrokenResourceError, 'by task "twice" #2, task "once" #3');
  }),
);

Deno.test(
  "ParkingLot refuses breakers that have ended, were not added, or are no tasks",
  simulated(async () => {
    const lot = new ParkingLot();
    const ended = await openNursery((nursery) => nursery.startSoon(() => {}, { name: "gone" }));
    assertThrows(
      () => lot.addBreaker(ended),
      BrokenResourceError,
      'Cannot add a breaker as the task must be running: task "gone" #2 has ended',
    );
    assertThrows(
      () => lot.removeBreaker(),
      TypeError,
      'Cannot remove a breaker as the task must have been added: task "main" #1 is not there',
    );
    for (
      const [action, call] of Object.entries({
        "break the lot": (task: Task) => lot.breakLot(task),
        "add a breaker": (task: Task) => lot.addBreaker(task),
        "remove a breaker": (task: Task) => lot.removeBreaker(task),
      })
    ) {
      assertThrows(() => call({} as Task), TypeError, `Cannot ${action} as "task" must be a task: received an object`);
    }
    assertEquals(lot.brokenBy, []);
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
