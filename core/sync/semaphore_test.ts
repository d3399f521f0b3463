import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  CapacityLimiter,
  moveOnAfter,
  openNursery,
  type ReleaseGuard,
  Semaphore,
  sleep,
  WouldBlock,
} from "../mod.ts";

Deno.test(
  "Semaphore lets in as many as its value, in the order in which they asked",
  simulated(async (sim) => {
    const semaphore = new Semaphore(2);
    const log: string[] = [];
    await openNursery((nursery) => {
      for (const name of ["a", "b", "c", "d", "e"]) {
        nursery.startSoon(async () => {
          using _guard = await semaphore.acquire();
          log.push(`${name} ${sim.now}`);
          await sleep(10);
        });
      }
    });
    assertEquals(log, ["a 0", "b 0", "c 10", "d 10", "e 20"]);
    assertEquals(semaphore.value, 2);
  }),
);

Deno.test(
  "Semaphore.release() hands over in the call, without touching the value, and above the maximum only to who waits",
  simulated(async () => {
    const semaphore = new Semaphore(0, { max: 1 });
    await openNursery(async (nursery) => {
      nursery.startSoon(() => semaphore.acquire());
      await sleep(1);
      assertEquals(semaphore.statistics(), { tasksWaiting: 1 });
      semaphore.release();
      assertEquals([semaphore.value, semaphore.statistics().tasksWaiting], [0, 0]);
      assertThrows(() => semaphore.tryAcquire(), WouldBlock, "without waiting as its value is 0");
    });
    semaphore.release();
    assertEquals(semaphore.value, 1);
    assertThrows(
      () => semaphore.release(),
      RangeError,
      "Cannot release the semaphore as its value must be <= 1: it is that already",
    );
  }),
);

Deno.test(
  "Semaphore: cancelled waits take nothing; what was granted first is theirs",
  simulated(async () => {
    const semaphore = new Semaphore(0);
    const [lost, won] = [new CancelScope(), new CancelScope()];
    await openNursery(async (nursery) => {
      const first = nursery.startSoon(() => lost.run(() => semaphore.acquire()));
      const second = nursery.startSoon(() => won.run(() => semaphore.acquire()));
      await sleep(1);
      lost.cancel();
      semaphore.release();
      won.cancel();
      assert((await first.join()).cancelledCaught);
      const outcome = await second.join();
      assert(!outcome.cancelledCaught);
      outcome.value.release();
    });
    assertEquals([semaphore.value, semaphore.statistics().tasksWaiting], [1, 0]);
    assert((await moveOnAfter(0, () => semaphore.acquire())).cancelledCaught);
    assertEquals(semaphore.value, 1);
  }),
);

Deno.test("Semaphore: a guard releases once", () => {
  const semaphore = new Semaphore(1);
  const guard = semaphore.tryAcquire();
  guard.release();
  guard.release();
  guard[Symbol.dispose]();
  assertEquals(semaphore.value, 1);
});

Deno.test("Semaphore refuses values that are none", () => {
  for (const value of [-1, 1.5, NaN]) {
    assertThrows(() => new Semaphore(value), RangeError, '"value" must be a whole number');
  }
  assertThrows(() => new Semaphore("1" as never), TypeError, 'Cannot make a Semaphore as "value" must be a number');
  assertThrows(() => new Semaphore(1, { max: -1 }), RangeError, '"max" must be a whole number');
  assertThrows(
    () => new Semaphore(2, { max: 1 }),
    RangeError,
    'Cannot make a Semaphore as "value" must be <= "max" (1): received 2',
  );
  assertEquals([new Semaphore(1).max, new Semaphore(Infinity).value], [Infinity, Infinity]);
});

Deno.test(
  "CapacityLimiter: tokens go to borrowers, in the order in which they asked, and are counted",
  simulated(async (sim) => {
    const limiter = new CapacityLimiter(2);
    const log: string[] = [];
    await openNursery(async (nursery) => {
      for (const name of ["a", "b", "c"]) {
        nursery.startSoon(async () => {
          using _token = await limiter.acquire();
          log.push(`${name} ${sim.now}`);
          await sleep(10);
        }, { name });
      }
      await sleep(1);
      const { borrowers, ...numbers } = limiter.statistics();
      assertEquals(numbers, { borrowedTokens: 2, totalTokens: 2, tasksWaiting: 1 });
      assertEquals(borrowers.map((task) => (task as { name: string }).name), ["a", "b"]);
      assertEquals(limiter.availableTokens, 0);
      assertThrows(
        () => limiter.tryAcquire(),
        WouldBlock,
        "Cannot acquire without waiting as all 2 tokens are borrowed",
      );
    });
    assertEquals(log, ["a 0", "b 0", "c 10"]);
    assertEquals(limiter.borrowedTokens, 0);
  }),
);

Deno.test(
  "CapacityLimiter: raising the limit serves who waits at once, lowering it serves nobody until enough came back",
  simulated(async () => {
    const limiter = new CapacityLimiter(0);
    const tokens: ReleaseGuard[] = [];
    await openNursery(async (nursery) => {
      for (let i = 0; i < 5; i++) {
        nursery.startSoon(async () => void tokens.push(await limiter.acquire({ onBehalfOf: i })));
      }
      await sleep(1);
      assertEquals([limiter.borrowedTokens, limiter.statistics().tasksWaiting], [0, 5]);
      limiter.totalTokens = 3;
      assertEquals([limiter.borrowedTokens, limiter.statistics().tasksWaiting], [3, 2]);
      await sleep(1);
      limiter.totalTokens = 1;
      assertEquals(limiter.availableTokens, -2);
      tokens[0]!.release();
      tokens[1]!.release();
      assertEquals([limiter.borrowedTokens, limiter.statistics().tasksWaiting], [1, 2]);
      tokens[2]!.release();
      assertEquals([limiter.borrowedTokens, limiter.statistics().tasksWaiting], [1, 1]);
      limiter.totalTokens = Infinity;
      assertEquals([limiter.borrowedTokens, limiter.statistics().tasksWaiting], [2, 0]);
    });
    for (const token of tokens) token.release();
    assertEquals(limiter.borrowedTokens, 0);
  }),
);

Deno.test(
  "CapacityLimiter: one token for each borrower, who may be anything; misuse is refused at the call",
  simulated(async () => {
    const limiter = new CapacityLimiter(1);
    const client = { name: "client 7" };
    using _mine = await limiter.acquire({ onBehalfOf: client });
    await assertRejects(
      () => limiter.acquire({ onBehalfOf: client }),
      TypeError,
      'Cannot acquire as each borrower can have one token: "client 7" has one already, say acquire({ onBehalfOf }) to borrow for another',
    );
    assertThrows(() => limiter.tryAcquire({ onBehalfOf: client }), TypeError, "has one already");
    await openNursery(async (nursery) => {
      nursery.startSoon(() => limiter.acquire({ onBehalfOf: "later" }));
      await sleep(1);
      // Trio lets both in, on one token.
      await assertRejects(
        () => limiter.acquire({ onBehalfOf: "later" }),
        TypeError,
        '"later" is waiting for one already',
      );
      nursery.cancel();
    });
    assertEquals(limiter.statistics().tasksWaiting, 0);
    assertThrows(
      () => limiter.release(),
      TypeError,
      'Cannot release as the borrower must have a token: "main" has none',
    );
    limiter.release({ onBehalfOf: client });
    assertEquals(limiter.borrowedTokens, 0);
    using _again = await limiter.acquire({ onBehalfOf: "later" });
    for (const total of [-1, 0.5, NaN]) {
      assertThrows(() => new CapacityLimiter(total), RangeError, '"totalTokens" must be a whole number');
      assertThrows(() => limiter.totalTokens = total, RangeError, 'Cannot set the limit as "totalTokens"');
    }
  }),
);

Deno.test(
  "CapacityLimiter: a token given back late, after its borrower has borrowed again, changes nothing",
  simulated(async () => {
    const limiter = new CapacityLimiter(1);
    const first = await limiter.acquire();
    first.release();
    using _second = await limiter.acquire();
    first.release();
    assertEquals(limiter.borrowedTokens, 1);
  }),
);

Deno.test("CapacityLimiter: 10,000 random steps with cancellations and resizing never exceed the limit, nor strand anybody", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    await simulate(async (sim) => {
      const limiter = new CapacityLimiter(3);
      let inside = 0;
      let served = 0;
      await openNursery((nursery) => {
        nursery.startSoon(async () => {
          for (let i = 0; i < 100; i++) {
            await sleep(Math.floor(sim.random() * 20));
            limiter.totalTokens = Math.floor(sim.random() * 6);
          }
          limiter.totalTokens = 3;
        });
        for (let i = 0; i < 20; i++) {
          nursery.startSoon(async () => {
            for (let step = 0; step < 50; step++) {
              await moveOnAfter(Math.floor(sim.random() * 30), async () => {
                using _token = await limiter.acquire();
                assert(++inside <= limiter.borrowedTokens);
                served++;
                try {
                  await sleep(Math.floor(sim.random() * 5));
                } finally {
                  inside--;
                }
              });
            }
          });
        }
      });
      assert(served > 100, `${served}`);
      assertEquals(limiter.statistics(), { borrowedTokens: 0, totalTokens: 3, borrowers: [], tasksWaiting: 0 });
    }, { seed });
  }
});
