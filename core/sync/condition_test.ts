import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  BrokenResourceError,
  CancelScope,
  Condition,
  Event,
  Lock,
  moveOnAfter,
  openNursery,
  type ReleaseGuard,
  sleep,
} from "../mod.ts";
import { friends } from "./_lock.ts";

Deno.test(
  "Condition.wait() gives the lock away, and holds it again when it returns",
  simulated(async (sim) => {
    const condition = new Condition();
    const log: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        using _guard = await condition.acquire();
        await condition.wait();
        log.push(`woken at ${sim.now}`);
        assertEquals(condition.statistics().lockStatistics.owner?.name, "waiter");
      }, { name: "waiter" });
      await sleep(1);
      using _guard = await condition.acquire();
      assertEquals(condition.statistics().tasksWaiting, 1);
      condition.notify();
      assertEquals(condition.statistics(), {
        tasksWaiting: 0,
        lockStatistics: { locked: true, owner: condition.statistics().lockStatistics.owner, tasksWaiting: 1 },
      });
      await sleep(5);
      log.push(`released at ${sim.now}`);
    });
    assertEquals(log, ["released at 6", "woken at 6"]);
  }),
);

Deno.test(
  "Condition.notify() wakes so many, in the order of their waits, notifyAll() the rest",
  simulated(async () => {
    const condition = new Condition();
    const order: number[] = [];
    await openNursery(async (nursery) => {
      for (let i = 0; i < 5; i++) {
        nursery.startSoon(async () => {
          using _guard = await condition.acquire();
          await condition.wait();
          order.push(i);
        });
      }
      await sleep(1);
      for (const [count, expected] of [[0, []], [2, [0, 1]], [1, [0, 1, 2]]] as const) {
        const guard = await condition.acquire();
        condition.notify(count);
        guard.release();
        await sleep(1);
        assertEquals(order, [...expected]);
      }
      using _guard = await condition.acquire();
      condition.notifyAll();
    });
    assertEquals(order, [0, 1, 2, 3, 4]);
  }),
);

Deno.test(
  "Condition.wait() that is cancelled throws with the lock held, not before",
  simulated(async (sim) => {
    const condition = new Condition();
    const log: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        const outcome = await moveOnAfter(5, async () => {
          using _guard = await condition.acquire();
          try {
            await condition.wait();
          } finally {
            log.push(`${condition.statistics().lockStatistics.owner?.name} holds it at ${sim.now}`);
          }
        });
        assert(outcome.cancelledCaught);
      }, { name: "waiter" });
      await sleep(1);
      using _guard = await condition.acquire();
      await sleep(9);
    });
    assertEquals(log, ["waiter holds it at 10"]);
    (await condition.acquire()).release();
  }),
);

Deno.test(
  "Condition.wait() that is cancelled while the lock is free holds it at once",
  simulated(async (sim) => {
    const condition = new Condition();
    const outcome = await moveOnAfter(5, async () => {
      using _guard = await condition.acquire();
      await condition.wait().finally(() => assert(condition.statistics().lockStatistics.locked));
    });
    assert(outcome.cancelledCaught);
    assertEquals(sim.now, 5);
    assertEquals(condition.statistics().tasksWaiting, 0);
    assert(!condition.statistics().lockStatistics.locked);
  }),
);

Deno.test(
  "a waiter that was notified and then cancelled passes its notification on",
  simulated(async () => {
    const condition = new Condition();
    const scope = new CancelScope();
    const woken: string[] = [];
    const wait = (name: string) => async () => {
      using _guard = await condition.acquire();
      await condition.wait();
      woken.push(name);
    };
    await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.run(wait("first")));
      await sleep(1);
      nursery.startSoon(wait("second"));
      await sleep(1);
      using _guard = await condition.acquire();
      condition.notify();
      scope.cancel();
    });
    assertEquals(woken, ["second"]);
  }),
);

Deno.test(
  "a waiter that was cancelled and could have been notified after does not take a notification",
  simulated(async () => {
    const condition = new Condition();
    const scope = new CancelScope();
    const woken: string[] = [];
    const wait = (name: string) => async () => {
      using _guard = await condition.acquire();
      await condition.wait();
      woken.push(name);
    };
    await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.run(wait("first")));
      await sleep(1);
      nursery.startSoon(wait("second"));
      await sleep(1);
      using _guard = await condition.acquire();
      scope.cancel();
      condition.notify();
    });
    assertEquals(woken, ["second"]);
  }),
);

Deno.test(
  "Condition refuses who does not hold its lock, and locks that are none",
  simulated(async () => {
    const condition = new Condition(new Lock({ name: "state" }));
    const fault = 'as task "main" #1 must hold the lock "state": nobody does';
    await assertRejects(() => condition.wait(), TypeError, `Cannot wait for a condition ${fault}`);
    assertThrows(() => condition.notify(), TypeError, `Cannot notify a condition ${fault}`);
    assertThrows(() => condition.notifyAll(), TypeError, `Cannot notify a condition ${fault}`);
    assertThrows(() => condition.notify(-1), RangeError, 'Cannot notify as "count" must be a whole number >= 0');
    assertThrows(
      () => new Condition({} as Lock),
      TypeError,
      'Cannot make a Condition as "lock" must be a Lock: received an object of type Object',
    );
  }),
);

Deno.test(
  "Condition.wait() in a cancelled scope refuses and keeps the lock",
  simulated(async () => {
    const condition = new Condition();
    await moveOnAfter(Infinity, async (scope) => {
      using _guard = await condition.acquire();
      scope.cancel();
      await condition.wait().catch(() => {});
      assert(condition.statistics().lockStatistics.locked);
      assertEquals(condition.statistics().tasksWaiting, 0);
    });
  }),
);

Deno.test(
  "two conditions on one lock are notified apart, and break with it",
  simulated(async () => {
    const lock = new Lock({ name: "queue" });
    const [notEmpty, notFull] = [new Condition(lock), new Condition(lock)];
    const log: string[] = [];
    await openNursery(async (nursery) => {
      for (const [name, condition] of [["empty", notEmpty], ["full", notFull]] as const) {
        nursery.startSoon(async () => {
          using _guard = await condition.acquire();
          try {
            await condition.wait();
            log.push(name);
          } catch (error) {
            log.push(`${name} ${error instanceof BrokenResourceError}`);
          }
        });
      }
      await sleep(1);
      nursery.startSoon(async () => {
        await notFull.acquire();
        notFull.notify();
        lock.release();
        await sleep(1);
        await lock.acquire();
      });
    });
    assertEquals(log, ["full", "empty true"]);
  }),
);

Deno.test(
  "a task that ended while it waited, unawaited, for a condition leaves the lock usable",
  simulated(async () => {
    const condition = new Condition();
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await condition.acquire();
        condition.wait();
      });
      await sleep(1);
    });
    (await condition.acquire()).release();
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test("Condition: a bounded queue of 10,000 random puts and takes, with cancellations, loses nothing", async () => {
  for (let seed = 1; seed <= 5; seed++) {
    await simulate(async (sim) => {
      const lock = new Lock();
      const [notEmpty, notFull] = [new Condition(lock), new Condition(lock)];
      const items: number[] = [];
      const put: number[] = [];
      const taken: number[] = [];
      let next = 0;
      await openNursery((nursery) => {
        for (let worker = 0; worker < 10; worker++) {
          nursery.startSoon(async () => {
            for (let step = 0; step < 200; step++) {
              await moveOnAfter(Math.floor(sim.random() * 20), async () => {
                using _guard = await lock.acquire();
                if (sim.random() < 0.5) {
                  while (items.length >= 3) await notFull.wait();
                  put.push(next);
                  items.push(next++);
                  notEmpty.notify();
                } else {
                  while (items.length === 0) await notEmpty.wait();
                  taken.push(items.shift() as number);
                  notFull.notify();
                }
              });
              if (sim.random() < 0.3) await sleep(1);
            }
          });
        }
      });
      assertEquals([...taken, ...items], put);
      assert(taken.length > 300, `${taken.length}`);
      assertEquals(notEmpty.statistics().tasksWaiting + notFull.statistics().tasksWaiting, 0);
      assert(!lock.locked);
    }, { seed });
  }
});

Deno.test(
  "10,000 forgotten waits of conditions, whose tasks have ended, get the lock and give it back",
  simulated(async () => {
    const lock = new Lock();
    const end = new Event();
    let guard: ReleaseGuard | undefined;
    await openNursery(async (nursery) => {
      for (let i = 0; i < 10_000; i++) {
        nursery.startSoon(async () => {
          const condition = new Condition(lock);
          await condition.acquire();
          void condition.wait();
          await end.wait();
        });
      }
      await sleep(1);
      guard = await lock.acquire();
      end.set();
    });
    assertEquals(lock.statistics().tasksWaiting, 10_000);
    guard?.release();
    assertEquals([lock.locked, lock.statistics().tasksWaiting], [false, 0]);
  }, { leaks: "ignore" }),
);

Deno.test(
  "a lock keeps no condition that nobody waits for",
  simulated(async () => {
    const lock = new Lock();
    for (let i = 0; i < 1_000; i++) {
      const condition = new Condition(lock);
      using _guard = await condition.acquire();
      const outcome = await moveOnAfter(1, () => condition.wait());
      assert(outcome.cancelledCaught);
    }
    assertEquals(friends.coreOf(lock).conditions.size, 0);
  }),
);
