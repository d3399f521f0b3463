import { assert, assertEquals, assertRejects } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  checkpoint,
  currentEffectiveDeadline,
  currentTime,
  moveOnAfter,
  moveOnAt,
  openNursery,
  shielded,
  sleep,
  sleepForever,
  sleepUntil,
} from "../mod.ts";
import { currentRun } from "../lowlevel.ts";

Deno.test(
  "sleep() wakes at the exact moment, in the order of deadlines, and of creation among equal ones",
  simulated(async (sim) => {
    const order: string[] = [];
    await openNursery((nursery) => {
      for (const [name, ms] of [["c", 3.5], ["a", 1], ["b", 2], ["a2", 1], ["d", 3.5]] as const) {
        nursery.startSoon(async () => {
          await sleep(ms);
          order.push(`${name} ${sim.now}`);
        });
      }
    });
    assertEquals(order, ["a 1", "a2 1", "b 2", "c 3.5", "d 3.5"]);
  }),
);

Deno.test("sleep() takes lengths beyond those of host timers, and past the edge of 32 bits", async () => {
  const year = 365 * 24 * 3_600_000;
  await simulate(async (sim) => {
    for (const ms of [2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, year]) {
      const start = sim.now;
      await sleep(ms);
      assertEquals(sim.now - start, ms);
    }
  }, { maxVirtual: Infinity });
});

Deno.test(
  "sleep(0) and sleepUntil() a moment that has passed are checkpoints: others run, time does not",
  simulated(async (sim) => {
    await sleep(10);
    for (const wait of [() => sleep(0), () => sleepUntil(10), () => sleepUntil(5), () => sleepUntil(-Infinity)]) {
      let others = false;
      await openNursery(async (nursery) => {
        nursery.startSoon(() => void (others = true));
        await wait();
        assert(others);
      });
      assertEquals(sim.now, 10);
      assert((await moveOnAfter(0, wait)).cancelledCaught);
    }
  }),
);

Deno.test(
  "sleepUntil() does not drift, whatever happens between",
  simulated(async (sim) => {
    const beats: number[] = [];
    for (let beat = 10; beat <= 40; beat += 10) {
      await sleepUntil(beat);
      beats.push(sim.now);
      await sleep(3);
    }
    assertEquals(beats, [10, 20, 30, 40]);
  }),
);

Deno.test(
  "sleep(Infinity), sleepUntil(Infinity) and sleepForever() end by cancellation alone",
  simulated(async (sim) => {
    for (const wait of [() => sleep(Infinity), () => sleepUntil(Infinity), () => sleepForever()]) {
      assert((await moveOnAfter(1_000, wait)).cancelledCaught);
    }
    assertEquals(sim.now, 3_000);
  }),
);

Deno.test(
  "a cancelled sleep can be made again, and leaves no alarm behind",
  simulated(async (sim) => {
    await moveOnAfter(5, () => sleep(1_000));
    assertEquals(sim.now, 5);
    await sleep(1_000);
    assertEquals(sim.now, 1_005);
    await moveOnAfter(5, () => Promise.all([sleep(7), sleep(8), sleepUntil(9_999)]));
    assertEquals(sim.now, 1_010);
    await sim.settled();
    assertEquals(sim.now, 1_010);
  }),
);

Deno.test(
  "a sleep that is over before the cancel returns; the next wait throws",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery((nursery) => {
      const scope = new CancelScope();
      nursery.startSoon(() =>
        scope.run(async () => {
          await sleep(5);
          log.push(`slept until ${sim.now}`);
          scope.cancel();
          log.push("went on");
          await sleep(5);
        })
      );
    });
    assertEquals([log, sim.now], [["slept until 5", "went on"], 5]);
  }),
);

Deno.test(
  "several sleeps of one task run side by side",
  simulated(async (sim) => {
    const first = await Promise.race([sleep(30).then(() => "slow"), sleep(10).then(() => "quick")]);
    assertEquals([first, sim.now], ["quick", 10]);
    await Promise.all([sleep(5), sleep(7)]);
    assertEquals(sim.now, 17);
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test(
  "currentTime() is the run's, and the same in every scope and task",
  simulated(async (sim) => {
    assertEquals(currentTime(), 0);
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await sleep(2.5);
        await shielded(() => assertEquals(currentTime(), 2.5));
      });
    });
    assertEquals([currentTime(), currentRun().clock.now(), sim.now], [2.5, 2.5, 2.5]);
  }),
);

Deno.test(
  "currentEffectiveDeadline() is the earliest out to the nearest shield, that one included",
  simulated(async () => {
    assertEquals(currentEffectiveDeadline(), Infinity);
    await moveOnAt(50, async (outer) => {
      assertEquals(currentEffectiveDeadline(), 50);
      await moveOnAt(100, () => assertEquals(currentEffectiveDeadline(), 50));
      await moveOnAt(20, (inner) => {
        assertEquals(currentEffectiveDeadline(), 20);
        inner.deadline = 70;
        assertEquals(currentEffectiveDeadline(), 50);
        inner.shield = true;
        assertEquals(currentEffectiveDeadline(), 70);
      });
      await shielded(() => assertEquals(currentEffectiveDeadline(), Infinity));
      await shielded(() => moveOnAt(9, () => assertEquals(currentEffectiveDeadline(), 9)), { timeout: 30 });
      await openNursery((nursery) => {
        nursery.startSoon(() => assertEquals(currentEffectiveDeadline(), 50));
      });
      outer.deadline = Infinity;
      assertEquals(currentEffectiveDeadline(), Infinity);
    });
  }),
);

Deno.test(
  "currentEffectiveDeadline() is -Infinity once cancelled, except under a shield",
  simulated(async () => {
    await moveOnAfter(1_000, async (scope) => {
      scope.cancel();
      assertEquals(currentEffectiveDeadline(), -Infinity);
      await shielded(() => assertEquals(currentEffectiveDeadline(), 5), { timeout: 5 });
      await moveOnAfter(5, () => assertEquals(currentEffectiveDeadline(), -Infinity));
    });
    await openNursery(async (nursery) => {
      nursery.startSoon(() => assertEquals(currentEffectiveDeadline(), -Infinity));
      nursery.cancel();
      await checkpoint().catch(() => {});
    });
  }),
);

Deno.test(
  "sleep() and sleepUntil() refuse times that are none",
  simulated(async (sim) => {
    const rows: [() => Promise<void>, string][] = [
      [() => sleep(-1), 'Cannot sleep as "ms" must be >= 0: received -1'],
      [() => sleep(NaN), 'Cannot sleep as "ms" must be >= 0: received NaN'],
      [() => sleepUntil(NaN), 'Cannot sleep as "deadline" must be a time in milliseconds: received NaN'],
    ];
    for (const [call, message] of rows) {
      const error = await assertRejects(call, RangeError);
      assertEquals(error.message, message);
    }
    const error = await assertRejects(() => sleep("5" as never), TypeError);
    assertEquals(error.message, 'Cannot sleep as "ms" must be a number: received "5"');
    assertEquals(sim.now, 0);
    // A mistake is a mistake in a cancelled scope, too.
    await moveOnAfter(0, () => assertRejects(() => sleep(-1), RangeError));
  }),
);
