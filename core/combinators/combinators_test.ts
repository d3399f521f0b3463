import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  all,
  allSettled,
  any,
  CancelScope,
  currentTask,
  ErrorGroup,
  isCancelled,
  moveOnAfter,
  openNursery,
  race,
  sleep,
  sleepForever,
  suppressedErrors,
  type Task,
} from "../mod.ts";

/** Gives a value after a time, and notes its end. */
function job<T>(value: T, ms: number, log: string[] = []): () => Promise<T> {
  return async () => {
    try {
      await sleep(ms);
      return value;
    } finally {
      log.push(`${value} ended`);
    }
  };
}

/** Fails after a time. */
function failing(message: string, ms: number): () => Promise<never> {
  return async () => {
    await sleep(ms);
    throw new TypeError(message);
  };
}

/** Waits until cancelled, and fails in its cleanup. */
function failingCleanup(message: string): () => Promise<never> {
  return async () => {
    try {
      return await sleepForever();
    } catch (error) {
      assert(isCancelled(error));
      throw new RangeError(message);
    }
  };
}

Deno.test(
  "all() runs at the same time, and returns the results in order, typed as the tuple",
  simulated(async (sim) => {
    const results: [string, number, boolean] = await all([job("a", 30), job(1, 10), () => true]);
    assertEquals(results, ["a", 1, true]);
    assertEquals(sim.now, 30);
    const list: number[] = await all(new Set([job(1, 2), job(2, 1)]));
    assertEquals(list, [1, 2]);
    assertEquals(await all([]), []);
    const jobs: (() => Promise<number>)[] = [job(1, 1)];
    const numbers: number[] = await all(jobs);
    assertEquals(numbers, [1]);
  }),
);

Deno.test(
  "all(): the first failure cancels the others, waits for them, and is thrown itself; the rest is kept",
  simulated(async (sim) => {
    const log: string[] = [];
    const error = await assertRejects(
      () => all([job("slow", 100, log), failing("first", 10), failingCleanup("cleanup"), failing("second", 20)]),
      TypeError,
      "first",
    );
    assertEquals(log, ["slow ended"]);
    assertEquals(suppressedErrors(error).map(String), ["RangeError: cleanup"]);
    assertEquals(suppressedErrors(new Error("another")), []);
    assertEquals(sim.now, 10);
    const group = await assertRejects(() => all([() => Promise.reject("text"), failingCleanup("x")]), ErrorGroup);
    assertEquals(group.errors.map(String), ["text", "RangeError: x"]);
  }),
);

Deno.test(
  "all(): a group that a function throws is that error, not taken apart",
  simulated(async () => {
    const inner = new ErrorGroup([new Error("a"), new Error("b")]);
    assertEquals(await all([() => Promise.reject(inner)]).catch((error) => error), inner);
    const thrown = await all([() => openNursery((nursery) => void nursery.startSoon(failing("x", 1)))]).catch((e) => e);
    assertInstanceOf(thrown, ErrorGroup);
  }),
);

Deno.test(
  "combinators that are cancelled cancel and wait for all, and an error of a cleanup wins over the cancellation",
  simulated(async () => {
    for (const combine of [all, allSettled, race, any]) {
      const log: string[] = [];
      const outcome = await moveOnAfter<unknown>(5, () => combine([job("a", 10, log), job("b", 20, log)]));
      assert(outcome.cancelledCaught);
      assertEquals(log.sort(), ["a ended", "b ended"]);
      assert((await moveOnAfter<unknown>(0, () => combine([job("c", 1)]))).cancelledCaught);
    }
    for (const combine of [all, race]) {
      await assertRejects(() => moveOnAfter(5, () => combine([failingCleanup("x")])), RangeError, "x");
    }
  }),
);

Deno.test(
  "allSettled() says of each how it ended, and one failure does not disturb the others",
  simulated(async (sim) => {
    const [good, bad, thrown] = await allSettled([job("a", 20), failing("b", 5), () => {
      throw new Error("at once");
    }]);
    assertEquals(good, { status: "fulfilled", value: "a" });
    assert(bad.status === "rejected" && bad.reason.message === "b");
    assert(thrown.status === "rejected" && thrown.reason.message === "at once");
    assertEquals(sim.now, 20);
  }),
);

Deno.test(
  "race() ends as the first does, with its value or its error, and waits for the others",
  simulated(async (sim) => {
    const log: string[] = [];
    const value: string | number = await race([job("a", 30, log), job(1, 10, log)]);
    assertEquals([value, sim.now, log], [1, 10, ["1 ended", "a ended"]]);
    await assertRejects(() => race([job("a", 30), failing("quick", 1)]), TypeError, "quick");
    assertEquals(await race([() => "sync", failing("late", 1)]), "sync");
  }),
);

Deno.test(
  "race(): an error of a loser's cleanup is not lost",
  simulated(async () => {
    await assertRejects(() => race([job("a", 1), failingCleanup("loser")]), RangeError, "loser");
    const error = await assertRejects(() => race([failing("first", 1), failingCleanup("loser")]), TypeError, "first");
    assertEquals(suppressedErrors(error).map(String), ["RangeError: loser"]);
  }),
);

Deno.test(
  "race() and any(): a value that is there is not lost to a cancellation that comes while the losers clean up",
  simulated(async () => {
    for (const combine of [race, any]) {
      const scope = new CancelScope();
      const outcome = await scope.run(async () => {
        const value = await combine([
          async () => {
            await sleep(1);
            return "connection";
          },
          async () => {
            try {
              await sleepForever();
            } finally {
              scope.cancel();
            }
          },
        ]);
        return value;
      });
      assertEquals(outcome, { cancelledCaught: false, value: "connection" });
    }
  }),
);

Deno.test(
  "any() gives the first success and drops failures; if all fail, it throws their group in the order of the list",
  simulated(async () => {
    assertEquals(await any([failing("a", 1), job("b", 10), job("c", 20), failingCleanup("d")]), "b");
    const error = await assertRejects(() => any([failing("slow", 5), failing("quick", 1)]), ErrorGroup);
    assertEquals(error.errors.map(String), ["TypeError: slow", "TypeError: quick"]);
  }),
);

Deno.test("a promise among the functions does not compile, and the compiler points at it", async () => {
  const rejected = await Promise.allSettled([
    all([
      () => 1,
      // @ts-expect-error a promise where a function is needed
      Promise.resolve(2),
    ]),
    race([
      () => 1,
      // @ts-expect-error a promise where a function is needed
      Promise.resolve(2),
    ]),
  ]);
  assertEquals(rejected.map(({ status }) => status), ["rejected", "rejected"]);
});

Deno.test("combinators refuse promises, and race() and any() an empty list, before anything runs", async () => {
  let ran = false;
  const mark = () => void (ran = true);
  for (const combine of [all, allSettled, race, any]) {
    await assertRejects(
      () => combine([mark, Promise.resolve() as never]),
      TypeError,
      '"jobs[1]" must be a function: received a promise: write () => work() instead of work()',
    );
    await assertRejects(() => combine(5 as never), TypeError, '"jobs" must be a list of functions: received 5');
  }
  await assertRejects(
    () => race([]),
    RangeError,
    'Cannot race as "jobs" must have at least one function: it is empty',
  );
  await assertRejects(() => any([]), RangeError, 'Cannot try any as "jobs" must have at least one function');
  assert(!ran);
});

/** A task that was cancelled. */
async function cancelledTask(): Promise<Task<void>> {
  return await openNursery((nursery) => {
    const task = nursery.startSoon(() => sleep(1));
    task.cancel("elsewhere");
    return task;
  });
}

Deno.test(
  "a Cancelled that a job brings along, from a task it joined or its own, is not taken for a result",
  simulated(async () => {
    const gone = await cancelledTask();
    const itself = async () => {
      currentTask().cancel("itself");
      await sleep(1);
    };
    for (const [reason, stray] of [["elsewhere", () => gone.join()], ["itself", itself]] as const) {
      const log: string[] = [];
      for (const combine of [all, race]) {
        const error = await combine([stray, job("other", 10, log)]).catch((error) => error);
        assert(isCancelled(error), combine.name);
        assertEquals(error.reason, reason);
      }
      assertEquals(log, ["other ended", "other ended"]);
      const [first, second] = await allSettled([stray, job("b", 10)]);
      assert(first.status === "rejected" && isCancelled(first.reason));
      assertEquals(second, { status: "fulfilled", value: "b" });
      assertEquals(await any([stray, job("c", 10)]), "c");
      const group = await assertRejects(() => any([stray, failing("d", 10)]), ErrorGroup);
      assertEquals(group.errors.map(String), ["TypeError: d"]);
      assert(isCancelled(await any([stray]).catch((error) => error)));
    }
  }),
);

Deno.test(
  "an error object that is thrown again and again is not noted beside itself",
  simulated(async () => {
    const constant = new Error("always the same");
    const fail = () => Promise.reject(constant);
    for (let i = 0; i < 100; i++) {
      const error = await all([fail, fail, failingCleanup("other")]).catch((error) => error);
      assertEquals(error, constant);
    }
    assertEquals(suppressedErrors(constant).length, 100);
    assert(!suppressedErrors(constant).includes(constant));
  }),
);
