import { assert, assertEquals, assertRejects } from "@std/assert";
import { checkpoint, currentTime, Event, moveOnAfter, openNursery, run, sleep, sleepForever } from "../../core/mod.ts";
import { MockClock, settled, simulated } from "../mod.ts";

// settled() in simulated time, in real time, and with a clock that jumps.

for (
  const [where, around] of [
    ["a simulation", (fn: () => Promise<void>) => simulated(fn)()],
    ["a run", (fn: () => Promise<void>) => run(fn)],
    ["no run", (fn: () => Promise<void>) => fn()],
  ] as const
) {
  Deno.test(`in ${where}, settled() returns when what was set off has run, however many steps it took`, () =>
    around(async () => {
      await openNursery(async (nursery) => {
        let steps = 0;
        const go = new Event();
        nursery.startSoon(async () => {
          await go.wait();
          for (; steps < 1_000; steps++) await checkpoint();
          await sleepForever();
        });
        await settled();
        assertEquals(steps, 0);
        go.set();
        await settled();
        assertEquals(steps, 1_000);
        nursery.cancel();
      });
    }));

  Deno.test(`in ${where}, several settle at the same time, and the smallest cushion comes first`, () =>
    around(async () => {
      const log: string[] = [];
      await openNursery((nursery) => {
        for (const [name, cushion] of [["c", 2], ["a", 0], ["d", 2], ["b", 0]] as const) {
          nursery.startSoon(async () => {
            await settled({ cushion });
            log.push(name);
          });
        }
      });
      assertEquals(log.join(""), "abcd");
    }));

  Deno.test(`in ${where}, a settled() that is cancelled is forgotten`, () =>
    around(async () => {
      const outcome = await moveOnAfter(60_000, async (scope) => {
        const waiting = settled();
        scope.cancel();
        await waiting;
      });
      assert(outcome.cancelledCaught);
      await settled();
    }));

  Deno.test(`in ${where}, settled() in a cancelled scope is refused`, () =>
    around(async () => {
      assert((await moveOnAfter(0, () => settled())).cancelledCaught);
    }));
}

Deno.test("in real time, a task that runs again within the cushion makes it begin anew", () =>
  run(() =>
    openNursery(async (nursery) => {
      let ticks = 0;
      nursery.startSoon(async () => {
        for (; ticks < 50; ticks++) {
          const event = new Event();
          setImmediate(() => setImmediate(() => event.set()));
          await event.wait();
        }
        await sleepForever();
      });
      await settled({ cushion: 100 });
      assertEquals(ticks, 50);
      nursery.cancel();
    })
  ));

Deno.test("in real time, a task in a promise the library does not own is waited for", () =>
  run(() =>
    openNursery(async (nursery) => {
      let done = false;
      nursery.startSoon(async () => {
        for (let i = 0; i < 50; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
        done = true;
      });
      await settled();
      assert(done);
    })
  ));

Deno.test("settled() comes before a jump of the clock, whatever its cushion", () =>
  run(() =>
    openNursery(async (nursery) => {
      const log: [string, number][] = [];
      for (const cushion of [0, 5]) {
        nursery.startSoon(async () => {
          await settled({ cushion });
          log.push([`cushion ${cushion}`, currentTime()]);
        });
      }
      await sleep(10);
      log.push(["sleep", currentTime()]);
      assertEquals(log, [["cushion 0", 0], ["cushion 5", 0], ["sleep", 10]]);
    }), { clock: new MockClock({ autojumpThreshold: 0 }) }));

Deno.test("a cushion that is no length of time is refused", async () => {
  for (const cushion of [-1, NaN]) {
    const error = await assertRejects(() => settled({ cushion }), RangeError);
    assertEquals(error.message, `Cannot settle as "cushion" must be >= 0: received ${cushion}`);
  }
});
