import { assert, assertEquals, assertRejects } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  CancelledElsewhereError,
  failAfter,
  moveOnAfter,
  retry,
  type RetryOptions,
  sleep,
  sleepForever,
  suppressedErrors,
} from "../mod.ts";

/** When the attempts of a function that always fails come. */
function times(options: RetryOptions, seed = 1): Promise<number[]> {
  return simulate(async (sim) => {
    const times: number[] = [];
    await retry(() => {
      times.push(sim.now);
      throw new Error("no");
    }, options).catch(() => {});
    return times;
  }, { seed });
}

Deno.test(
  "retry() returns the first success, and tells the number of the attempt",
  simulated(async () => {
    const attempts: number[] = [];
    const value = await retry(async (attempt) => {
      attempts.push(attempt);
      await sleep(1);
      if (attempt < 3) throw new Error("not yet");
      return "yes";
    });
    assertEquals([value, attempts], ["yes", [1, 2, 3]]);
  }),
);

Deno.test("the waits of retry() grow by the factor up to the maximum, or are what a function says", async () => {
  assertEquals(await times({ attempts: 6, jitter: 0, backoff: { max: 500 } }), [0, 100, 300, 700, 1_200, 1_700]);
  assertEquals(await times({ attempts: 4, jitter: 0, backoff: { initial: 5, factor: 3 } }), [0, 5, 20, 65]);
  assertEquals(await times({ attempts: 3, backoff: (failed) => failed * 7 }), [0, 7, 21]);
  assertEquals(await times({ attempts: 1 }), [0]);
});

Deno.test("jitter comes from the run, so the same seed gives the same times, within the bounds", async () => {
  const [a, b, c] = [await times({ jitter: 1 }, 5), await times({ jitter: 1 }, 5), await times({ jitter: 1 }, 6)];
  assertEquals(a, b);
  assert(String(a) !== String(c));
  for (let seed = 0; seed < 50; seed++) {
    const [, second] = await times({ attempts: 2 }, seed);
    assert(second! >= 50 && second! <= 100, `${second}`);
  }
});

Deno.test(
  "when retry() gives up it throws the last error itself; the earlier ones are kept",
  simulated(async () => {
    const error = await assertRejects(
      () => retry((attempt) => Promise.reject(new Error(`attempt ${attempt}`)), { attempts: 3 }),
      Error,
      "attempt 3",
    );
    assertEquals(suppressedErrors(error).map(String), ["Error: attempt 1", "Error: attempt 2"]);
    const last = await assertRejects(
      () => retry((attempt) => Promise.reject(new Error(`attempt ${attempt}`)), { attempts: 100 }),
      Error,
      "attempt 100",
    );
    assertEquals(suppressedErrors(last).map(String).at(0), "Error: attempt 90");
    assertEquals(suppressedErrors(last).length, 10);
  }),
);

Deno.test(
  "retry() asks whether an error is worth another attempt",
  simulated(async (sim) => {
    const error = await assertRejects(
      () =>
        retry((attempt) => Promise.reject(attempt === 1 ? new TypeError("again") : new RangeError("never")), {
          retryIf: (error) => error instanceof TypeError,
        }),
      RangeError,
      "never",
    );
    assertEquals(suppressedErrors(error).length, 1);
    assert(sim.now <= 100);
  }),
);

Deno.test(
  "retry() gives up at once if the next attempt would come after the deadline, and never tries a cancellation again",
  simulated(async (sim) => {
    await assertRejects(
      () => failAfter(250, () => retry(() => Promise.reject(new Error("down")), { jitter: 0 })),
      Error,
      "down",
    );
    assertEquals(sim.now, 100);
    let calls = 0;
    const outcome = await moveOnAfter(5, () =>
      retry(async () => {
        calls++;
        await sleep(10);
      }));
    assert(outcome.cancelledCaught);
    assertEquals(calls, 1);
    const swallowed = await moveOnAfter(5, () => retry(() => sleep(10).catch(() => Promise.reject(new Error("x")))));
    assert(swallowed.cancelledCaught);
  }),
);

Deno.test("retry() refuses options that are none, before the first attempt", async () => {
  let calls = 0;
  const bad: [RetryOptions, string][] = [
    [{ attempts: 0 }, 'Cannot retry as "attempts" must be >= 1: received 0'],
    [{ attempts: 1.5 }, 'Cannot retry as "attempts" must be a whole number'],
    [{ jitter: 2 }, 'Cannot retry as "jitter" must be a number from 0 to 1: received 2'],
    [{ jitter: NaN }, '"jitter" must be a number from 0 to 1'],
    [{ backoff: { initial: -1 } }, '"backoff.initial" must be >= 0: received -1'],
    [{ backoff: { max: NaN } }, '"backoff.max" must be >= 0: received NaN'],
    [{ backoff: { factor: 0.5 } }, '"backoff.factor" must be >= 1: received 0.5'],
  ];
  for (const [options, message] of bad) await assertRejects(() => retry(() => calls++, options), RangeError, message);
  await assertRejects(() => retry(5 as never), TypeError, '"fn" must be a function');
  assertEquals(calls, 0);
});

Deno.test(
  "retry() loses no error when a function among its options fails",
  simulated(async () => {
    const fail = () => Promise.reject(new Error("down"));
    for (
      const options of [
        { backoff: () => NaN },
        { retryIf: () => assert(false, "fault") as never },
      ]
    ) {
      const error = await retry(fail, options).catch((error) => error);
      assertEquals(suppressedErrors(error).map(String), ["Error: down"], String(error));
    }
  }),
);

Deno.test(
  "retry() without a limit goes on after a thousand failures, and keeps the latest ten errors",
  simulated(async () => {
    const error = await retry((attempt) => Promise.reject(new Error(`${attempt}`)), {
      attempts: 2_000,
      backoff: { initial: 0 },
    }).catch((error) => error);
    assertEquals(error.message, "2000");
    assertEquals(suppressedErrors(error).map((error) => Number((error as Error).message)).slice(-2), [1_998, 1_999]);
    assertEquals(suppressedErrors(error).length, 10);
  }),
);

Deno.test(
  "retry() tries again after a cancellation of somebody else, and never after its own, however it is wrapped",
  simulated(async () => {
    let shared!: Promise<void>;
    await moveOnAfter(1, () => shared = sleep(100));
    const asked: unknown[] = [];
    const value = await retry((attempt) => attempt < 3 ? shared.then(() => "never") : "third", {
      retryIf: (error) => asked.push(error) > 0,
    });
    assertEquals(value, "third");
    for (const error of asked) assert(error instanceof CancelledElsewhereError);
    let calls = 0;
    const outcome = await moveOnAfter(5, () =>
      retry(async () => {
        calls++;
        await using _connection = { [Symbol.asyncDispose]: () => sleep(1) };
        await sleepForever();
      }));
    assert(outcome.cancelledCaught);
    assertEquals(calls, 1);
  }),
);

Deno.test(
  "retry() throws the last error itself, also one that is no object, and tells of this call alone",
  simulated(async () => {
    const constant = new Error("busy");
    for (let i = 0; i < 100; i++) {
      const error = await retry((attempt) => Promise.reject(attempt < 3 ? new Error(`${i}`) : constant), {
        attempts: 3,
        backoff: () => 0,
      }).catch((error) => error);
      assert(error === constant);
    }
    assertEquals(suppressedErrors(constant).map(String), ["Error: 99", "Error: 99"]);
    await retry(() => Promise.reject(constant), { attempts: 1 }).catch(() => {});
    assertEquals(suppressedErrors(constant), []);
    for (const attempts of [1, 2]) {
      const error = await retry(() => Promise.reject("busy"), { attempts }).catch((error) => error);
      assertEquals(error, "busy");
    }
  }),
);

Deno.test(
  "retry() refuses a retryIf and a backoff that give a promise, and loses no error by that",
  simulated(async () => {
    const fail = () => Promise.reject(new RangeError("down"));
    const cases: [RetryOptions, string][] = [
      [
        { retryIf: (async () => await Promise.reject(new Error("unseen"))) as never },
        'Cannot retry as "retryIf" must return true or false: received a promise',
      ],
      [
        { backoff: (() => Promise.resolve(1)) as never },
        'Cannot wait for the next attempt as "backoff" must be a number',
      ],
      [{ backoff: (() => "5") as never }, 'Cannot wait for the next attempt as "backoff" must be a number'],
    ];
    for (const [options, message] of cases) {
      const error = await assertRejects(() => retry(fail, options), TypeError, message);
      assertEquals(suppressedErrors(error).map(String), ["RangeError: down"]);
    }
    for (const value of [function* () {}, async function* () {}]) {
      await assertRejects(() => retry(value as never), TypeError, '"fn" must be a plain or async function');
      await assertRejects(() => retry(fail, { backoff: value as never }), TypeError, '"backoff" must be a plain');
      await assertRejects(() => retry(fail, { retryIf: value as never }), TypeError, '"retryIf" must be a plain');
    }
    await assertRejects(
      () => retry(fail, { backoff: 5 as never }),
      TypeError,
      '"backoff" must be a function or an object',
    );
  }),
);
