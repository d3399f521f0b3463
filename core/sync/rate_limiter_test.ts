import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import { CancelScope, moveOnAfter, openNursery, RateLimiter, run, sleep } from "../mod.ts";
import type { Clock } from "../lowlevel.ts";

Deno.test(
  "RateLimiter spaces calls evenly, at exact times, and does not save up more than its burst",
  simulated(async (sim) => {
    const limiter = new RateLimiter(3);
    const times: number[] = [];
    for (let i = 0; i < 4; i++) {
      await limiter.acquire();
      times.push(sim.now);
    }
    assertEquals(times, [0, 1_000 / 3, 2_000 / 3, 1_000]);
    await sleep(10_000);
    await limiter.acquire();
    assertEquals(sim.now, 11_000);
    await limiter.acquire();
    assertEquals(sim.now, 11_000 + 1_000 / 3);
  }),
);

Deno.test(
  "RateLimiter lets a burst through after a pause, and counts what is left",
  simulated(async (sim) => {
    const limiter = new RateLimiter(10, { burst: 5, per: 100 });
    const times: number[] = [];
    for (let i = 0; i < 7; i++) {
      await limiter.acquire();
      times.push(sim.now);
    }
    assertEquals(times, [0, 0, 0, 0, 0, 10, 20]);
    await sleep(25);
    assertEquals(limiter.statistics(), { tasksWaiting: 0, available: 2.5 });
    assertEquals([limiter.tryAcquire(2), limiter.tryAcquire()], [true, false]);
  }),
);

Deno.test(
  "RateLimiter serves strictly in order: a small request does not overtake a large one, waiting or not",
  simulated(async (sim) => {
    const limiter = new RateLimiter(1, { per: 10, burst: 4 });
    limiter.tryAcquire(4);
    const log: string[] = [];
    await openNursery(async (nursery) => {
      for (const [name, count] of [["large", 4], ["small", 1], ["middle", 2]] as const) {
        nursery.startSoon(async () => {
          await limiter.acquire(count);
          log.push(`${name} ${sim.now}`);
        });
      }
      await sleep(15);
      assertEquals(limiter.statistics().tasksWaiting, 3);
      assertEquals(limiter.tryAcquire(), false);
    });
    assertEquals(log, ["large 40", "small 50", "middle 70"]);
  }),
);

Deno.test(
  "RateLimiter: when the first in line is cancelled the next moves up, and nothing is used up",
  simulated(async (sim) => {
    const limiter = new RateLimiter(1, { per: 10, burst: 3 });
    limiter.tryAcquire(3);
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.run(() => limiter.acquire(3)));
      const second = nursery.startSoon(async () => {
        await limiter.acquire(1);
        return sim.now;
      });
      await sleep(15);
      scope.cancel();
      assertEquals(await second.join(), 15);
      assertEquals(limiter.statistics(), { tasksWaiting: 0, available: 0.5 });
      assert((await moveOnAfter(2, () => limiter.acquire())).cancelledCaught);
      await limiter.acquire();
      assertEquals(sim.now, 20);
    });
    assert((await moveOnAfter(0, () => limiter.acquire())).cancelledCaught);
  }),
);

Deno.test("RateLimiter made outside serves one run after another, each on its own clock, but not two at once", async () => {
  const limiter = new RateLimiter(1);
  const second = async () => {
    await limiter.acquire();
    await limiter.acquire();
  };
  for (let i = 0; i < 2; i++) {
    await simulate(async (sim) => {
      await second();
      assertEquals(sim.now, 1_000);
    });
  }
  await simulate(() =>
    openNursery(async (nursery) => {
      nursery.startSoon(second);
      await sleep(1);
      await assertRejects(
        async () => await simulateOutside(() => limiter.acquire()),
        TypeError,
        "Cannot acquire as a RateLimiter can be waited for in one run at a time: make one for each run",
      );
    })
  );
});

/** Calls a function as code outside any run would. */
const simulateOutside = <T>(fn: () => T): T => OUTSIDE(fn);
const { AsyncLocalStorage } = await import("node:async_hooks");
const OUTSIDE = AsyncLocalStorage.snapshot() as <T>(fn: () => T) => T;

Deno.test("RateLimiter refuses rates and counts that are none, before any effect", async () => {
  for (const rate of [0, -1, NaN, Infinity]) {
    assertThrows(
      () => new RateLimiter(rate),
      RangeError,
      `Cannot make a RateLimiter as "rate" must be a finite number > 0: received ${rate}`,
    );
    assertThrows(() => new RateLimiter(1, { per: rate }), RangeError, '"per" must be a finite number > 0');
  }
  assertThrows(() => new RateLimiter("1" as never), TypeError, '"rate" must be a number: received "1"');
  for (const burst of [0, 1.5, NaN]) assertThrows(() => new RateLimiter(1, { burst }), RangeError, '"burst" must be');
  const limiter = new RateLimiter(1, { burst: 2 });
  for (const count of [0, 3, 1.5, NaN]) {
    await assertRejects(
      () => limiter.acquire(count),
      RangeError,
      'Cannot acquire as "count" must be a whole number from 1 to 2',
    );
    assertThrows(() => limiter.tryAcquire(count), RangeError, 'Cannot acquire as "count"');
  }
});

Deno.test("RateLimiter: over 10,000 random requests with cancellations no period sees more than its rate and burst", async () => {
  for (let seed = 1; seed <= 5; seed++) {
    await simulate(async (sim) => {
      const limiter = new RateLimiter(5, { per: 100, burst: 3 });
      const taken: [at: number, count: number][] = [];
      await openNursery((nursery) => {
        for (let worker = 0; worker < 10; worker++) {
          nursery.startSoon(async () => {
            for (let step = 0; step < 200; step++) {
              const count = 1 + Math.floor(sim.random() * 3);
              await moveOnAfter(Math.floor(sim.random() * 500), async () => {
                await limiter.acquire(count);
                taken.push([sim.now, count]);
              });
              await sleep(Math.floor(sim.random() * 50));
            }
          });
        }
      });
      assert(taken.length > 300, `${taken.length}`);
      for (const [start] of taken) {
        const inPeriod = taken.filter(([at]) => at >= start && at < start + 100);
        const sum = inPeriod.reduce((sum, [, count]) => sum + count, 0);
        assert(sum <= 5 + 3, `${sum} in the period from ${start}`);
      }
      assertEquals(limiter.statistics().tasksWaiting, 0);
    }, { seed });
  }
});

Deno.test(
  "a full RateLimiter serves at once at any time, however that rounds",
  simulated(async () => {
    for (let rate = 1; rate < 2_000; rate++) {
      await sleep(0.37);
      new RateLimiter(rate, { burst: 3 }).tryAcquire(3);
    }
  }),
);

Deno.test("RateLimiter: a clock that throws fails those who ask it, and leaves nobody in line", async () => {
  let broken = false;
  let ring: (() => void) | undefined;
  const clock: Clock = {
    now: () => {
      if (broken) throw new Error("no time");
      return 0;
    },
    wall: () => 0,
    at: (deadline, fire, arg) => {
      ring = () => fire(arg);
      return { deadline, cancel: () => {} };
    },
  };
  await run(async () => {
    const limiter = new RateLimiter(1);
    await limiter.acquire();
    const first = limiter.acquire();
    const second = limiter.acquire();
    broken = true;
    ring?.();
    await assertRejects(() => first, Error, "no time");
    await assertRejects(() => second, Error, "no time");
    await assertRejects(() => limiter.acquire(), Error, "no time");
    broken = false;
    assertEquals(limiter.statistics().tasksWaiting, 0);
  }, { clock, handleSignals: false });
});
