import { AsyncLocalStorage } from "node:async_hooks";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  type Cancelled,
  CancelScope,
  Event,
  isCancelled,
  moveOnAfter,
  openNursery,
  run,
  sleep,
  sleepForever,
  taskTree,
} from "../mod.ts";
import { currentRun, onIdle, suspend, type Waker } from "../lowlevel.ts";

const REASON = { kind: "test" };

/** Runs a wait in a task, and gives its scope, its waker and how it ends. */
function waiting(abort: () => boolean = () => true) {
  const scope = new CancelScope();
  const state: { scope: CancelScope; waker: Waker<string> | undefined; end: string } = {
    scope,
    waker: undefined,
    end: "waiting",
  };
  const body = async () => {
    const outcome = await scope.run(async () => {
      try {
        state.end = await suspend<string>(REASON, (waker) => state.waker = waker, abort);
      } catch (error) {
        state.end = isCancelled(error) ? "cancelled" : String(error);
        throw error;
      }
    });
    return outcome;
  };
  return { state, body };
}

Deno.test(
  "suspend(): a wake that comes before the cancel wins",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const { state, body } = waiting();
      const task = nursery.startSoon(body);
      await sim.settled();
      assertEquals(state.waker?.wake("value"), true);
      state.scope.cancel();
      assertEquals(state.waker?.wake("again"), false);
      assertEquals((await task.join()).cancelledCaught, false);
      assertEquals(state.end, "value");
    });
  }),
);

Deno.test(
  "suspend(): a cancel that comes before the wake wins, and the waker says so",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const { state, body } = waiting();
      const task = nursery.startSoon(body);
      await sim.settled();
      state.scope.cancel();
      assertEquals(state.waker?.pending, false);
      assertEquals(state.waker?.wake("late"), false);
      assertEquals(state.waker?.fail(new Error("late")), false);
      assertEquals((await task.join()).cancelledCaught, true);
      assertEquals(state.end, "cancelled");
    });
  }),
);

Deno.test(
  "suspend() calls abort once, inside cancel()",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      let calls = 0;
      const { state, body } = waiting(() => {
        calls++;
        return false;
      });
      nursery.startSoon(body);
      await sim.settled();
      state.scope.cancel();
      assertEquals(calls, 1);
      nursery.cancelScope.deadline = sim.now + 1;
      await sleep(1).catch(() => {});
      assertEquals(calls, 1);
      assertEquals(state.waker?.pending, true);
      state.waker?.wake("in the end");
    });
  }),
);

Deno.test(
  "suspend(): a wait that refuses its abort ends by the waker, and the next wait throws",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const { state, body } = waiting(() => false);
      const task = nursery.startSoon(body);
      await sim.settled();
      state.scope.cancel();
      await sleep(5);
      assertEquals(state.end, "waiting");
      state.waker?.wake("finished anyway");
      await task.join();
      assertEquals(state.end, "finished anyway");
    });
  }),
);

Deno.test(
  "suspend(): an error thrown by abort or register ends the wait with it, not the canceller",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const { state, body } = waiting(() => {
        throw new TypeError("abort failed");
      });
      const task = nursery.startSoon(() => body().catch((error) => error));
      await sim.settled();
      state.scope.cancel();
      assertEquals(String(await task.join()), "TypeError: abort failed");
    });
    await assertRejects(
      () =>
        suspend(REASON, () => {
          throw new TypeError("register failed");
        }, () => true),
      TypeError,
      "register failed",
    );
  }),
);

Deno.test(
  "suspend(): an abort that wakes the waiter itself lets it return",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      let waker: Waker<string> | undefined;
      const scope = new CancelScope();
      const task = nursery.startSoon(() =>
        scope.run(() => suspend<string>(REASON, (made) => waker = made, () => waker!.wake("woken by abort")))
      );
      await sim.settled();
      scope.cancel();
      assertEquals((await task.join()).value, "woken by abort");
    });
  }),
);

Deno.test(
  "several waits of one task at once are legal, and end together when cancelled",
  simulated(async () => {
    const results: PromiseSettledResult<unknown>[] = [];
    const outcome = await moveOnAfter(5, async () => {
      results.push(...await Promise.allSettled([sleep(1), sleepForever(), new Event().wait()]));
      await sleep(1);
    });
    assert(outcome.cancelledCaught);
    assertEquals(results.map(({ status }) => status), ["fulfilled", "rejected", "rejected"]);
  }),
);

Deno.test(
  "event.set() before scope.cancel() lets wait() return, the reverse order throws",
  simulated(async (sim) => {
    for (const order of ["set first", "cancel first"]) {
      await openNursery(async (nursery) => {
        const event = new Event();
        const scope = new CancelScope();
        const task = nursery.startSoon(() => scope.run(() => event.wait()));
        await sim.settled();
        if (order === "set first") event.set();
        scope.cancel();
        event.set();
        assertEquals((await task.join()).cancelledCaught, order === "cancel first");
        assertEquals(event.statistics().tasksWaiting, 0);
      });
    }
  }),
);

Deno.test(
  "all waits of a cancelled region reject with the Cancelled of its scope",
  simulated(async () => {
    const seen: unknown[] = [];
    const outcome = await moveOnAfter(1, async () => {
      await Promise.all([1, 2, 3].map(() => sleepForever().catch((error) => seen.push(error))));
      await sleep(1);
    });
    assert(outcome.cancelledCaught);
    for (const error of seen) assertStrictEquals(error, outcome.cancelled);
  }),
);

Deno.test(
  "suspend() in a cancelled scope refuses before register, and leaves no wait behind",
  simulated(async () => {
    let registered = 0;
    let aborted = 0;
    const outcome = await moveOnAfter(0, async () => {
      const wait = suspend(REASON, () => registered++, () => (aborted++, true));
      assertEquals(currentRun().taskTree().root.waits.length, 0);
      await wait;
    });
    assertEquals([outcome.cancelledCaught, registered, aborted], [true, 0, 0]);
  }),
);

Deno.test(
  "suspend() woken while it registers returns the value, whatever is cancelled then",
  simulated(async () => {
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      const wait = suspend<number>(REASON, (waker) => waker.wake(7), () => true);
      scope.cancel();
      return await wait;
    });
    assertEquals(outcome.value, 7);
  }),
);

Deno.test(
  "suspend() calls abort inside cancel(), with the Cancelled, in the canceller's async context",
  simulated(async (sim) => {
    const storage = new AsyncLocalStorage<string>();
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      const log: unknown[] = [];
      nursery.startSoon(() =>
        storage.run(
          "waiter",
          () =>
            scope.run(() =>
              suspend(REASON, () => log.push(storage.getStore()), (cancelled: Cancelled) => {
                log.push(storage.getStore(), cancelled.reason);
                return true;
              })
            ),
        )
      );
      await sim.settled();
      storage.run("canceller", () => {
        log.push("before");
        scope.cancel("enough");
        log.push("after");
      });
      assertEquals(log, ["waiter", "before", "canceller", "enough", "after"]);
    });
  }),
);

Deno.test(
  "suspend(): neither a further cancel nor a shield raised meanwhile changes an abort that was delivered",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const outer = new CancelScope();
      const inner = new CancelScope();
      let aborts = 0;
      let waker: Waker<string>;
      const task = nursery.startSoon(() =>
        outer.run(() =>
          inner.run(() =>
            suspend<string>(REASON, (made) => waker = made, () => {
              aborts++;
              return false;
            })
          )
        )
      );
      await sim.settled();
      outer.cancel();
      inner.shield = true;
      inner.shield = false;
      inner.cancel();
      assertEquals([aborts, waker!.pending], [1, true]);
      assert(waker!.fail(new RangeError("in the end")));
      assertEquals(String(await task.join().catch((error) => error)), "RangeError: in the end");
    }).catch(() => {});
  }),
);

Deno.test(
  "suspend(): a delivered abort is not taken back by a shield",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const { state, body } = waiting();
      nursery.startSoon(body);
      await sim.settled();
      state.scope.cancel();
      state.scope.shield = true;
      await sim.settled();
      assertEquals(state.end, "cancelled");
    });
  }),
);

Deno.test("suspend(): who wins is decided by the call, not by the turn in which the task resumes", async () => {
  const held: (() => void)[] = [];
  let begun = false;
  let end: unknown;
  await run(async () => {
    begun = true;
    const scope = new CancelScope();
    let waker: Waker<string>;
    setImmediate(() => {
      waker.wake("woken");
      scope.cancel();
      assertEquals([waker.pending, waker.wake("again")], [false, false]);
      for (const resume of held.splice(0)) resume();
    });
    end = await scope.run(() => suspend<string>(REASON, (made) => waker = made, () => true));
  }, { schedule: (resume) => (begun && end === undefined ? held.push(resume) : resume()), handleSignals: false });
  assertEquals(end, { cancelledCaught: false, value: "woken" });
});

Deno.test(
  "a task waits as long as one of its waits is open",
  simulated(async () => {
    const { statistics } = currentRun();
    const running = () => statistics.call(currentRun()).tasksRunning;
    const wakers: Waker<void>[] = [];
    const waits = [1, 2].map(() => suspend<void>(REASON, (waker) => wakers.push(waker), () => true));
    assertEquals(running(), 0);
    wakers[0]!.wake();
    assertEquals(running(), 0);
    wakers[1]!.wake();
    assertEquals(running(), 1);
    await Promise.all(waits);
  }),
);

Deno.test(
  "the waits a task shows are those that are open, in whichever order they end",
  simulated(async () => {
    const run = currentRun();
    for (const order of [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]) {
      await new CancelScope().run(async () => {
        const wakers: Waker<void>[] = [];
        const waits = ["a", "b", "c"].map((kind) => suspend<void>({ kind }, (waker) => wakers.push(waker), () => true));
        let open = ["a", "b", "c"];
        for (const at of order) {
          wakers[at]!.wake();
          open = open.filter((kind) => kind !== "abc"[at]);
          assertEquals(run.taskTree().root.waits.map(({ kind }) => kind).toSorted(), open);
        }
        await Promise.all(waits);
      });
    }
  }),
);

Deno.test(
  "an abort that says neither yes nor no is an error of the wait, whatever it is",
  simulated(async () => {
    for (
      const [abort, found] of [
        [() => {}, "undefined"],
        [() => 1, "1"],
        [() => Promise.resolve(true), "a promise"],
        [() => Promise.reject(new Error("swallowed")), "a promise"],
        [async () => await true, "a promise"],
      ] as const
    ) {
      const scope = new CancelScope();
      setTimeout(() => scope.cancel(), 1);
      const error = await assertRejects(
        () => scope.run(() => suspend({ kind: "test" }, () => {}, abort as never)),
        TypeError,
      );
      assertEquals(
        error.message,
        `Cannot cancel a wait as its "abort" must return true (undone) or false (refused): received ${found}`,
      );
    }
    await assertRejects(() => suspend({ kind: "test" }, () => {}, undefined as never), TypeError, '"abort" must be');
    await assertRejects(() => suspend({ kind: "test" }, function* () {} as never, () => true), TypeError, "generator");
  }),
);

Deno.test("who is told that everybody waits sees whole waits, and may end them", async () => {
  const trees: string[] = [];
  const event = new Event();
  const waits: Record<string, () => Promise<unknown>> = {
    "event": () => event.wait(),
    "sleep": () => sleep(1),
    "suspend": () => suspend<void>({ kind: "suspend" }, (made) => void (waker = made), () => true),
  };
  let waker: { wake(): boolean } | undefined;
  for (const [name, wait] of Object.entries(waits)) {
    await run(async () => {
      const stop = onIdle(() => {
        trees.push(taskTree().toString());
        event.set();
        waker?.wake();
      });
      await wait();
      stop();
    }, { handleSignals: false });
    assert(trees.some((tree) => tree.includes(name)), name);
  }
});
