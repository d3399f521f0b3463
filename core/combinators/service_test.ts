import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelledElsewhereError,
  CancelScope,
  failAfter,
  moveOnAfter,
  openNursery,
  service,
  type ServiceOptions,
  sleep,
  sleepForever,
  suppressedErrors,
  TooSlowError,
} from "../mod.ts";

const fixed = (ms: number): ServiceOptions => ({ backoff: () => ms });

Deno.test(
  "service() runs again what fails, with growing waits, and ends with what the function returns",
  simulated(async (sim) => {
    const starts: number[] = [];
    const waits: number[] = [];
    const value = await service(async (start) => {
      starts.push(sim.now);
      await sleep(1);
      if (start < 5) throw new Error(`failure ${start}`);
      return "end";
    }, { backoff: { initial: 10, factor: 3, max: 100 }, jitter: 0, onRestart: (_, ms) => void waits.push(ms) });
    assertEquals([value, waits, starts], ["end", [10, 30, 90, 100], [0, 11, 42, 133, 234]]);
  }),
);

Deno.test(
  "service() gives up at the failure after the limit, with the last error; the earlier ones are beside it",
  simulated(async (sim) => {
    const errors = Array.from({ length: 5 }, (_, i) => new Error(`failure ${i + 1}`));
    let starts = 0;
    const error = await service(async () => {
      await sleep(1);
      throw errors[starts++];
    }, { limit: 4, ...fixed(10) }).catch((error) => error);
    assertStrictEquals(error, errors[4]);
    assertEquals([starts, sim.now], [5, 45]);
    assertEquals(suppressedErrors(error), errors.slice(0, 4));
  }),
);

Deno.test(
  "a run that was well for long enough begins a new succession: the count, the waits and the errors",
  simulated(async (sim) => {
    const waits: number[] = [];
    const error = await service(async (start) => {
      await sleep(start === 3 || start === 6 ? 1_000 : 999);
      throw new Error(`failure ${start}`);
    }, {
      backoff: { initial: 10, factor: 2 },
      jitter: 0,
      limit: 3,
      within: 1_000,
      onRestart: (_, ms) => void waits.push(ms),
    }).catch((error) => error);
    // 1, 2; 3 was well: 1, 2, 3 in succession are 3, 4, 5; 6 was well, so 6, 7, 8, and 9 is one too many.
    assertEquals(waits, [10, 20, 10, 20, 40, 10, 20, 40]);
    assertEquals([error.message, suppressedErrors(error).map((each) => (each as Error).message)], [
      "failure 9",
      ["failure 6", "failure 7", "failure 8"],
    ]);
    assertEquals(sim.now, 7 * 999 + 2_000 + 170);
  }),
);

Deno.test(
  "service() passes a cancellation, running, waiting or refused, and starts nothing after it",
  simulated(async (sim) => {
    let starts = 0;
    const running = await moveOnAfter(5, () =>
      service(async () => {
        starts++;
        await sleepForever();
      }));
    assert(running.cancelledCaught);
    const waiting = await moveOnAfter(5, (scope) => {
      scope.deadline = Infinity;
      setTimeout(() => scope.cancel(), 5);
      return service(() => {
        starts++;
        throw new Error("x");
      }, fixed(60_000));
    });
    assert(waiting.cancelledCaught);
    const refused = await new CancelScope().run(async (scope) => {
      scope.cancel();
      await service(() => void starts++);
    });
    assert(refused.cancelledCaught);
    assertEquals([starts, sim.now], [2, 10]);
  }),
);

Deno.test(
  "service() does not begin a wait that the deadline would cut short: the last error says more than a timeout",
  simulated(async (sim) => {
    const error = await failAfter(100, () =>
      service(async () => {
        await sleep(1);
        throw new RangeError("down");
      }, fixed(60))).catch((error) => error);
    assertInstanceOf(error, RangeError);
    assertEquals(sim.now, 62);
    await assertRejects(() => failAfter(5, () => service(() => sleep(10))), TooSlowError);
  }),
);

Deno.test(
  "the cancellation of another task is a failure for a service, and it starts again",
  simulated(async () => {
    const seen: unknown[] = [];
    await openNursery(async (nursery) => {
      const other = nursery.startSoon(() => sleepForever());
      const value = await service((start) => {
        if (start > 1) return "well";
        other.cancel();
        return other.join();
      }, { ...fixed(1), onRestart: (error) => void seen.push(error) });
      assertEquals(value, "well");
    });
    assertInstanceOf(seen[0], CancelledElsewhereError);
  }),
);

Deno.test(
  "what onRestart throws ends the service; it may wait, and be cancelled",
  simulated(async (sim) => {
    const first = new Error("first");
    const mine = new Error("mine");
    const error = await service(() => Promise.reject(first), {
      onRestart: async () => {
        await sleep(3);
        throw mine;
      },
    }).catch((error) => error);
    assertStrictEquals(error, mine);
    assertEquals([suppressedErrors(error), sim.now], [[first], 3]);
    const outcome = await moveOnAfter(20, (scope) => {
      scope.deadline = Infinity;
      setTimeout(() => scope.cancel(), 2);
      return service(() => Promise.reject(first), { ...fixed(0), onRestart: () => sleepForever() });
    });
    assert(outcome.cancelledCaught);
  }),
);

Deno.test(
  "a service without a limit keeps few of its errors, and lets others have their turn",
  simulated(async (sim) => {
    let starts = 0;
    const error = await moveOnAfter(1_000, () =>
      service(() => {
        if (++starts === 5_000) throw new RangeError("last");
        throw new Error("x");
      }, { limit: Infinity, backoff: (failed) => failed === 5_000 ? Infinity : 0 })).catch((error) => error);
    assertInstanceOf(error, RangeError);
    assertEquals([starts, suppressedErrors(error).length, sim.now], [5_000, 10, 0]);
  }),
);

Deno.test("service() refuses bad options before it calls the function", async () => {
  let calls = 0;
  const fn = () => void calls++;
  const bad: [ServiceOptions, string][] = [
    [{ limit: -1 }, 'Cannot run a service as "limit" must be'],
    [{ limit: 1.5 }, 'Cannot run a service as "limit" must be'],
    [{ within: NaN }, 'Cannot run a service as "within" must be'],
    [{ jitter: 2 }, 'Cannot run a service as "jitter" must be a number from 0 to 1: received 2'],
    [{ backoff: { factor: 0 } }, 'Cannot run a service as "backoff.factor" must be >= 1: received 0'],
    [{ backoff: 5 as never }, 'Cannot run a service as "backoff" must be a function or an object: received 5'],
    [{ onRestart: 5 as never }, 'Cannot run a service as "onRestart" must be a function'],
  ];
  for (const [options, message] of bad) await assertRejects(() => service(fn, options), Error, message);
  await assertRejects(() => service(5 as never), TypeError, 'Cannot run a service as "fn" must be a function');
  assertEquals(calls, 0);
});
