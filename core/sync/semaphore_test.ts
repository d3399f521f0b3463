import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  BrokenResourceError,
  CancelScope,
  CapacityLimiter,
  DeadlockError,
  moveOnAfter,
  openNursery,
  type ReleaseGuard,
  Semaphore,
  sleep,
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
      assertEquals(semaphore.tryAcquire(), undefined);
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

Deno.test(
  "Semaphore: several are taken together or not at all, and nobody overtakes who waits for many",
  simulated(async () => {
    const semaphore = new Semaphore(2, { max: 4 });
    const log: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        using _three = await semaphore.acquire(3);
        log.push("three");
        assertEquals(semaphore.value, 0);
      });
      await sleep(1);
      nursery.startSoon(async () => {
        using _one = await semaphore.acquire();
        log.push("one");
      });
      await sleep(1);
      // Enough for one, which waits behind three.
      assertEquals([semaphore.value, semaphore.statistics().tasksWaiting], [2, 2]);
      assertEquals([semaphore.tryAcquire(), semaphore.value], [undefined, 2]);
      semaphore.release();
      assertEquals([semaphore.value, semaphore.statistics().tasksWaiting], [0, 1]);
    });
    assertEquals([log, semaphore.value], [["three", "one"], 3]);
    using _all = semaphore.tryAcquire(3);
    assertEquals(semaphore.value, 0);
  }),
);

Deno.test(
  "Semaphore: when one that waits for many is cancelled, those behind it move up at once",
  simulated(async (sim) => {
    const semaphore = new Semaphore(2);
    const scope = new CancelScope();
    const served: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.run(() => semaphore.acquire(3)));
      await sleep(1);
      for (const name of ["b", "c", "d"]) {
        nursery.startSoon(async () => {
          using _permit = await semaphore.acquire();
          served.push(`${name} ${sim.now}`);
          await sleep(5);
        });
      }
      await sleep(1);
      scope.cancel();
      assertEquals([semaphore.value, semaphore.statistics().tasksWaiting], [0, 1]);
    });
    assertEquals([served, semaphore.value], [["b 2", "c 2", "d 7"], 2]);
  }),
);

Deno.test(
  "Semaphore.release(n) serves as many as it can, in order; what is left must fit, or nothing is given",
  simulated(async () => {
    const semaphore = new Semaphore(0, { max: 2 });
    await openNursery(async (nursery) => {
      for (const count of [1, 2, 1]) nursery.startSoon(() => semaphore.acquire(count));
      await sleep(1);
      semaphore.release(2);
      assertEquals([semaphore.value, semaphore.statistics().tasksWaiting], [1, 2]);
      semaphore.release(2);
      assertEquals([semaphore.value, semaphore.statistics().tasksWaiting], [0, 0]);
      nursery.startSoon(() => semaphore.acquire(2));
      await sleep(1);
      semaphore.release();
      // Two for who waits, one and then two for the value: more than its maximum only in the second case.
      semaphore.release(2);
      assertEquals([semaphore.value, semaphore.statistics().tasksWaiting], [1, 0]);
      assertThrows(
        () => semaphore.release(2),
        RangeError,
        "Cannot release the semaphore as its value must be <= 2: it is 1, and 2 more would make it 3",
      );
      assertEquals(semaphore.value, 1);
    });
  }),
);

Deno.test("Semaphore refuses counts that are none, and more than there can ever be", async () => {
  const semaphore = new Semaphore(3, { max: 3 });
  for (const count of [0, -1, 1.5, NaN, 4, Infinity]) {
    const message = '"count" must be a whole number from 1 to 3';
    await assertRejects(() => semaphore.acquire(count), RangeError, `Cannot acquire as ${message}`);
    assertThrows(() => semaphore.tryAcquire(count), RangeError, `Cannot acquire as ${message}`);
    assertThrows(() => semaphore.release(count), RangeError, `Cannot release as ${message}`);
  }
  await assertRejects(() => semaphore.acquire("2" as never), TypeError, '"count" must be a number');
  assertEquals(semaphore.value, 3);
  const guard = semaphore.tryAcquire(2)!;
  guard.release();
  guard.release();
  assertEquals(semaphore.value, 3);
});

Deno.test("Semaphore: a guard releases once", () => {
  const semaphore = new Semaphore(1);
  const guard = semaphore.tryAcquire()!;
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
      assertEquals([limiter.tryAcquire(), limiter.borrowedTokens], [undefined, 2]);
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
      'Cannot acquire as each borrower can have one token: "client 7" has one already: ' +
        'write "using _ = await limiter.acquire()", which gives it back, or say acquire({ onBehalfOf }) to borrow for another',
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
      'Cannot release as the borrower must have a token: task "main" #1 has none',
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
  "CapacityLimiter: a task that ends with its token breaks it, for who waits and who comes later",
  simulated(async () => {
    const message =
      /^Cannot acquire a token of "db" as task "careless" #\d+ \(started at .*semaphore_test.ts:\d+:\d+\) ended without giving its own back: write "using token = await limiter.acquire\(\)"/;
    for (const how of ["before", "meanwhile"]) {
      const limiter = new CapacityLimiter(2, { name: "db" });
      await openNursery(async (nursery) => {
        using _other = await limiter.acquire({ onBehalfOf: "other" });
        nursery.startSoon(async () => {
          await limiter.acquire();
          if (how === "meanwhile") await sleep(5);
        }, { name: "careless" });
        await sleep(1);
        const error = await assertRejects(() => limiter.acquire(), BrokenResourceError);
        assert(message.test(error.message), error.message);
        assertThrows(() => limiter.tryAcquire(), BrokenResourceError, "careless");
        assertEquals(limiter.statistics().tasksWaiting, 0);
        limiter.totalTokens = 10;
        await assertRejects(() => limiter.acquire(), BrokenResourceError, "careless");
      });
    }
  }),
);

Deno.test(
  "CapacityLimiter: a token that was given back, or borrowed for another, may outlive its task",
  simulated(async () => {
    const limiter = new CapacityLimiter(3);
    const kept: ReleaseGuard[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => (await limiter.acquire()).release());
      nursery.startSoon(async () => void kept.push(await limiter.acquire({ onBehalfOf: "job" })));
      nursery.startSoon(async () => {
        await limiter.acquire();
        limiter.release();
      });
      nursery.startSoon(() => moveOnAfter(0, () => limiter.acquire()));
    });
    assertEquals(limiter.borrowedTokens, 1);
    kept[0]!.release();
    using _token = await limiter.acquire();
  }),
);

Deno.test("CapacityLimiter: a deadlock names who has the tokens, and which of them have ended", async () => {
  const error = await assertRejects(() =>
    simulate(async () => {
      const limiter = new CapacityLimiter(3, { name: "db" });
      await openNursery(async (nursery) => {
        const ended = nursery.startSoon(() => {}, { name: "gone" });
        await ended.join();
        await limiter.acquire({ onBehalfOf: ended });
        await limiter.acquire({ onBehalfOf: { name: "client 7" } });
        await limiter.acquire();
        nursery.startSoon(() => limiter.acquire());
      });
    }), DeadlockError);
  assertStringIncludes(
    error.message,
    'acquire capacity "db" (3/3 tokens are out: to task "gone" #2 (has ended), "client 7", task "main" #1)',
  );
});

Deno.test(
  "CapacityLimiter refuses options that are none, and borrowers whose name cannot be read",
  simulated(async () => {
    const limiter = new CapacityLimiter(1);
    for (const options of [null, 5, "me"]) {
      await assertRejects(() => limiter.acquire(options as never), TypeError, '"options" must be an object');
      assertThrows(() => limiter.tryAcquire(options as never), TypeError, '"options" must be an object');
      assertThrows(() => limiter.release(options as never), TypeError, '"options" must be an object');
    }
    const trap = {
      get name(): string {
        throw new Error("mine");
      },
    };
    using _token = await limiter.acquire({ onBehalfOf: trap });
    await assertRejects(() => limiter.acquire({ onBehalfOf: trap }), TypeError, "has one already");
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
