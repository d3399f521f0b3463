// deno-lint-ignore-file no-console -- what is printed is part of the test
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulate, simulated } from "../testing/mod.ts";
import {
  AlarmQueue,
  CancelScope,
  cancelShieldedCheckpoint,
  checkpoint,
  checkpointIfCancelled,
  currentEffectiveDeadline,
  currentTime,
  failAfter,
  failAt,
  isCancelled,
  moveOnAfter,
  moveOnAt,
  openNursery,
  realClock,
  run,
  shielded,
  shutdownRequested,
  sleep,
  sleepForever,
  sleepUntil,
  TooSlowError,
  untilShutdown,
} from "./mod.ts";

Deno.test(
  "sleep() wakes in the order of deadlines, and of creation among equal ones, at exact times",
  simulated(async (sim) => {
    const order: string[] = [];
    await openNursery((nursery) => {
      for (const [name, ms] of [["c", 3.5], ["a", 1], ["b", 2], ["a2", 1]] as const) {
        nursery.startSoon(async () => {
          await sleep(ms);
          order.push(`${name} ${sim.now}`);
        });
      }
    });
    assertEquals(order, ["a 1", "a2 1", "b 2", "c 3.5"]);
  }),
);

Deno.test("sleep() takes lengths beyond those of host timers", async () => {
  const year = 365 * 24 * 3_600_000;
  assertEquals(
    await simulate(async (sim) => {
      await sleep(year);
      return sim.now;
    }, { maxVirtual: Infinity }),
    year,
  );
});

Deno.test("time functions refuse times that are none, before the body starts", async () => {
  let ran = false;
  const body = () => void (ran = true);
  await assertRejects(() => sleep(-1), RangeError, 'Cannot sleep as "ms" must be >= 0: received -1');
  await assertRejects(() => sleep(NaN), RangeError, 'Cannot sleep as "ms" must be >= 0: received NaN');
  await assertRejects(() => sleep("5" as never), TypeError, 'Cannot sleep as "ms" must be a number: received "5"');
  await assertRejects(
    () => sleepUntil(NaN),
    RangeError,
    'Cannot sleep as "deadline" must be a time in milliseconds: received NaN',
  );
  await assertRejects(
    () => moveOnAfter(-1, body),
    RangeError,
    'Cannot set a timeout as "ms" must be >= 0: received -1',
  );
  await assertRejects(
    () => failAfter(NaN, body),
    RangeError,
    'Cannot set a timeout as "ms" must be >= 0: received NaN',
  );
  await assertRejects(() => moveOnAt(NaN, body), RangeError, 'Cannot set a deadline as "deadline" must be a time');
  await assertRejects(() => failAt(NaN, body), RangeError, 'Cannot set a deadline as "deadline" must be a time');
  await assertRejects(
    () => shielded(body, { timeout: -1 }),
    RangeError,
    'Cannot shield a function as "timeout" must be >= 0: received -1',
  );
  await assertRejects(
    () => moveOnAfter(1, 5 as never),
    TypeError,
    'Cannot run a scope as "body" must be a function: received 5',
  );
  assert(!ran);
});

Deno.test(
  "sleepUntil() a moment that has passed is a checkpoint",
  simulated(async (sim) => {
    await sleep(10);
    await sleepUntil(5);
    assertEquals(sim.now, 10);
    const outcome = await moveOnAfter(0, () => sleepUntil(5));
    assert(outcome.cancelledCaught);
  }),
);

Deno.test(
  "checkpoint() yields first and looks then; its halves do one thing each",
  simulated(async () => {
    const scope = new CancelScope();
    const outcome = await scope.run(async () => {
      const wait = checkpoint();
      scope.cancel();
      await wait;
      return "not noticed";
    });
    assert(outcome.cancelledCaught);
    const halves = await moveOnAfter(0, async () => {
      await cancelShieldedCheckpoint();
      await checkpointIfCancelled();
      return "not reached";
    });
    assert(halves.cancelledCaught);
    await checkpointIfCancelled();
  }),
);

Deno.test(
  "failAfter() fails with TooSlowError if its scope caught its cancellation, by timeout or by hand",
  simulated(async (sim) => {
    const error = await assertRejects(
      () => failAfter(1_500, () => sleepForever()),
      TooSlowError,
      "Cannot finish in time as it was not done when 1.5s had passed",
    );
    assert(isCancelled(error.cause) && error.cause.source === "deadline");
    assertEquals(sim.now, 1_500);
    await assertRejects(
      () =>
        failAfter(1_000, async (scope) => {
          scope.cancel("by hand");
          await checkpoint();
        }),
      TooSlowError,
      "Cannot finish in time as its scope was cancelled: Cancelled as cancel() was called",
    );
    assertEquals(await failAt(sim.now + 5, () => "in time"), "in time");
    await assertRejects(() => failAt(sim.now + 5, () => sleep(6)), TooSlowError, "the deadline t=1.505s had passed");
  }),
);

Deno.test(
  "failAfter(): an error of the body wins over the timeout",
  simulated(async () => {
    await assertRejects(
      () => failAfter(1, () => sleepForever().catch(() => Promise.reject(new TypeError("mine")))),
      TypeError,
      "mine",
    );
  }),
);

Deno.test(
  "moveOnAfter() passes a cancellation from outside through",
  simulated(async (sim) => {
    const outcome = await moveOnAfter(1, () => moveOnAfter(100, () => sleepForever()));
    assert(outcome.cancelledCaught);
    assertEquals(sim.now, 1);
    const at = await moveOnAt(6, () => sleepForever());
    assert(at.cancelledCaught);
    assertEquals(sim.now, 6);
  }),
);

Deno.test(
  "shielded() lets cleanup wait, and its timeout ends it",
  simulated(async (sim) => {
    const log: string[] = [];
    const outcome = await moveOnAfter(1, async () => {
      try {
        await sleepForever();
      } finally {
        await shielded(() => sleep(5));
        log.push(`cleaned up at ${sim.now}`);
        const stuck = await shielded(() => sleepForever(), { timeout: 10 });
        log.push(`gave up at ${sim.now}: ${stuck.cancelledCaught}`);
      }
    });
    assert(outcome.cancelledCaught);
    assertEquals(log, ["cleaned up at 6", "gave up at 16: true"]);
  }),
);

Deno.test(
  "currentEffectiveDeadline() is the earliest out to the nearest shield",
  simulated(async () => {
    assertEquals(currentEffectiveDeadline(), Infinity);
    await moveOnAt(50, async () => {
      await moveOnAt(100, () => assertEquals(currentEffectiveDeadline(), 50));
      await shielded(() => assertEquals(currentEffectiveDeadline(), Infinity));
      await shielded(() => assertEquals(currentEffectiveDeadline(), currentTime() + 5), { timeout: 5 });
      await moveOnAfter(0, () => assertEquals(currentEffectiveDeadline(), -Infinity));
    });
  }),
);

Deno.test(
  "shutdown() ends idle waits at once, lets work go on, and cancels when the grace is over",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        const idle = await untilShutdown(() => sleepForever());
        log.push(`idle ended at ${sim.now}: ${idle.cancelledCaught && idle.cancelled.source}`);
        assert(shutdownRequested());
        const again = await untilShutdown(() => sleep(1));
        log.push(`idle again: ${again.cancelledCaught}`);
      });
      nursery.startSoon(async () => {
        await sleep(12);
        log.push(`finished at ${sim.now}`);
      });
      nursery.startSoon(async () => {
        await shielded(() => untilShutdown(() => sleepForever()));
        log.push(`shields do not hide it: ${sim.now}`);
      });
      nursery.startSoon(() =>
        sleepForever().catch((error) => {
          log.push(`cancelled at ${sim.now}: ${error.source}`);
          throw error;
        })
      );
      await sleep(5);
      assert(!shutdownRequested());
      nursery.cancelScope.shutdown({ grace: 100 });
      nursery.cancelScope.shutdown({ grace: 10 });
      nursery.cancelScope.shutdown({ grace: 1_000 });
      assert(nursery.cancelScope.shutdownRequested);
    });
    assertEquals(log, [
      "idle ended at 5: shutdown",
      "shields do not hide it: 5",
      "idle again: true",
      "finished at 12",
      "cancelled at 15: shutdown",
    ]);
  }),
);

Deno.test(
  "shutdown() without grace never cancels, with 0 at once; a child started later shuts down, too",
  simulated(async (sim) => {
    await openNursery((nursery) => {
      nursery.cancelScope.shutdown();
      nursery.startSoon(async () => {
        assert((await untilShutdown(() => sleepForever())).cancelledCaught);
        await sleep(1_000_000);
      });
    });
    assertEquals(sim.now, 1_000_000);
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      scope.shutdown({ grace: 0 });
      await checkpoint();
    });
    assert(outcome.cancelledCaught && outcome.cancelled.source === "shutdown");
    assertThrows(
      () => new CancelScope().shutdown(),
      TypeError,
      "Cannot shut down a scope as it has not been entered: call run() first",
    );
    await new CancelScope().run((scope) => {
      assertThrows(
        () => scope.shutdown({ grace: -1 }),
        RangeError,
        'Cannot shut down a scope as "grace" must be >= 0: received -1',
      );
    });
  }),
);

Deno.test(
  "untilShutdown() returns the value when no shutdown comes, and passes cancellations and errors through",
  simulated(async () => {
    assertEquals(await untilShutdown(() => 5), { cancelledCaught: false, value: 5 });
    assert((await moveOnAfter(1, () => untilShutdown(() => sleepForever()))).cancelledCaught);
    await assertRejects(() => untilShutdown(() => Promise.reject(new TypeError("x"))), TypeError, "x");
  }),
);

Deno.test("AlarmQueue fires by deadline, then by age: 10,000 random operations against a sorted list", () => {
  for (const width of [0, 1]) {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below;
    const queue = new AlarmQueue(width);
    const model: { deadline: number; id: number; cancel: () => void }[] = [];
    const fired: number[] = [];
    let now = 0;
    for (let id = 0; id < 10_000; id++) {
      const action = random(10);
      if (action < 6) {
        const deadline = now + random(50) / (width === 0 ? 1 : 4);
        const alarm = queue.add(deadline, (fire) => fired.push(fire), id);
        model.push({ deadline, id, cancel: () => alarm.cancel() });
      } else if (action < 8 && model.length > 0) {
        const [gone] = model.splice(random(model.length), 1);
        gone!.cancel();
        gone!.cancel();
      } else {
        now += random(5);
        const due = width === 0 ? now : Math.floor(now);
        while (queue.fireOne(due));
        const expected = model.filter(({ deadline }) => Math.ceil(deadline) <= due || (width === 0 && deadline <= due));
        expected.sort((a, b) =>
          (width === 0 ? 0 : Math.ceil(a.deadline) - Math.ceil(b.deadline)) || a.deadline - b.deadline || a.id - b.id
        );
        assertEquals(fired.splice(0), expected.map(({ id }) => id));
        for (const { id } of expected) model.splice(model.findIndex((entry) => entry.id === id), 1);
      }
      assertEquals(queue.size, model.length);
      const earliest = Math.min(...model.map(({ deadline }) => width === 0 ? deadline : Math.ceil(deadline)));
      assertEquals(queue.next, earliest);
    }
  }
});

Deno.test("AlarmQueue does not grow by alarms that are set and withdrawn", () => {
  const queue = new AlarmQueue();
  queue.add(1e9, () => {}, undefined);
  for (let i = 0; i < 100_000; i++) queue.add(i, () => {}, undefined).cancel();
  assertEquals([queue.size, queue.next], [1, 1e9]);
  assert(!queue.fireOne(1e9 - 1));
  assert(queue.fireOne(1e9));
});

Deno.test("the real clock wakes no sleeper early, fires in order, and survives a callback that throws", async () => {
  const start = currentTime();
  const order: number[] = [];
  await openNursery((nursery) => {
    for (const ms of [3, 1, 2]) {
      nursery.startSoon(async () => {
        await sleep(ms);
        assert(currentTime() - start >= ms);
        order.push(ms);
      });
    }
  });
  assertEquals(order, [1, 2, 3]);
  const reported: unknown[] = [];
  const printError = console.error;
  console.error = (_text, error) => reported.push(error);
  realClock.at(realClock.now(), () => {
    throw new Error("callback");
  }, undefined);
  await sleep(1);
  console.error = printError;
  assertEquals(reported.map(String), ["Error: callback"]);
  assert(Math.abs(realClock.wall() - Date.now()) < 60_000);
});

Deno.test("a sleep beyond the host's timers stays asleep, and leaves no timer when cancelled", async () => {
  const outcome = await moveOnAfter(5, () => sleep(2 ** 40));
  assert(outcome.cancelledCaught);
});

Deno.test("sleep() inside a finished run() leaves nothing behind", async () => {
  await run(() => moveOnAfter(0, () => sleepForever()), { handleSignals: false });
});
