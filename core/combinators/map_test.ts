import { AsyncLocalStorage } from "node:async_hooks";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  all,
  asCompleted,
  CancelledElsewhereError,
  CancelScope,
  currentTask,
  ErrorGroup,
  forEach,
  Lazy,
  map,
  moveOnAfter,
  openNursery,
  retry,
  sleep,
  sleepForever,
  suppressedErrors,
} from "../mod.ts";

/** Numbers for ever, or to a last one; says what happens to it. */
class Numbers implements AsyncIterable<number> {
  asked = 0;
  returned = 0;

  constructor(readonly ms = 0, readonly last = Infinity) {}

  [Symbol.asyncIterator](): AsyncIterator<number> {
    let asking = false;
    return {
      next: async () => {
        assert(!asking, "asked for an item before the last one was there");
        asking = true;
        const value = ++this.asked;
        await sleep(this.ms);
        asking = false;
        return value > this.last ? { done: true, value: undefined } : { done: false, value };
      },
      return: async () => {
        this.returned++;
        return await Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}

Deno.test(
  "map() gives the results in the order of the items, so many at a time",
  simulated(async (sim) => {
    let running = 0;
    let most = 0;
    const work = async (n: number, index: number) => {
      most = Math.max(most, ++running);
      await sleep(10 * (4 - n));
      running--;
      return `${index}:${n}`;
    };
    assertEquals(await map([1, 2, 3], work), ["0:1", "1:2", "2:3"]);
    assertEquals([sim.now, most], [30, 3]);
    most = 0;
    assertEquals(await map(new Set([1, 2, 3]), work, { concurrency: 2 }), ["0:1", "1:2", "2:3"]);
    assertEquals([sim.now, most], [60, 2]);
    assertEquals(await map(new Numbers(1, 3), work, { concurrency: 1 }), ["0:1", "1:2", "2:3"]);
    assertEquals(await map([], work), []);
  }),
);

Deno.test(
  "an async source is asked for one item at a time, and only when somebody is free",
  simulated(async () => {
    const numbers = new Numbers(1);
    const outcome = await moveOnAfter(100, () => forEach(numbers, () => sleepForever(), { concurrency: 5 }));
    assert(outcome.cancelledCaught);
    assertEquals([numbers.asked, numbers.returned], [5, 1]);
  }),
);

Deno.test(
  "map() ends when a source ends slowly, while some workers wait for their turn and others still work",
  simulated(async (sim) => {
    async function* source() {
      yield* [10, 20, 30];
      await sleep(15);
    }
    assertEquals(await map(source(), (ms) => sleep(ms).then(() => ms)), [10, 20, 30]);
    assertEquals(sim.now, 30);
  }),
);

Deno.test(
  "map() over an infinite source stops at the first error, closes the source once, and keeps other errors",
  simulated(async (sim) => {
    const numbers = new Numbers(1);
    const ended: number[] = [];
    const error = await assertRejects(
      () =>
        map(numbers, async (n) => {
          try {
            await sleep(n === 3 ? 5 : 100);
          } catch (error) {
            ended.push(n);
            if (n === 2) throw new RangeError("cleanup");
            throw error;
          }
          throw new TypeError(`item ${n}`);
        }, { concurrency: 4 }),
      TypeError,
      "item 3",
    );
    assertEquals(suppressedErrors(error).map(String), ["RangeError: cleanup"]);
    assertEquals([ended.sort(), numbers.returned, numbers.asked, sim.now], [[1, 2, 4], 1, 4, 8]);
  }),
);

Deno.test(
  "a source that fails, or has ended, is not closed; its error is thrown",
  simulated(async () => {
    const log: string[] = [];
    function* failing(): Generator<number> {
      try {
        yield 1;
        throw new TypeError("source");
      } finally {
        log.push("closed");
      }
    }
    await assertRejects(() => map(failing(), (n) => sleep(n)), TypeError, "source");
    assertEquals(log, ["closed"]);
    const numbers = new Numbers(0, 3);
    await forEach(numbers, () => {}, { concurrency: 10 });
    assertEquals(numbers.returned, 0);
    const error = await assertRejects(
      () =>
        map({
          [Symbol.asyncIterator]: () => ({
            next: () => Promise.resolve({ done: false, value: 1 }),
            return: () => Promise.reject(new RangeError("return")),
          }),
        }, () =>
          Promise.reject(new TypeError("work")), { concurrency: 1 }),
      TypeError,
      "work",
    );
    assertEquals(suppressedErrors(error).map(String), ["RangeError: return"]);
  }),
);

Deno.test(
  "map() in a cancelled scope, or cancelled between items that never wait, stops",
  simulated(async () => {
    let calls = 0;
    assert((await moveOnAfter(0, () => map([1, 2, 3], () => calls++))).cancelledCaught);
    assertEquals(calls, 0);
    const scope = new CancelScope();
    function* forever(): Generator<number> {
      while (true) yield 1;
    }
    const outcome = await scope.run(() =>
      forEach(forever(), () => {
        if (++calls === 1_000) scope.cancel();
      })
    );
    assert(outcome.cancelledCaught);
    assertEquals(calls, 1_000);
  }),
);

Deno.test("work that waits for nothing lets deadlines pass", async () => {
  function* forever(): Generator<number> {
    while (true) yield 1;
  }
  assert((await moveOnAfter(5, () => forEach(forever(), () => {}, { concurrency: 3 }))).cancelledCaught);
});

Deno.test(
  "asCompleted() gives results as they come, and begins nothing before it is asked",
  simulated(async (sim) => {
    const log: string[] = [];
    const results = asCompleted([30, 10, 20], async (ms) => {
      log.push(`start ${ms}`);
      await sleep(ms);
      return ms;
    }, { concurrency: 2 });
    await sleep(5);
    assertEquals(log, []);
    for await (const ms of results) log.push(`${ms} at ${sim.now}`);
    assertEquals(log, ["start 30", "start 10", "10 at 15", "start 20", "30 at 35", "20 at 35"]);
    assertEquals(await results.next(), { done: true, value: undefined });
  }),
);

Deno.test(
  "leaving a loop over asCompleted() cancels the rest, waits for it, and closes the source once",
  simulated(async (sim) => {
    const numbers = new Numbers(1);
    const ended: number[] = [];
    for await (
      const n of asCompleted(numbers, async (n) => {
        try {
          await sleep(n === 2 ? 1 : 1_000);
          return n;
        } finally {
          ended.push(n);
        }
      }, { concurrency: 3 })
    ) {
      assertEquals(n, 2);
      break;
    }
    assertEquals([ended, numbers.returned, sim.now], [[2, 1], 1, 3]);
    const unused = asCompleted(numbers, (n) => n);
    await unused.return!();
    assertEquals(numbers.returned, 1);
    assertEquals((await unused.next()).done, true);
  }),
);

Deno.test(
  "asCompleted(): an error comes out of the loop after everything has ended",
  simulated(async () => {
    const ended: number[] = [];
    await assertRejects(
      async () => {
        for await (
          const _ of asCompleted([5, 1, 9], async (ms) => {
            try {
              await sleep(ms);
            } finally {
              ended.push(ms);
            }
            throw new TypeError(`after ${ms}`);
          })
        ) assert(false);
      },
      TypeError,
      "after 1",
    );
    assertEquals(ended, [1, 9, 5]);
  }),
);

Deno.test(
  "a slow consumer of asCompleted() slows the workers down",
  simulated(async () => {
    const numbers = new Numbers();
    const results = asCompleted(numbers, (n) => n, { concurrency: 2 });
    await results.next();
    await sleep(100);
    assert(numbers.asked <= 4, `${numbers.asked}`);
    await results.return!();
  }),
);

Deno.test(
  "a timeout around one next() of asCompleted() loses nothing; a cancelled scope around the loop ends the work first",
  simulated(async () => {
    const results = asCompleted([20], async (ms) => {
      await sleep(ms);
      return ms;
    });
    assert((await moveOnAfter(5, () => results.next())).cancelledCaught);
    assertEquals(await results.next(), { done: false, value: 20 });
    assertEquals(await results.next(), { done: true, value: undefined });
    const ended: string[] = [];
    const outcome = await moveOnAfter(5, async () => {
      for await (
        const _ of asCompleted([1], async () => {
          try {
            await sleepForever();
          } finally {
            await Promise.resolve();
            ended.push("work");
          }
        })
      );
    });
    ended.push("scope");
    assert(outcome.cancelledCaught);
    assertEquals(ended, ["work", "scope"]);
  }),
);

Deno.test("map(), forEach() and asCompleted() refuse what cannot be gone through, before any effect", async () => {
  for (const run of [map, forEach] as (typeof map)[]) {
    await assertRejects(
      () => run(5 as never, () => {}),
      TypeError,
      '"source" must be an iterable or async iterable: received 5',
    );
    await assertRejects(() => run([], 5 as never), TypeError, '"fn" must be a function: received 5');
    for (const concurrency of [0, -1, 1.5, NaN]) {
      await assertRejects(() => run([], () => {}, { concurrency }), RangeError, '"concurrency" must be');
    }
  }
  assertThrows(
    () => asCompleted([], () => {}, { concurrency: 0 }),
    RangeError,
    '"concurrency" must be >= 1: received 0',
  );
});

Deno.test("map() over 10,000 items with random times keeps the order and the limit", async () => {
  await simulate(async (sim) => {
    let running = 0;
    let most = 0;
    const items = Array.from({ length: 10_000 }, (_, i) => i);
    const results = await map(items, async (n) => {
      most = Math.max(most, ++running);
      if (sim.random() < 0.5) await sleep(Math.floor(sim.random() * 10));
      running--;
      return 2 * n;
    }, { concurrency: 7 });
    assertEquals(results, items.map((n) => 2 * n));
    assertEquals(most, 7);
  });
});

Deno.test(
  "map(): a cancellation that the work or the source brings along is a failure, and leaves no holes in a list",
  simulated(async () => {
    const gone = await openNursery((nursery) => {
      const task = nursery.startSoon(() => sleepForever());
      task.cancel("elsewhere");
      return task;
    });
    let shared!: Promise<void>;
    await moveOnAfter(1, () => shared = sleep(100));
    const itself = async (): Promise<never> => {
      currentTask().cancel();
      return await sleepForever();
    };
    for (const stray of [() => gone.join(), () => shared, itself]) {
      for (const concurrency of [1, 2, Infinity]) {
        const work = async (n: number) => n === 2 ? await stray() : n;
        await assertRejects(() => map([1, 2, 3], work, { concurrency }), CancelledElsewhereError);
        const done: number[] = [];
        const error = await assertRejects(
          () => forEach([1, 2, 3, 4], (n) => work(n).then(() => done.push(n)), { concurrency, errors: "collect" }),
          ErrorGroup,
        );
        assertInstanceOf(error.errors[0], CancelledElsewhereError);
        assertEquals(done, [1, 3, 4]);
        await assertRejects(
          () => Array.fromAsync(asCompleted([1, 2, 3], work, { concurrency })),
          CancelledElsewhereError,
        );
      }
      if (stray === itself) continue;
      const source = {
        async *[Symbol.asyncIterator]() {
          yield 1;
          yield await stray();
        },
      };
      await assertRejects(() => forEach(source, () => {}), CancelledElsewhereError);
    }
  }),
);

Deno.test(
  "map() over a stream that gives nothing more can be cancelled; the stream is told, and not locked",
  simulated(async () => {
    let cancelled = false;
    const stream = new ReadableStream<number>({
      start: (controller) => controller.enqueue(1),
      cancel: () => void (cancelled = true),
    });
    const seen: number[] = [];
    const outcome = await moveOnAfter(5, () => forEach(stream, (n) => void seen.push(n)));
    assert(outcome.cancelledCaught);
    assertEquals([seen, cancelled, stream.locked], [[1], true, false]);
    const whole = ReadableStream.from([1, 2]);
    assertEquals(await map(whole, (n) => n), [1, 2]);
    assertEquals(whole.locked, false);
  }),
);

Deno.test(
  'map() and forEach() with errors: "collect" work on all items, and throw all errors in the order of the items',
  simulated(async (sim) => {
    for (const concurrency of [1, 2, Infinity]) {
      const done: number[] = [];
      const work = async (n: number) => {
        await sleep(10 - n);
        if (n % 2 === 0) throw new RangeError(`${n}`);
        done.push(n);
      };
      for (const run of [map, forEach] as (typeof map)[]) {
        const error = await assertRejects(
          () => run([1, 2, 3, 4, 5, 6], work, { errors: "collect", concurrency }),
          ErrorGroup,
        );
        assertEquals(error.errors.map(String), ["RangeError: 2", "RangeError: 4", "RangeError: 6"]);
        assertEquals(done.sort(), [1, 3, 5]);
        done.length = 0;
      }
    }
    assertEquals(await map([1, 2], (n) => n, { errors: "collect" }), [1, 2]);
    // The source is worked on up to where it fails, and no work in progress is cancelled by that.
    function* failing(): Generator<number> {
      yield* [1, 2];
      throw new TypeError("source");
    }
    const ended: number[] = [];
    const error = await assertRejects(
      () =>
        forEach(failing(), async (n) => {
          await sleep(n);
          ended.push(n);
          if (n === 2) throw new RangeError("last");
        }, { errors: "collect" }),
      ErrorGroup,
    );
    assertEquals([error.errors.map(String), ended], [["RangeError: last", "TypeError: source"], [1, 2]]);
    // What was collected is not lost to a timeout.
    const begin = sim.now;
    const cut = await assertRejects(
      () =>
        moveOnAfter(
          5,
          () =>
            forEach([1, 2, 3], (n) => n === 2 ? sleepForever() : Promise.reject(new RangeError(`${n}`)), {
              errors: "collect",
            }),
        ),
      ErrorGroup,
    );
    assertEquals([cut.errors.map(String), sim.now - begin], [["RangeError: 1", "RangeError: 3"], 5]);
    await assertRejects(
      () => map([1], () => {}, { errors: "all" as never }),
      RangeError,
      'Cannot map as "errors" must be "first" or "collect": received "all"',
    );
  }),
);

Deno.test(
  'asCompleted() with errors: "collect" gives all results, and then throws all errors',
  simulated(async () => {
    for (const ordered of [false, true]) {
      const results: number[] = [];
      const error = await assertRejects(
        async () => {
          for await (
            const n of asCompleted([3, 2, 1], async (n) => {
              await sleep(n);
              if (n !== 3) return n;
              throw new RangeError("3");
            }, { errors: "collect", ordered })
          ) results.push(n);
        },
        ErrorGroup,
      );
      assertEquals([results, error.errors.map(String)], [ordered ? [2, 1] : [1, 2], ["RangeError: 3"]]);
    }
  }),
);

Deno.test(
  "asCompleted() in order gives the results in the order of the items, and never has more than so many at a time",
  simulated(async (sim) => {
    for (const concurrency of [1, 2, 3, Infinity]) {
      let open = 0;
      let most = 0;
      const results: number[] = [];
      const items = Array.from({ length: 50 }, (_, i) => i);
      for await (
        const n of asCompleted(items, async (n) => {
          most = Math.max(most, ++open);
          await sleep(Math.floor(sim.random() * 20));
          return n;
        }, { ordered: true, concurrency })
      ) {
        open--;
        results.push(n);
        if (n % 10 === 0) await sleep(50);
      }
      assertEquals(results, items);
      // One more may be on its way to the loop.
      assert(most <= concurrency + 1, `${most} of ${concurrency}`);
    }
    // A result that is ready before its turn holds its worker, and so the source.
    const numbers = new Numbers();
    const pages = asCompleted(numbers, (n) => n === 1 ? sleepForever() : n, { ordered: true, concurrency: 4 });
    assert((await moveOnAfter(100, () => pages.next())).cancelledCaught);
    assertEquals(numbers.asked, 4);
    await pages.return!();
    assertEquals(numbers.returned, 1);
    assertThrows(
      () => asCompleted([], () => {}, { ordered: 1 as never }),
      TypeError,
      'Cannot go through results as "ordered" must be true or false: received 1',
    );
  }),
);

Deno.test(
  "the error of asCompleted() is told once, by whichever call comes first; then it is done",
  simulated(async () => {
    const done = { done: true, value: undefined };
    const fail = async (n: number) => {
      await sleep(1);
      throw new TypeError(`item ${n}`);
    };
    const results = asCompleted([1], fail);
    const both = await Promise.allSettled([results.next(), results.next()]);
    assertEquals(both.map(({ status }) => status), ["rejected", "fulfilled"]);
    assertEquals([await results.next(), await results.return!()], [done, done]);
    // As a resource it does not wrap the error that it has thrown itself.
    await assertRejects(
      async () => {
        await using results = asCompleted([1, 2, 3], fail);
        for await (const _ of results);
      },
      TypeError,
      "item 1",
    );
    await assertRejects(() => Array.fromAsync(asCompleted([1, 2], fail)), TypeError, "item 1");
    // An error that nobody has heard of is told by the end of the loop, once.
    const careless = asCompleted([1, 2], async (n) => {
      if (n === 1) return n;
      await sleepForever().catch(() => Promise.reject(new RangeError("cleanup")));
    });
    await careless.next();
    await assertRejects(() => careless.return!(), RangeError, "cleanup");
    assertEquals([await careless.return!(), await careless.next()], [done, done]);
  }),
);

const local = new AsyncLocalStorage<string>();

Deno.test(
  "each item, attempt and job begins with the async-local values of the caller, whatever another has set",
  simulated(async () => {
    const seen: (string | undefined)[] = [];
    const work = async (n: number) => {
      seen.push(local.getStore());
      local.enterWith(`item ${n}`);
      await sleep(1);
    };
    async function* source(): AsyncGenerator<number> {
      for (let n = 1; n <= 4; n++) {
        local.enterWith(`source ${n}`);
        yield n;
        await sleep(1);
      }
    }
    await local.run("caller", async () => {
      for (const concurrency of [1, 2]) {
        await map([1, 2, 3, 4], work, { concurrency });
        await forEach(source(), work, { concurrency });
        for await (const _ of asCompleted([1, 2, 3], work, { concurrency }));
      }
      await retry(async (attempt) => {
        await work(attempt);
        if (attempt < 3) throw new Error("again");
      });
      await all([() => work(1), () => work(2)]);
      await new Lazy(() => work(1)).get();
      assertEquals(local.getStore(), "caller");
    });
    assertEquals(seen.filter((value) => value !== "caller"), []);
    assertEquals(seen.length, 28);
  }),
);

Deno.test(
  "asCompleted() as a resource hides no error behind a Cancelled",
  simulated(async () => {
    const scope = new CancelScope();
    const error = await scope.run(async () => {
      await using results = asCompleted([1], () => sleepForever());
      void results.next();
      scope.cancel();
      throw new Error("of the block");
    }).catch((error) => error);
    assertEquals(`${error}`, "Error: of the block");
  }),
);
