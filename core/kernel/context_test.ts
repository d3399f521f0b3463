import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { AsyncLocalStorage } from "node:async_hooks";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  checkpoint,
  currentEffectiveDeadline,
  currentTask,
  isCancelled,
  moveOnAfter,
  type Nursery,
  openNursery,
  shielded,
  sleep,
  sleepForever,
} from "../mod.ts";
import { suspend, type Waker } from "../lowlevel.ts";

const user = new AsyncLocalStorage<string>();

Deno.test(
  "a child has two parents: values come from the spawner, cancellation from the nursery",
  simulated(async (sim) => {
    const log: string[] = [];
    const child = async () => {
      log.push(`${user.getStore()} until ${currentEffectiveDeadline()}`);
      await sleepForever().finally(() => log.push(`${user.getStore()} ended at ${sim.now}`));
    };
    await user.run(
      "opener",
      () =>
        moveOnAfter(50, () =>
          openNursery((nursery) =>
            user.run("spawner", () =>
              moveOnAfter(5, async () => {
                nursery.startSoon(child);
                await sleepForever();
              }))
          )),
    );
    assertEquals(log, ["spawner until 50", "spawner ended at 50"]);
  }),
);

Deno.test(
  "a child started from a task outside carries that task's values into the nursery",
  simulated(async (sim) => {
    const seen: unknown[] = [];
    await openNursery(async (outer) => {
      let target: Nursery | undefined;
      outer.startSoon(() => user.run("owner", () => openNursery((nursery) => (target = nursery, sleep(10)))));
      await sim.settled();
      await user.run("stranger", async () => {
        target!.startSoon(() => seen.push(user.getStore()));
        await target!.start((status) => {
          seen.push(user.getStore());
          status.started();
          seen.push(user.getStore());
        });
      });
    });
    assertEquals(seen, ["stranger", "stranger", "stranger"]);
  }),
);

Deno.test(
  "values of the program survive every kind of block, wait and cancellation",
  simulated(async () => {
    await user.run("mine", async () => {
      await moveOnAfter(1, async () => {
        await shielded(() => openNursery((nursery) => void nursery.startSoon(() => sleep(2))));
        assertEquals(user.getStore(), "mine");
        await sleepForever().finally(() => assertEquals(user.getStore(), "mine"));
      });
      assertEquals(user.getStore(), "mine");
    });
    assertEquals(user.getStore(), undefined);
  }),
);

Deno.test(
  "a scope ends with its block: code after it, and code beside it, is not in it",
  simulated(async () => {
    const scope = new CancelScope();
    const inside = scope.run(() => sleepForever());
    scope.cancel();
    await checkpoint();
    assert((await inside).cancelledCaught);
    await checkpoint();
  }),
);

Deno.test(
  "Promise.all in a scope: the waits of all branches are cancelled, each in its own scope",
  simulated(async (sim) => {
    const ended: string[] = [];
    const branch = (name: string) => sleepForever().finally(() => ended.push(`${name} at ${sim.now}`));
    const outcome = await moveOnAfter(5, () =>
      Promise.all([
        branch("plain"),
        moveOnAfter(2, () => branch("shorter")),
        shielded(() => branch("shielded"), { timeout: 3 }),
      ]));
    assert(outcome.cancelledCaught);
    assertEquals(ended, ["shorter at 2", "shielded at 3", "plain at 5"]);
  }),
);

Deno.test(
  "Promise.race in a scope: what loses is cancelled when the scope ends",
  simulated(async (sim) => {
    let loser = "";
    const outcome = await moveOnAfter(100, () =>
      Promise.race([
        sleep(3).then(() => "winner"),
        sleepForever().catch((error) => {
          loser = `${error.source} at ${sim.now}`;
          throw error;
        }),
      ]));
    assertEquals(outcome.value, "winner");
    await checkpoint();
    assertEquals(loser, "ended at 3");
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test("a timer's callback belongs to the task that set it, and an event's listener to the one that fires it", async () => {
  const seen: string[] = [];
  await openNursery(async (nursery) => {
    const target = new EventTarget();
    const registered = nursery.startSoon(() => {
      target.addEventListener("ping", () => seen.push(`listener in ${currentTask().name}`));
      return new Promise<void>((resolve) =>
        setTimeout(() => {
          seen.push(`timer in ${currentTask().name}`);
          resolve();
        }, 0)
      );
    }, { name: "registrant" });
    await registered.join();
    await nursery.startSoon(() => void target.dispatchEvent(new Event("ping")), { name: "dispatcher" })
      .join();
  });
  assertEquals(seen, ["timer in registrant", "listener in dispatcher"]);
});

Deno.test("a wait in a callback is cancelled with the scope in which the timer was set", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const outcome = await moveOnAfter(Infinity, async (scope) => {
    setTimeout(() => {
      sleepForever().catch(resolve);
      scope.cancel("from a callback");
    }, 0);
    await sleepForever();
  });
  assert(outcome.cancelledCaught);
  const error = await promise;
  assertStrictEquals(error, outcome.cancelled);
});

Deno.test("a callback that comes when its scope has ended is refused its waits", async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  await moveOnAfter(Infinity, () => {
    setTimeout(() => sleep(0).catch(resolve), 0);
  });
  const error = await promise;
  assert(isCancelled(error));
  assertEquals(
    error.message,
    "Cancelled as the block around it has ended: an await is missing in it, Promise.race() or Promise.all() has left this behind (use race() or all() of this library), or this is a callback of something that was opened in it (run it in nursery.adopt())",
  );
});

Deno.test(
  "a wake from another task's context lets the waiter go on in its own",
  simulated(async () => {
    let waker: Waker<void> | undefined;
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(async () => {
        await user.run("waiter", async () => {
          await suspend<void>({ kind: "test" }, (made) => waker = made, () => true);
          assertEquals([user.getStore(), currentTask().name], ["waiter", "waiter"]);
        });
      }, { name: "waiter" });
      await checkpoint();
      user.run("waker", () => waker!.wake());
      await task.join();
    });
  }),
);

Deno.test(
  "cancelling reads no ambient state: an abort callback runs in the canceller's context, the waiter goes on in its own",
  simulated(async () => {
    const seen: unknown[] = [];
    const scope = new CancelScope();
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        user.run("waiter", async () => {
          const outcome = await scope.run(() =>
            suspend({ kind: "test" }, () => {}, () => seen.push(`abort in ${user.getStore()}`) > 0)
          );
          seen.push(`caught ${outcome.cancelledCaught} in ${user.getStore()}`);
        })
      );
      await checkpoint();
      user.run("canceller", () => scope.cancel());
    });
    assertEquals(seen, ["abort in canceller", "caught true in waiter"]);
  }),
);

Deno.test(
  "an async generator body runs in the scope of whoever calls next()",
  simulated(async () => {
    async function* ticks() {
      while (true) yield await sleep(10);
    }
    const iterator = ticks();
    await iterator.next();
    const outcome = await moveOnAfter(5, () => iterator.next());
    assert(outcome.cancelledCaught);
  }),
);
