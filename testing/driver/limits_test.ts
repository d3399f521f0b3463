import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { hostImmediate, hostTimeout } from "../../core/internal.ts";
import {
  cancellable,
  CancelScope,
  checkpoint,
  DeadlockError,
  ErrorGroup,
  Event,
  isCancelled,
  moveOnAfter,
  type Nursery,
  openMemoryChannel,
  openNursery,
  shielded,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { beginHostOperation, currentRun, hostOperation } from "../../core/lowlevel.ts";
import { simulate, type SimulateOptions, type Simulation } from "../mod.ts";

// How a simulation that cannot go on ends: with an error that says why, after cleanup, and always.

// Inside a simulation, `setTimeout` is simulated.

/** The failure of a simulation; places in its message are all called 1:1, so that tests may move. */
async function failureOf(body: (sim: Simulation) => unknown, options?: SimulateOptions): Promise<Error> {
  const error = await assertRejects(() => simulate(body, options), Error);
  error.message = error.message.replace(/limits_test\.ts:\d+:\d+/g, "limits_test.ts:1:1");
  return error;
}

Deno.test("a deadlock cancels the run, and its DeadlockError is what the Cancelled gives as its reason", async () => {
  let seen: unknown;
  const error = await failureOf(() => new Event({ name: "never" }).wait().catch((error) => seen = error));
  assertInstanceOf(error, DeadlockError);
  assertEquals(
    error.message,
    'Cannot go on as nothing can ever wake up (t=0ms):\n  main #1  event "never"  since t=0ms  limits_test.ts:1:1',
  );
  assert(isCancelled(seen) && seen.source === "signal" && seen.reason === error);
});

Deno.test("a deadlock is the failure even if the body swallows the cancellation and returns", async () => {
  assertInstanceOf(await failureOf(() => sleepForever().catch(() => "fine")), DeadlockError);
});

Deno.test("a nursery that waits for a stuck child is a deadlock that names both", async () => {
  const error = await failureOf(() =>
    openNursery((nursery) => {
      const [send] = openMemoryChannel<number>(0, { name: "full" });
      nursery.startSoon(() => send.send(1), { name: "sender" });
    }, { name: "pool" })
  );
  const [, main = "", sender = ""] = error.message.split("\n");
  assertMatch(main, /^ {2}main #1 +nursery "pool", 1 child +since t=0ms$/);
  assertMatch(
    sender,
    /^ {2}└─ sender #2 {2}limits_test.ts:1:1 {2}send on channel "full" \(no buffer\) {2}since t=0ms {2}limits_test.ts:1:1$/,
  );
});

Deno.test("a deadlock is found after sleeps, deadlines and foreign promises have run out", async () => {
  const error = await failureOf(async () => {
    await sleep(12_500);
    await new Promise((resolve) => setImmediate(resolve));
    await sleepForever();
  });
  assertStringIncludes(error.message, "Cannot go on as nothing can ever wake up (t=12.5s):");
});

Deno.test("cleanup after a deadlock runs under the same rules, and one that gets stuck is reported as well", async () => {
  const log: string[] = [];
  const error = await failureOf((sim) =>
    sleepForever().finally(() =>
      shielded(async () => {
        await sleep(50);
        log.push(`cleanup at ${sim.now}`);
        await new Event({ name: "cleanup" }).wait();
      })
    )
  );
  assertEquals(log, ["cleanup at 50"]);
  assertInstanceOf(error, DeadlockError);
  assertEquals(
    error.message,
    [
      "Cannot go on as nothing can ever wake up (t=0ms):",
      "  main #1  sleep for ever  since t=0ms  limits_test.ts:1:1",
      "and cleanup got stuck:",
      "Cannot go on as nothing can ever wake up (t=50ms):",
      '  main #1  event "cleanup", being cancelled  since t=50ms  limits_test.ts:1:1',
    ].join("\n"),
  );
});

Deno.test("a heartbeat beside a stuck body ends at maxVirtual; cleanup still has time of its own", async () => {
  const log: string[] = [];
  const error = await failureOf((sim) =>
    openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        while (true) await sleep(1_000);
      }, { name: "heartbeat" });
      await sleepForever().finally(() => shielded(() => sleep(9_000)));
      log.push("not reached");
    }).finally(() => log.push(`cleaned up at ${sim.now}`)), { maxVirtual: 10_000 });
  assertEquals(log, ["cleaned up at 19000"]);
  assertStringIncludes(
    error.message,
    "Cannot go on as more virtual time would pass than allowed: 11s (option maxVirtual)\n  main #1  ",
  );
});

Deno.test("cleanup that goes on for ever hits the limit of time a second time", async () => {
  const error = await failureOf(() =>
    shielded(async () => {
      while (true) await sleep(1_000);
    }), { maxVirtual: 10_000 });
  assertStringIncludes(error.message, "and cleanup got stuck:\nCannot go on as more virtual time would pass");
});

Deno.test("a livelock names the busiest tasks, first the busiest", async () => {
  const error = await failureOf(() =>
    openNursery((nursery) => {
      nursery.startSoon(() => sleepForever(), { name: "idle" });
      for (const [name, times] of [["busy", 3], ["busier", 9]] as const) {
        nursery.startSoon(async () => {
          while (true) await Promise.all(Array.from({ length: times }, pingPong));
        }, { name });
      }
    }), { maxStepsAtOneInstant: 2_000 });
  assertStringIncludes(
    error.message,
    'Cannot go on as time stands still at t=0ms: 2000 waits ended without it moving, most in task "busier" #4, task "busy" #3; ' +
      "a loop that never sleeps? (option maxStepsAtOneInstant)",
  );
});

/** A wait that is woken by a callback, so that it really blocks. */
async function pingPong(): Promise<void> {
  const event = new Event();
  queueMicrotask(() => event.set());
  await event.wait();
}

Deno.test("steps are counted anew whenever time moves: long programs are no livelock", async () => {
  await simulate(async () => {
    for (let i = 0; i < 40; i++) {
      for (let j = 0; j < 100; j++) await pingPong();
      await sleep(1);
    }
  }, { maxStepsAtOneInstant: 200 });
});

Deno.test("a loop that swallows its cancellation, too, ends the test", async () => {
  let stop = false;
  const error = await failureOf(async () => {
    while (!stop) await shielded(pingPong);
  }, { maxStepsAtOneInstant: 1_000 });
  stop = true;
  assertStringIncludes(error.message, "and cleanup got stuck:\nCannot go on as time stands still");
});

Deno.test("a host operation that never ends fails the test by name, also if nobody can be cancelled out of it", async () => {
  const never = new Promise<void>(() => {});
  const error = await failureOf(() => hostOperation("read from 10.0.0.1:80", never), { realTimeout: 5 });
  assertStringIncludes(
    error.message,
    "Cannot go on as operations of the host are in flight and nothing has happened for 5ms: read from 10.0.0.1:80 at limits_test.ts:1:1 " +
      "(virtual time stands still meanwhile: use io: { quiet: 50 } with real listeners)\nand cleanup got stuck:",
  );
});

Deno.test("realTimeout counts from the last thing that happened", async () => {
  await simulate(async () => {
    const operation = beginHostOperation("long, but alive");
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => hostTimeout(resolve, 2));
      await checkpoint();
      beginHostOperation("step").end();
    }
    operation.end();
  }, { realTimeout: 500 });
});

Deno.test("lengths of real time beyond what the host's timers can do are not cut short", async () => {
  // One that fires at once, as the host's would, fails the test, or lets time go on.
  const late = () => new Promise<void>((resolve) => hostTimeout(resolve, 10));
  for (const ms of [2 ** 31, Infinity]) {
    for (
      const [options, wait] of [
        [{ realTimeout: ms }, () => hostOperation("late", late())],
        [{ io: { quiet: ms } }, () => hostOperation("late", late())],
        [{ foreignGrace: ms }, () => cancellable(late())],
      ] as const
    ) {
      await simulate(async (sim) => {
        await moveOnAfter(5, wait);
        assertEquals([options, sim.now], [options, 0]);
      }, options);
    }
  }
});

Deno.test("an error of the body wins over the state it leaves: no deadlock is reported after it", async () => {
  const error = await failureOf(() =>
    openNursery((nursery) => {
      nursery.startSoon(() => sleepForever());
      throw new RangeError("body");
    })
  );
  assertEquals(error.message, "1 error: RangeError: body");
});

Deno.test("tasks that start tasks are counted as steps, and end at a limit", async () => {
  const again = (nursery: Nursery) => nursery.startSoon(() => void again(nursery), { name: "again" });
  const error = await failureOf(() => openNursery((nursery) => void again(nursery)), { maxStepsAtOneInstant: 5_000 });
  assertStringIncludes(
    error.message,
    'time stands still at t=0ms: 5000 waits ended without it moving, most in task "again" #5001 and others of that name',
  );
});

Deno.test("turns in which nothing ends but operations of the host, or alarms of the clock, are counted, too", async () => {
  const operations = await failureOf(async () => {
    // More than enough; and nothing can stop a loop that never waits.
    for (let i = 0; i < 5_000; i++) {
      await hostOperation("empty", new Promise<void>((resolve) => void hostImmediate(() => resolve())));
    }
  }, { maxStepsAtOneInstant: 500 });
  assertStringIncludes(
    operations.message,
    "time stands still at t=0ms: 500 waits ended without it moving, most in operation",
  );
  const alarms = await failureOf(() => {
    const { clock } = currentRun();
    const again = (): void => void clock.at(clock.now(), again, undefined);
    again();
    return sleep(1);
  }, { maxStepsAtOneInstant: 500 });
  assertStringIncludes(alarms.message, "most in an alarm of the clock; a loop that never sleeps?");
});

Deno.test("an alarm of the clock whose callback throws fails the simulation with what it threw", async () => {
  const error = await failureOf(() => {
    const { clock } = currentRun();
    clock.at(5, () => {
      throw new RangeError("from an alarm");
    }, undefined);
    return sleep(10);
  });
  assertEquals(error.message, "from an alarm");
});

// Whoever passes over a cancellation goes on for ever.

Deno.test("a task that passes over its cancellation is named, with the wait that it makes again and again", async () => {
  const bodies: ((sim: Simulation) => unknown)[] = [
    () =>
      moveOnAfter(10, async () => {
        while (true) await sleep(3).catch(() => {});
      }),
    () =>
      moveOnAfter(10, async () => {
        // With steps between that go through.
        while (true) await sleep(3).catch(() => shielded(() => checkpoint()));
      }),
    () =>
      openNursery(async (nursery) => {
        await sleep(10);
        nursery.cancel();
        while (true) await Promise.all(Array.from({ length: 9 }, () => sleep(3))).catch(() => {});
      }),
  ];
  for (const body of bodies) {
    const { message } = await failureOf(body);
    assertMatch(
      message,
      /^Cannot go on as task "main" #1 goes on although it was cancelled at t=10ms \(Cancelled as [^\n]*\): 1000 waits of it were refused without time moving, the last one at limits_test\.ts:1:1; something catches Cancelled and does not throw it on$/,
    );
  }
});

Deno.test("waits that are refused together, or each in a task of its own, are no loop", async () => {
  await simulate(async () => {
    await moveOnAfter(10, () => Promise.all(Array.from({ length: 5_000 }, () => sleep(60_000))));
    await moveOnAfter(10, (scope) => {
      scope.cancel();
      return Promise.allSettled(Array.from({ length: 5_000 }, () => sleep(1)));
    });
    await openNursery((nursery) => {
      for (let i = 0; i < 5_000; i++) nursery.startSoon(() => sleep(60_000).finally(() => sleep(1)));
      nursery.cancel();
    });
  });
});

Deno.test("a simulation that is given up leaves nothing running behind", async () => {
  let steps = 0;
  await failureOf(() =>
    moveOnAfter(10, async () => {
      while (true) await sleep(3).catch(() => steps++);
    })
  );
  const again = (nursery: Nursery): void => {
    steps++;
    nursery.startSoon(() => again(nursery));
  };
  await failureOf(() => openNursery((nursery) => again(nursery)), { maxStepsAtOneInstant: 1_000 });
  await new Promise<void>((resolve) => void hostImmediate(() => resolve()));
  const before = steps;
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => void hostImmediate(() => resolve()));
  assertEquals(steps, before);
});

Deno.test("an operation of the host that waits for simulated time is told from a slow one", async () => {
  const fake = { query: () => new Promise((resolve) => setTimeout(resolve, 3_000)) };
  const { message } = await failureOf(
    () => moveOnAfter(500, () => cancellable(hostOperation("sql", fake.query()))),
    { realTimeout: 5 },
  );
  assertEquals(
    message.split("\nand cleanup")[0],
    "Cannot go on as operations of the host are in flight and nothing has happened for 5ms: sql at limits_test.ts:1:1 " +
      "(virtual time stands still meanwhile, and what is due at t=500ms does not come: do not wrap what is simulated " +
      "itself in hostOperation(), as the answer of a fake; use io: { quiet: 50 } with real listeners)\ntimers left:\n" +
      '  setTimeout(3000) at limits_test.ts:1:1, task "main" #1',
  );
  // Let go, or allowed to be quiet, it behaves.
  for (
    const [wait, io] of [[() => fake.query(), "freeze"], [() => hostOperation("sql", fake.query()), {
      quiet: 1,
    }]] as const
  ) {
    const outcome = await simulate(
      async (sim) => [(await moveOnAfter(500, () => cancellable(wait()))).cancelledCaught, sim.now],
      { io, leaks: "ignore" },
    );
    assertEquals(outcome, [true, 500]);
  }
});

Deno.test("thousands of timeouts of 0 at one instant are no task that passes over its cancellation", async () => {
  await simulate(async (sim) => {
    for (let i = 0; i < 3_000; i++) assert((await moveOnAfter(0, () => sleep(1))).cancelledCaught);
    assertEquals(sim.now, 0);
  });
});

Deno.test("a scope around a simulation that is given up ends with it", async () => {
  const stuck = () => simulate(() => shielded(() => new Event().wait()));
  await assertRejects(() => new CancelScope().run(stuck), DeadlockError, "and cleanup got stuck");
  await assertRejects(() => openNursery((nursery) => void nursery.startSoon(stuck)), ErrorGroup);
});
