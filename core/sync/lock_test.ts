import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  BrokenResourceError,
  CancelScope,
  currentTask,
  DeadlockError,
  Lock,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
  type Task,
  taskTree,
} from "../mod.ts";

Deno.test(
  "Lock lets one task in at a time, in the order in which they asked",
  simulated(async (sim) => {
    const lock = new Lock({ name: "door" });
    const order: string[] = [];
    await openNursery((nursery) => {
      for (const name of ["a", "b", "c", "d"]) {
        nursery.startSoon(async () => {
          using _guard = await lock.acquire();
          await sleep(10);
          order.push(`${name} ${sim.now}`);
        });
      }
    });
    assertEquals(order, ["a 10", "b 20", "c 30", "d 40"]);
    assert(!lock.locked);
  }),
);

Deno.test(
  "Lock.release() hands the lock over in the call: nobody slips in, not even the one who releases",
  simulated(async () => {
    const lock = new Lock();
    await openNursery(async (nursery) => {
      const guard = await lock.acquire();
      const waiter = nursery.startSoon(async () => {
        using _guard = await lock.acquire();
        await sleep(1);
      });
      await sleep(1);
      guard.release();
      assertEquals(lock.statistics(), { locked: true, owner: waiter, tasksWaiting: 0 });
      assertEquals(lock.tryAcquire(), undefined);
      using _again = await lock.acquire();
      assert(lock.statistics().owner === currentTask());
    });
  }),
);

Deno.test(
  "Lock.acquire() is a checkpoint also when the lock is free, and refuses in a cancelled scope without taking it",
  simulated(async () => {
    const lock = new Lock();
    let others = false;
    await openNursery(async (nursery) => {
      nursery.startSoon(() => void (others = true));
      using _guard = await lock.acquire();
      assert(others);
    });
    const outcome = await moveOnAfter(0, () => lock.acquire());
    assert(outcome.cancelledCaught);
    assert(!lock.locked);
  }),
);

Deno.test(
  "a cancelled acquire() leaves the line; a lock that was handed over first is held",
  simulated(async () => {
    const lock = new Lock();
    const scopes = { before: new CancelScope(), after: new CancelScope() };
    await openNursery(async (nursery) => {
      const guard = await lock.acquire();
      const gaveUp = nursery.startSoon(() => scopes.before.run(() => lock.acquire()));
      const got = nursery.startSoon(() =>
        scopes.after.run(async () => {
          using _guard = await lock.acquire();
          assert(lock.locked);
          return "held";
        })
      );
      await sleep(1);
      assertEquals(lock.statistics().tasksWaiting, 2);
      scopes.before.cancel();
      assertEquals(lock.statistics().tasksWaiting, 1);
      guard.release();
      scopes.after.cancel();
      assert((await gaveUp.join()).cancelledCaught);
      assertEquals((await got.join()).value, "held");
    });
    assertEquals(lock.statistics(), { locked: false, owner: null, tasksWaiting: 0 });
  }),
);

Deno.test(
  "a guard releases once; a second release, or one that comes late, does not touch the next owner",
  simulated(async () => {
    const lock = new Lock();
    const first = await lock.acquire();
    first.release();
    using second = lock.tryAcquire()!;
    first.release();
    first[Symbol.dispose]();
    assert(lock.locked);
    second.release();
    assert(!lock.locked);
  }),
);

Deno.test(
  "a task that asks for a lock it holds is refused at the call, waiting or not",
  simulated(async () => {
    const lock = new Lock({ name: "db" });
    using _guard = await lock.acquire();
    const message =
      'Cannot acquire lock "db" as task "main" #1 holds it already, and would wait for itself: release it first';
    await assertRejects(() => lock.acquire(), TypeError, message);
    assertThrows(() => lock.tryAcquire(), TypeError, message);
  }),
);

Deno.test(
  "Lock.release() is for the owner; its guard may be released by anybody",
  simulated(async () => {
    const lock = new Lock({ name: "db" });
    assertThrows(
      () => lock.release(),
      TypeError,
      'Cannot release as task "main" #1 must hold the lock "db": nobody does',
    );
    const guard = await lock.acquire();
    await openNursery((nursery) => {
      nursery.startSoon(() => {
        assertThrows(
          () => lock.release(),
          TypeError,
          'Cannot release as task "thief" #2 must hold the lock "db": task "main" #1 does',
        );
        guard.release();
      }, { name: "thief" });
    });
    assert(!lock.locked);
    await lock.acquire();
    lock.release();
    assert(!lock.locked);
  }),
);

Deno.test(
  "a lock whose owner ends while holding it is broken: for those who wait, and for all who come later",
  simulated(async () => {
    const lock = new Lock({ name: "db" });
    const message = 'Cannot acquire lock "db" as its owner, task "careless" #2 (started at ';
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await lock.acquire();
        await sleep(5);
      }, { name: "careless" });
      await sleep(1);
      await assertRejects(() => lock.acquire(), BrokenResourceError, message);
    });
    assert(!lock.locked);
    await assertRejects(() => lock.acquire(), BrokenResourceError, message);
    assertThrows(() => lock.tryAcquire(), BrokenResourceError, message);
  }),
);

Deno.test(
  "a lock that was released is not broken by the end of its former owner, however many others that holds",
  simulated(async () => {
    const locks = Array.from({ length: 5 }, (_, i) => new Lock({ name: `lock ${i}` }));
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        const guards = [];
        for (const lock of locks) guards.push(await lock.acquire());
        for (const i of [2, 0, 4]) guards[i]!.release();
      });
    });
    for (const i of [2, 0, 4]) (await locks[i]!.acquire()).release();
    for (const i of [1, 3]) await assertRejects(() => locks[i]!.acquire(), BrokenResourceError);
  }),
);

Deno.test(
  "the task tree says who holds the lock that is waited for",
  simulated(async () => {
    const lock = new Lock({ name: "db" });
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        using _guard = await lock.acquire();
        await sleep(10);
      }, { name: "owner" });
      await sleep(1);
      nursery.startSoon(async () => {
        using _guard = await lock.acquire();
      }, { name: "waiter" });
      await sleep(1);
      assert(
        taskTree().toString().includes('waiter #3: acquire lock "db" held by task "owner" #2 (since t=1ms)'),
        `${taskTree()}`,
      );
    });
  }),
);

Deno.test("two tasks that lock crosswise end in a DeadlockError that names both locks and both owners", async () => {
  const error = await assertRejects(
    () =>
      simulate(() => {
        const [left, right] = [new Lock({ name: "left" }), new Lock({ name: "right" })];
        const both = (first: Lock, second: Lock) => async () => {
          using _first = await first.acquire();
          await sleep(1);
          using _second = await second.acquire();
        };
        return openNursery((nursery) => {
          nursery.startSoon(both(left, right), { name: "A" });
          nursery.startSoon(both(right, left), { name: "B" });
        });
      }),
    DeadlockError,
  );
  for (
    const part of ['acquire lock "right" held by task "B" #3', 'acquire lock "left" held by task "A" #2', "cycle: A #2"]
  ) {
    assert(error.message.includes(part), error.message);
  }
});

Deno.test("Lock: 10,000 random steps with random cancellations keep one owner, and the order", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    await simulate(async (sim) => {
      const lock = new Lock();
      let inside = 0;
      const waiting: number[] = [];
      let turns = 0;
      await openNursery((nursery) => {
        for (let i = 0; i < 20; i++) {
          nursery.startSoon(async () => {
            for (let step = 0; step < 50; step++) {
              const id = i * 1_000 + step;
              await moveOnAfter(Math.floor(sim.random() * 30), async () => {
                waiting.push(id);
                try {
                  using _guard = await lock.acquire();
                  assertEquals(waiting.shift(), id);
                  waiting.unshift(id);
                  assertEquals(++inside, 1);
                  try {
                    await sleep(Math.floor(sim.random() * 3));
                    turns++;
                  } finally {
                    inside--;
                  }
                } finally {
                  waiting.splice(waiting.indexOf(id), 1);
                }
              });
              await sleep(Math.floor(sim.random() * 3));
            }
          });
        }
      });
      assert(turns > 50, `${turns}`);
      assertEquals(waiting, []);
      assertEquals(lock.statistics(), { locked: false, owner: null, tasksWaiting: 0 });
    }, { seed });
  }
});

Deno.test("a task that ended while it waited, unawaited, for a lock does not get it", async () => {
  await simulate(async () => {
    const lock = new Lock();
    let forgetful: Task | undefined;
    await openNursery(async (nursery) => {
      using _guard = await lock.acquire();
      forgetful = nursery.startSoon(() => void lock.acquire());
      await sleep(1);
    });
    assertEquals(forgetful?.state, "done");
    (await lock.acquire()).release();
    await moveOnAfter(1, () => sleepForever());
  }, { leaks: { forgottenWaits: "ignore" } });
});

Deno.test(
  "a task that has ended cannot acquire a lock, as nobody would notice that it is never released",
  simulated(async () => {
    const lock = new Lock({ name: "db" });
    const { promise, resolve } = Promise.withResolvers<void>();
    let late: Promise<unknown> | undefined;
    await openNursery((nursery) => {
      nursery.startSoon(() => void (late = promise.then(() => lock.tryAcquire())), { name: "gone" });
    });
    resolve();
    await assertRejects(
      () => late as Promise<unknown>,
      TypeError,
      'Cannot acquire lock "db" as its owner must be a task that runs: task "gone" #2 has ended, acquire it in a task that waits for what calls you',
    );
    assertEquals(lock.locked, false);
  }),
);
