import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  all,
  CancelScope,
  checkpoint,
  currentTime,
  Event,
  failAfter,
  failAt,
  isCancelled,
  Lock,
  moveOnAfter,
  moveOnAt,
  openNursery,
  shielded,
  sleep,
  sleepForever,
  TooSlowError,
} from "../mod.ts";

/** A message without where its waits were awaited. */
const withoutPlaces = (message = ""): string => message.replace(/(in task "[^"]*" #\d+)(?:, started)? at [^,]*/g, "$1");

Deno.test(
  "moveOnAfter() returns the value in time, and says so when it was not",
  simulated(async (sim) => {
    assertEquals(await moveOnAfter(5, () => sleep(4).then(() => "value")), { cancelledCaught: false, value: "value" });
    assertEquals(sim.now, 4);
    const outcome = await moveOnAfter(5, () => sleep(6));
    assert(outcome.cancelledCaught && outcome.cancelled.source === "deadline");
    assertEquals([sim.now, outcome.value], [9, undefined]);
  }),
);

Deno.test(
  "moveOnAfter(0) runs its body up to the first wait, moveOnAfter(Infinity) to the end",
  simulated(async (sim) => {
    const steps: string[] = [];
    const none = await moveOnAfter(0, async () => {
      steps.push("started");
      await checkpoint();
      steps.push("not reached");
    });
    assertEquals([none.cancelledCaught, steps], [true, ["started"]]);
    assertEquals((await moveOnAfter(0, () => "no wait")).value, "no wait");
    assertEquals((await moveOnAfter(Infinity, () => sleep(1e6))).cancelledCaught, false);
    assertEquals(sim.now, 1e6);
  }),
);

Deno.test(
  "moveOnAfter() counts from the call, moveOnAt() from the run's zero; a moment that has passed cancels at once",
  simulated(async (sim) => {
    await sleep(10);
    await moveOnAfter(5, () => sleepForever());
    assertEquals(sim.now, 15);
    await moveOnAt(20, () => sleepForever());
    assertEquals(sim.now, 20);
    for (const past of [20, 19, 0, -5, -Infinity]) {
      const outcome = await moveOnAt(past, () => sleepForever());
      assertEquals([outcome.cancelledCaught, sim.now], [true, 20]);
    }
    assertEquals((await moveOnAt(Infinity, () => sleep(1))).cancelledCaught, false);
  }),
);

Deno.test(
  "moveOnAfter() hands its scope to the body, which can move the deadline, shield and cancel",
  simulated(async (sim) => {
    const outcome = await moveOnAfter(5, async (scope) => {
      assert(scope instanceof CancelScope);
      scope.deadline += 5;
      await sleep(8);
      scope.deadline = currentTime() + 1;
      await sleepForever();
    });
    assertEquals([outcome.cancelledCaught, sim.now], [true, 9]);
  }),
);

Deno.test(
  "moveOnAfter() has waited for everything in it when it returns, cleanup included",
  simulated(async (sim) => {
    const log: string[] = [];
    await moveOnAfter(5, () =>
      openNursery((nursery) => {
        nursery.startSoon(() =>
          sleepForever().finally(() => shielded(() => sleep(7)).then(() => log.push(`ended at ${sim.now}`)))
        );
      }));
    assertEquals([sim.now, ...log], [12, "ended at 12"]);
  }),
);

Deno.test(
  "of two timeouts in each other the shorter ends first, whichever is outside",
  simulated(async (sim) => {
    const inner = await moveOnAfter(10, () => moveOnAfter(5, () => sleepForever()));
    assertEquals([inner.cancelledCaught, inner.value?.cancelledCaught, sim.now], [false, true, 5]);
    const outer = await moveOnAfter(5, () => moveOnAfter(10, () => sleepForever()));
    assertEquals([outer.cancelledCaught, sim.now], [true, 10]);
  }),
);

Deno.test(
  "failAfter() returns the value itself in time",
  simulated(async (sim) => {
    assertEquals(await failAfter(5, () => 7), 7);
    assertEquals(await failAt(5, () => sleep(4).then(() => 8)), 8);
    assertEquals(sim.now, 4);
  }),
);

Deno.test(
  "failAfter() fails with TooSlowError if its scope caught, by timeout or by hand, and the Cancelled is the cause",
  simulated(async (sim) => {
    const texts: string[] = [];
    const fails = async (wait: Promise<unknown>) => {
      const error = await assertRejects(() => wait, TooSlowError);
      assert(isCancelled(error.cause));
      texts.push(`${sim.now} ${withoutPlaces(error.message)}`);
    };
    await fails(failAfter(250, () => sleepForever()));
    await fails(failAfter(1_500, () => sleepForever()));
    await fails(failAt(2_000, () => sleepForever()));
    await fails(failAt(-1, () => checkpoint()));
    await fails(failAfter(1, (scope) => {
      scope.cancel("by hand");
      return checkpoint();
    }));
    assertEquals(texts, [
      '250 Cannot finish in time as it was not done when 250ms had passed; it waited for sleep for ever in task "main" #1',
      '1750 Cannot finish in time as it was not done when 1.5s had passed; it waited for sleep for ever in task "main" #1',
      "2000 Cannot finish in time as it was not done when the deadline t=2s had passed; it waited for " +
      'sleep for ever in task "main" #1',
      "2000 Cannot finish in time as it was not done when the deadline t=-1ms had passed",
      '2000 Cannot finish in time as its scope was cancelled: Cancelled as cancel() was called in task "main" #1: by hand',
    ]);
  }),
);

Deno.test(
  "failAfter() does not fail if the time passed but nothing was cut short",
  simulated(async () => {
    const value = await failAfter(5, async () => {
      await sleepForever().catch(() => {});
      return "late, but done";
    });
    assertEquals(value, "late, but done");
  }),
);

Deno.test(
  "failAfter() lets an error of the body win, and a cancellation from outside pass as such",
  simulated(async (sim) => {
    const mine = new TypeError("mine");
    const thrown = await failAfter(1, () => sleepForever().catch(() => Promise.reject(mine))).catch((error) => error);
    assertStrictEquals(thrown, mine);
    const outcome = await moveOnAfter(1, () => failAfter(100, () => sleepForever()));
    assertEquals([outcome.cancelledCaught, sim.now], [true, 2]);
    const equal = await moveOnAfter(5, () => failAfter(5, () => sleepForever()));
    assert(equal.cancelledCaught, "the outer one wins, so nothing failed");
  }),
);

Deno.test(
  "a TooSlowError of an inner failAfter() is an ordinary error for the scopes around it",
  simulated(async (sim) => {
    await assertRejects(
      () => failAfter(10, () => failAfter(5, () => sleepForever())),
      TooSlowError,
      "when 5ms had passed",
    );
    assertEquals(sim.now, 5);
  }),
);

Deno.test(
  "shielded() keeps cancellation from outside out until the body has ended; the next wait throws",
  simulated(async (sim) => {
    const log: string[] = [];
    const outcome = await moveOnAfter(5, async () => {
      log.push(String((await shielded(() => sleep(10).then(() => `slept until ${sim.now}`))).value));
      log.push("after the shield");
      await checkpoint();
      log.push("not reached");
    });
    assertEquals([outcome.cancelledCaught, log], [true, ["slept until 10", "after the shield"]]);
  }),
);

Deno.test(
  "shielded() is ended by its timeout or its own scope, and throws what its body throws",
  simulated(async (sim) => {
    const timedOut = await shielded(() => sleepForever(), { timeout: 10 });
    assert(timedOut.cancelledCaught && timedOut.cancelled.source === "deadline");
    assertEquals(sim.now, 10);
    const byHand = await shielded(async (scope) => {
      assert(scope.shield);
      scope.cancel();
      await checkpoint();
    });
    assert(byHand.cancelledCaught);
    await assertRejects(() => shielded(() => Promise.reject(new TypeError("mine"))), TypeError, "mine");
  }),
);

Deno.test(
  "timeouts refuse times that are none, and bodies that are no functions, before anything runs",
  simulated(async () => {
    let ran = false;
    const body = () => void (ran = true);
    const promise = Promise.resolve() as never;
    const rows: [() => Promise<unknown>, new () => Error, string][] = [
      [() => moveOnAfter(-1, body), RangeError, 'Cannot set a timeout as "ms" must be >= 0: received -1'],
      [() => moveOnAfter(NaN, body), RangeError, 'Cannot set a timeout as "ms" must be >= 0: received NaN'],
      [() => moveOnAfter("5" as never, body), TypeError, 'Cannot set a timeout as "ms" must be a number: received "5"'],
      [() => failAfter(-0.5, body), RangeError, 'Cannot set a timeout as "ms" must be >= 0: received -0.5'],
      [
        () => moveOnAt(NaN, body),
        RangeError,
        'Cannot set a deadline as "deadline" must be a time in milliseconds: received NaN',
      ],
      [
        () => failAt(undefined as never, body),
        TypeError,
        'Cannot set a deadline as "deadline" must be a number: received undefined',
      ],
      [
        () => shielded(body, { timeout: -1 }),
        RangeError,
        'Cannot shield a function as "timeout" must be >= 0: received -1',
      ],
      ...[moveOnAfter, moveOnAt, failAfter, failAt].map((fn) =>
        [
          () => fn(1, promise),
          TypeError,
          'Cannot run a scope as "body" must be a function: received a promise: write () => work() instead of work()',
        ] as [() => Promise<unknown>, new () => Error, string]
      ),
    ];
    for (const [call, Class, message] of rows) {
      const error = await call().then(() => "nothing thrown", (error) => error);
      assertEquals([error.constructor, error.message], [Class, message]);
    }
    assert(!ran);
    assertThrows(() => new CancelScope({ timeout: -1 }), RangeError);
  }),
);

Deno.test(
  "TooSlowError says what was waited for when the time ran out: kind, label and task, oldest first, none behind a shield",
  simulated(async () => {
    const [lock, gate] = [new Lock({ name: "db" }), new Event({ name: "gate" })];
    let error: TooSlowError | undefined;
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        using _guard = await lock.acquire();
        await sleep(500);
      }, { name: "migration" });
      await sleep(1);
      error = await assertRejects(() =>
        failAfter(50, () =>
          openNursery(async (inner) => {
            inner.startSoon(async () => {
              await sleep(5);
              using _guard = await lock.acquire();
            }, { name: "load user" });
            inner.startSoon(() => shielded(() => sleep(60)), { name: "cleanup" });
            await Promise.all([gate.wait(), sleep(10)]);
          })), TooSlowError);
      nursery.cancel();
    });
    assertEquals(error?.waits.map(({ task, kind, since }) => [task, kind, since]), [
      ["main", "event", 1],
      ["load user", "acquire lock", 6],
    ]);
    assertEquals(
      withoutPlaces(error?.message),
      'Cannot finish in time as it was not done when 50ms had passed; it waited for event "gate" in task "main" #1, ' +
        'acquire lock "db" held by task "migration" #2 in task "load user" #3',
    );
    const many = await assertRejects(() => failAfter(1, () => all(Array(20).fill(() => sleepForever()))), TooSlowError);
    assertEquals(many.waits.length, 8);
  }),
);

Deno.test(
  "a TooSlowError says where a task was started of whose wait no place is known",
  simulated(async () => {
    const gate = new Event({ name: "gate" });
    const error = await assertRejects(() =>
      failAfter(50, () =>
        openNursery((nursery) => {
          nursery.startSoon(() => gate.wait(), { name: "returned" }); // nobody in it awaits the wait
          nursery.startSoon(async () => await gate.wait(), { name: "awaited" });
        })), TooSlowError);
    const [returned, awaited] = error.waits;
    assertEquals([returned?.frames, awaited?.startedAt], [[], undefined]);
    assert(/^\/.*timeouts_test\.ts:\d+:\d+$/.test(`${returned?.startedAt}`));
    assert(/in task "returned" #\d+, started at timeouts_test\.ts:\d+:\d+, event "gate" in /.test(error.message));
    assert(/in task "awaited" #\d+ at timeouts_test\.ts:\d+:\d+$/.test(error.message));
  }),
);
