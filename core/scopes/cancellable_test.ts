import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { simulate, simulated } from "../../testing/mod.ts";
import {
  cancellable,
  type CancellableOptions,
  CancelledElsewhereError,
  CancelScope,
  failAfter,
  isCancelled,
  moveOnAfter,
  openNursery,
  sleep,
  taskTree,
  TooSlowError,
} from "../mod.ts";
import { hostTimeout } from "../base/host_time.ts";

/** A promise that is settled from outside, and may be waited for. */
function foreign<T = string>() {
  return Promise.withResolvers<T>();
}

Deno.test(
  "cancel is told once, when the wait is cancelled, and its answer is waited for",
  simulated(async (sim) => {
    const { promise, reject } = foreign();
    const log: unknown[] = [];
    const outcome = await moveOnAfter(5, () =>
      cancellable(promise, {
        cancel: async (cancelled) => {
          log.push(cancelled.source, sim.now);
          // Under a shield of its own.
          await sleep(10);
          reject(new Error("cancelled by request"));
        },
      }));
    assert(outcome.cancelledCaught);
    assertEquals([log, sim.now], [["deadline", 5], 15]);
    assertEquals(await cancellable(Promise.resolve(1), { cancel: () => log.push("never") }), 1);
    await assertRejects(() => cancellable(promise, { cancel: () => log.push("never") }), Error, "by request");
    assertEquals(log.length, 2);
  }),
);

Deno.test(
  "cancel is told at once in a scope that is cancelled already: the work has begun",
  simulated(async () => {
    let told = 0;
    const { promise, resolve } = foreign();
    const cancel = () => {
      told++;
      resolve("x");
    };
    const scope = new CancelScope();
    scope.cancel();
    await scope.run(() => cancellable(promise, { cancel }));
    assertEquals(told, 1);
  }),
);

Deno.test(
  "a maker that was told and does not end is left after the timeout, 5 s by default; one that was not told, at once",
  simulated(async (sim) => {
    const never = new Promise<never>(() => {});
    const cases: [CancellableOptions, number][] = [
      [{}, 0],
      [{ timeout: 7 }, 7],
      [{ cancel: () => {}, timeout: 0 }, 0],
      [{ cancel: () => {}, timeout: 30 }, 30],
      [{ cancel: () => never, timeout: 30 }, 30],
      [{ cancel: () => {} }, 5_000],
    ];
    for (const [options, ms] of cases) {
      const begin = sim.now;
      assert((await moveOnAfter(1, () => cancellable(never, options))).cancelledCaught);
      assertEquals(sim.now - begin, 1 + ms);
    }
  }),
);

Deno.test(
  "a value that comes although cancel was told is not lost, nor one that comes in the moment of the cancellation",
  simulated(async () => {
    const late = foreign();
    const outcome = await moveOnAfter(1, () => cancellable(late.promise, { cancel: () => late.resolve("done") }));
    assertEquals(outcome, { cancelledCaught: false, value: "done" });
    const scope = new CancelScope();
    const { promise, resolve } = foreign();
    const wait = scope.run(() => cancellable(promise, { cancel: () => assert(false) }));
    await sleep(1);
    resolve("just now");
    scope.cancel();
    assertEquals((await wait).value, "just now");
  }),
);

Deno.test(
  "an error of cancel is thrown, at once or later; an error of the promise that is no answer to it as well",
  simulated(async () => {
    const never = new Promise<never>(() => {});
    for (
      const cancel of [
        () => {
          throw new TypeError("cannot cancel");
        },
        () => Promise.reject(new TypeError("cannot cancel")),
        () => sleep(1).then(() => Promise.reject(new TypeError("cannot cancel"))),
      ]
    ) {
      await assertRejects(
        () => moveOnAfter(1, () => cancellable(never, { cancel, timeout: 5 })),
        TypeError,
        "cannot cancel",
      );
    }
    // Its own wait is cut short by the timeout: that is no error.
    const slow = await moveOnAfter(1, () => cancellable(never, { cancel: () => sleep(100), timeout: 5 }));
    assert(slow.cancelledCaught);
    const scope = new CancelScope();
    const { promise, reject } = foreign();
    const wait = scope.run(() => cancellable(promise, { cancel: () => assert(false) }));
    await sleep(1);
    reject(new RangeError("of its own"));
    scope.cancel();
    await assertRejects(() => wait, RangeError, "of its own");
  }),
);

Deno.test(
  "cancel may cancel, wait for the same promise, and end it in the call",
  simulated(async () => {
    const { promise, resolve } = foreign();
    const scope = new CancelScope();
    const waits = scope.run(() =>
      openNursery((nursery) => {
        for (let i = 0; i < 3; i++) {
          nursery.startSoon(() =>
            cancellable(promise, {
              cancel: () => {
                scope.cancel();
                resolve("ended");
                return cancellable(promise);
              },
            })
          );
        }
      })
    );
    await sleep(1);
    scope.cancel();
    await waits;
    assertEquals(await cancellable(promise), "ended");
  }),
);

Deno.test(
  "a label is shown in the task tree and in reports, with the wait",
  simulated(async () => {
    const { promise, resolve } = foreign();
    await openNursery(async (nursery) => {
      nursery.startSoon(() => cancellable(promise, { label: "select 1" }), { name: "query" });
      await sleep(1);
      const [query] = taskTree().root.children;
      assertEquals(query?.waits.map(({ kind, label }) => [kind, label]), [["foreign promise", "select 1"]]);
      resolve("");
    });
  }),
);

Deno.test("cancellable() refuses what it cannot wait for, before any effect", async () => {
  const bad: [CancellableOptions, string][] = [
    [{ cancel: 5 as never }, 'Cannot wait as "cancel" must be a function: received 5'],
    [{ cancel: function* () {} as never }, '"cancel" must be a plain or async function: received a generator function'],
    [{ timeout: "5" as never }, 'Cannot wait as "timeout" must be a number: received "5"'],
    [{ label: 5 as never }, 'Cannot wait as "label" must be a string: received 5'],
  ];
  let asked = 0;
  const iterable = { [Symbol.asyncIterator]: () => (asked++, { next: () => new Promise<never>(() => {}) }) };
  for (const [options, message] of bad) {
    await assertRejects(() => cancellable(Promise.resolve(1), options), TypeError, message);
    assertThrows(() => cancellable(iterable, options), TypeError, message);
  }
  await assertRejects(() => cancellable(Promise.resolve(1), { timeout: -1 }), RangeError, '"timeout" must be >= 0');
  assertEquals(asked, 0);
  for (const value of [5, null, undefined, {}, [1], Proxy.revocable({}, {})]) {
    await assertRejects(() => cancellable(value as never), TypeError, '"promise" must be a promise');
  }
});

Deno.test(
  "cancellable() takes promises that are hostile: own `then`, throwing getters, thenables that call back twice",
  simulated(async () => {
    const overridden = Promise.resolve("real");
    overridden.then = () => assert(false, "called") as never;
    assertEquals(await cancellable(overridden), "real");
    const twice: PromiseLike<number> = {
      then(resolve?: ((value: number) => unknown) | null) {
        resolve?.(1);
        resolve?.(2);
        throw new Error("after that");
      },
    } as never;
    assertEquals(await cancellable(twice), 1);
    const trap = Promise.resolve(1);
    Object.defineProperty(trap, "constructor", {
      get() {
        throw new RangeError("constructor");
      },
    });
    await assertRejects(() => cancellable(trap), RangeError, "constructor");
  }),
);

Deno.test(
  "a thenable that works at each `then` is asked once while it is waited for, and anew afterwards",
  simulated(async () => {
    let queries = 0;
    const query: PromiseLike<number> = {
      then: (resolve, reject) => sleep(5).then(() => ++queries).then(resolve, reject),
    };
    await openNursery((nursery) => {
      for (let i = 0; i < 3; i++) nursery.startSoon(async () => assertEquals(await cancellable(query), 1));
    });
    assertEquals(await cancellable(query), 2);
  }),
);

Deno.test(
  "cancellable(): a cancellation of somebody else is a failure, one's own is none",
  simulated(async () => {
    let shared!: Promise<void>;
    await moveOnAfter(1, () => shared = sleep(100));
    for (const options of [{}, { cancel: () => {} }]) {
      await assertRejects(
        () => moveOnAfter(5, () => cancellable(shared, options)),
        CancelledElsewhereError,
      );
      const outcome = await moveOnAfter(5, () => cancellable(sleep(100), options));
      assert(outcome.cancelledCaught);
    }
  }),
);

Deno.test("in a simulation a foreign promise has its grace, however it is awaited", async () => {
  const query = () => new Promise<string>((resolve) => hostTimeout(() => resolve("row"), 5));
  async function* rows(): AsyncGenerator<string> {
    while (true) yield await query();
  }
  const ways: (() => Promise<unknown>)[] = [
    query,
    () => cancellable(query()),
    () => cancellable(query(), { label: "query", cancel: () => {} }),
    () => cancellable(rows()).next().then(({ value }) => value),
  ];
  for (const way of ways) {
    for (const onForeign of ["grace", "wait"] as const) {
      assertEquals(await simulate(async (sim) => [await failAfter(5_000, way), sim.now], { onForeign }), ["row", 0]);
    }
    assertEquals(await simulate(way), "row");
  }
  const never = () => cancellable(new Promise(() => {}), { label: "for ever" });
  await assertRejects(() => simulate(() => failAfter(5_000, never)), TooSlowError);
});

/** Waits for something foreign in `next()`, until it is told to end; says what happens to it. */
class Watcher implements AsyncIterable<number> {
  readonly log: string[] = [];
  #given = 0;
  #end: (() => void) | null = null;

  constructor(readonly ready = 1, readonly ends = true) {}

  [Symbol.asyncIterator](): AsyncIterator<number> {
    return {
      next: () => {
        if (this.#given < this.ready) return Promise.resolve({ done: false, value: ++this.#given });
        this.log.push("waits");
        return new Promise((resolve) => this.#end = () => resolve({ done: true, value: undefined }));
      },
      return: () => {
        this.log.push("return");
        if (this.ends) this.#end?.();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }
}

Deno.test(
  "cancellable(iterable) gives the items, ends with them, and tells the iterable when the loop is left",
  simulated(async () => {
    async function* three(): AsyncGenerator<number> {
      yield* [1, 2, 3];
    }
    assertEquals(await Array.fromAsync(cancellable(three())), [1, 2, 3]);
    assertEquals(await Array.fromAsync(cancellable(ReadableStream.from([1]))), [1]);
    const watcher = new Watcher(5);
    for await (const n of cancellable(watcher)) if (n === 2) break;
    assertEquals(watcher.log, ["return"]);
    {
      await using items = cancellable(watcher);
      await items.next();
    }
    assertEquals(watcher.log, ["return", "return"]);
  }),
);

Deno.test(
  "a cancelled loop over cancellable(iterable) ends at once, and the iterable is told, once",
  simulated(async (sim) => {
    for (const ends of [true, false]) {
      const watcher = new Watcher(1, ends);
      const begin = sim.now;
      const outcome = await moveOnAfter(5, async () => {
        for await (const n of cancellable(watcher)) assertEquals(n, 1);
        assert(false, "a cancelled loop has no regular end");
      });
      assert(outcome.cancelledCaught);
      assertEquals([watcher.log, sim.now - begin], [["waits", "return"], 5]);
    }
    async function* stuck(): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => {});
    }
    let told = 0;
    const outcome = await moveOnAfter(5, async () => {
      for await (const _ of cancellable(stuck(), { cancel: () => void told++, timeout: 2 }));
    });
    assert(outcome.cancelledCaught);
    assertEquals(told, 1);
    // Cancelled between two items: nobody will ask for the rest.
    const watcher = new Watcher(9);
    const items = cancellable(watcher);
    await items.next();
    assert((await moveOnAfter(0, () => items.next())).cancelledCaught);
    assertEquals([watcher.log, await items.next()], [["return"], { done: true, value: undefined }]);
    const untouched = new Watcher();
    assert((await moveOnAfter(0, () => cancellable(untouched).next())).cancelledCaught);
    assertEquals(untouched.log, []);
  }),
);

Deno.test(
  "cancellable(iterable): errors of the iterable and of telling it are thrown; then it is over",
  simulated(async () => {
    const failing = (next: () => unknown, back: () => unknown = () => ({})) => ({
      [Symbol.asyncIterator]: () => ({ next, return: back }) as never,
    });
    const boom = () => {
      throw new RangeError("boom");
    };
    const later = () => Promise.reject(new RangeError("boom"));
    for (const next of [boom, later]) {
      const items = cancellable(failing(next, () => assert(false)));
      await assertRejects(() => items.next(), RangeError, "boom");
      assertEquals(await items.next(), { done: true, value: undefined });
      await items.return!();
    }
    for (const value of [undefined, null, 5, "text"]) {
      await assertRejects(
        () => cancellable(failing(() => value)).next(),
        TypeError,
        "Cannot go on with a source as its next() must give an object: received",
      );
    }
    const never = () => new Promise(() => {});
    for (const back of [boom, later]) {
      await assertRejects(
        () => moveOnAfter(1, () => cancellable(failing(never, back), { timeout: 5 }).next()),
        RangeError,
        "boom",
      );
    }
    assert((await moveOnAfter(1, () => cancellable(failing(never, never), { timeout: 5 }).next())).cancelledCaught);
    const opening = { [Symbol.asyncIterator]: boom as never };
    await assertRejects(() => cancellable(opening).next(), RangeError, "boom");
  }),
);

Deno.test("waits of cancellable() that nobody awaits never end the process by a cancellation", async () => {
  const never = new Promise<never>(() => {});
  const scope = new CancelScope();
  await scope.run(async () => {
    void cancellable(never);
    void cancellable(never, { cancel: () => {}, timeout: 0 });
    void cancellable(new Watcher(0)).next();
    await new Promise((resolve) => setImmediate(resolve));
    scope.cancel();
    void cancellable(never);
    void cancellable(Promise.reject(new Error("nobody's")));
    assert(await cancellable(new Watcher(0)).next().then(() => false, isCancelled));
  });
  // A turn in which the host would report the rejection, and fail this test.
  await new Promise((resolve) => setTimeout(resolve));
});
