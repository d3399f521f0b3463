import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  checkpoint,
  currentTime,
  Event,
  isCancelled,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
} from "../mod.ts";
import { suspend } from "../lowlevel.ts";

/** Catches what a wait throws. */
async function caught(wait: Promise<unknown>): Promise<unknown> {
  try {
    await wait;
  } catch (error) {
    return error;
  }
  return undefined;
}

Deno.test(
  "CancelScope.run() returns the value of a body that is not cancelled",
  simulated(async () => {
    const scope = new CancelScope();
    assertEquals(await scope.run(() => 7), { cancelledCaught: false, value: 7 });
    assert(!scope.cancelCalled && !scope.cancelledCaught);
  }),
);

Deno.test(
  "CancelScope.cancel() ends a wait, and the outcome says who and why",
  simulated(async () => {
    const scope = new CancelScope();
    const outcome = await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.cancel("enough"), { name: "canceller" });
      return await scope.run(() => sleepForever());
    });
    assert(outcome.cancelledCaught && scope.cancelledCaught && scope.cancelCalled);
    const { source, reason, sourceTask, message } = outcome.cancelled;
    assertEquals([source, reason, sourceTask], ["explicit", "enough", 'task "canceller" #2']);
    assertEquals(message, 'Cancelled as cancel() was called in task "canceller" #2: enough');
  }),
);

Deno.test(
  "CancelScope.cancel() keeps the first reason",
  simulated(async () => {
    const outcome = await new CancelScope().run(async (scope) => {
      scope.cancel("first");
      scope.cancel("second");
      await checkpoint();
    });
    assert(outcome.cancelledCaught && outcome.cancelled.reason === "first");
  }),
);

Deno.test(
  "CancelScope.cancel() before entry cancels at the first wait",
  simulated(async () => {
    const scope = new CancelScope();
    scope.cancel();
    let ran = false;
    const outcome = await scope.run(async () => {
      ran = true;
      await sleep(1);
    });
    assert(ran && outcome.cancelledCaught);
  }),
);

Deno.test(
  "CancelScope.cancel() from inside lets the caller go on up to its next wait",
  simulated(async () => {
    const steps: string[] = [];
    await moveOnAfter(Infinity, async (scope) => {
      scope.cancel();
      steps.push("after cancel");
      await checkpoint();
      steps.push("not reached");
    });
    assertEquals(steps, ["after cancel"]);
  }),
);

Deno.test(
  "CancelScope.run() reports not caught when nothing waits after the cancel",
  simulated(async () => {
    const scope = new CancelScope();
    const outcome = await scope.run((scope) => {
      scope.cancel();
      return "value";
    });
    assertEquals(outcome, { cancelledCaught: false, value: "value" });
    assert(scope.cancelCalled && !scope.cancelledCaught);
  }),
);

Deno.test(
  "cancellation is level-triggered: swallowing it does not defuse it",
  simulated(async () => {
    let thrown = 0;
    const outcome = await moveOnAfter(5, async () => {
      for (let i = 0; i < 10; i++) if (isCancelled(await caught(sleep(100)))) thrown++;
      await sleep(1);
    });
    assertEquals(thrown, 10);
    assert(outcome.cancelledCaught);
    assertEquals(currentTime(), 5);
  }),
);

Deno.test(
  "CancelScope.run() reports not caught when the body swallows the cancellation and returns",
  simulated(async () => {
    const outcome = await moveOnAfter(5, async () => {
      await caught(sleepForever());
      return "swallowed";
    });
    assertEquals(outcome, { cancelledCaught: false, value: "swallowed" });
  }),
);

Deno.test(
  "a ready operation in a cancelled scope refuses and changes nothing",
  simulated(async () => {
    let registered = false;
    const outcome = await moveOnAfter(0, async () => {
      await suspend({ kind: "test" }, () => registered = true, () => true);
    });
    assert(outcome.cancelledCaught && !registered);
  }),
);

Deno.test(
  "CancelScope.cancel() ends the waits before it returns, and their tasks go on later",
  simulated(async (sim) => {
    const event = new Event();
    const scope = new CancelScope();
    let ended = false;
    await openNursery(async (nursery) => {
      nursery.startSoon(() => scope.run(() => event.wait().finally(() => ended = true)));
      await sim.settled();
      scope.cancel();
      assertEquals([event.statistics().tasksWaiting, ended], [0, false]);
    });
    assert(ended);
  }),
);

Deno.test(
  "CancelScope.cancel() of a task that is about to run does nothing until its next wait",
  simulated(async (sim) => {
    const log: string[] = [];
    const event = new Event();
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      nursery.startSoon(() =>
        scope.run(async () => {
          await event.wait();
          log.push("woken");
          await sleep(1);
          log.push("not reached");
        })
      );
      await sim.settled();
      event.set();
      scope.cancel();
    });
    assertEquals(log, ["woken"]);
  }),
);

Deno.test(
  "CancelScope.cancel() after the scope has ended changes nothing",
  simulated(async () => {
    const scope = new CancelScope();
    await scope.run(() => {});
    scope.cancel();
    scope.deadline = 0;
    scope.shield = true;
    scope.shutdown({ grace: 0 });
    assert(!scope.cancelCalled && !scope.cancelledCaught);
    await checkpoint();
  }),
);

Deno.test(
  "a cancelled scope hands its cancellation to all code called in it, however deep, and to no other",
  simulated(async () => {
    const deep = async (depth: number): Promise<void> => {
      if (depth > 0) return await deep(depth - 1);
      await sleepForever();
    };
    await openNursery(async (nursery) => {
      const beside = nursery.startSoon(async () => {
        await sleep(10);
        return "untouched";
      });
      const outcome = await moveOnAfter(5, () => deep(100));
      assert(outcome.cancelledCaught);
      assertEquals(await beside.join(), "untouched");
    });
  }),
);

Deno.test(
  "a scope opened around startSoon() does not cover the child",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const outcome = await moveOnAfter(5, async () => {
        nursery.startSoon(() => sleep(20));
        await sleepForever();
      });
      assert(outcome.cancelledCaught);
      assertEquals([sim.now, nursery.childTasks.length], [5, 1]);
    });
    assertEquals(sim.now, 20);
  }),
);

Deno.test(
  "a scope that was cancelled stays so after its exit, and the code after it is free again",
  simulated(async () => {
    const scope = new CancelScope();
    await scope.run(async (scope) => {
      scope.cancel();
      await checkpoint();
    });
    assert(scope.cancelCalled && scope.cancelledCaught);
    await sleep(1);
  }),
);

Deno.test(
  "CancelScope.run() takes bodies that are no async functions: a value, a sync throw, a thenable",
  simulated(async () => {
    assertEquals((await new CancelScope().run(() => undefined)).value, undefined);
    const error = new TypeError("sync");
    const thrown = await caught(
      new CancelScope().run(() => {
        throw error;
      }),
    );
    assertStrictEquals(thrown, error);
    const thenable = { then: (resolve: (value: number) => void) => resolve(3) } as unknown as Promise<number>;
    assertEquals((await new CancelScope().run(() => thenable)).value, 3);
  }),
);

Deno.test(
  "a wait that was forgotten ends with its scope, and a later one in that code is refused",
  simulated(async (sim) => {
    const log: unknown[] = [];
    const late = new Event();
    let stray: Promise<void> | undefined;
    await moveOnAfter(100, () => {
      stray = (async () => {
        log.push(await caught(sleep(50)), sim.now);
        await new Promise((resolve) => setImmediate(resolve));
        log.push(await caught(late.wait()));
      })();
    });
    await stray;
    assertEquals([isCancelled(log[0]), log[1], isCancelled(log[2])], [true, 0, true]);
    assertEquals(
      (log[0] as Error).message,
      "Cancelled as the block around it has ended: an await is missing in it, Promise.race() or Promise.all() has left this behind (use race() or all() of this library), or this is a callback of something that was opened in it (run it in nursery.adopt())",
    );
  }, { leaks: { forgottenWaits: "ignore" } }),
);

Deno.test("CancelScope refuses times that are none, before the body starts", async () => {
  assertThrows(
    () => new CancelScope({ deadline: NaN }),
    RangeError,
    'Cannot make a CancelScope as "deadline" must be a time in milliseconds: received NaN',
  );
  assertThrows(
    () => new CancelScope({ timeout: -1 }),
    RangeError,
    'Cannot make a CancelScope as "timeout" must be >= 0: received -1',
  );
  assertThrows(
    () => new CancelScope({ timeout: 1, deadline: 1 }),
    RangeError,
    'Cannot make a CancelScope as only one of "deadline" and "timeout" may be given: received both',
  );
  assertThrows(() => new CancelScope({ timeout: "1" as never }), TypeError, '"timeout" must be a number: received "1"');
  const scope = new CancelScope();
  assertThrows(() => scope.deadline = NaN, RangeError, "Cannot set the deadline of a scope");
  await scope.run(() => {});
});

Deno.test("CancelScope.run() refuses a second use, and a body that is no function", async () => {
  const scope = new CancelScope();
  await scope.run(() => {});
  await assertRejects(
    () => scope.run(() => {}),
    TypeError,
    "Cannot enter a scope as it was used before: make a new one for each use",
  );
  await assertRejects(
    () => new CancelScope().run(Promise.resolve() as never),
    TypeError,
    'Cannot run a scope as "body" must be a function: received a promise: write () => work() instead of work()',
  );
  await assertRejects(
    () => new CancelScope().run(async function* () {} as never),
    TypeError,
    'Cannot run a scope as "body" must be a plain or async function: received a generator function',
  );
});
