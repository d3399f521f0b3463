import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  all,
  allSettled,
  any,
  asCompleted,
  cancellable,
  CancelledElsewhereError,
  CancelScope,
  currentTask,
  ErrorGroup,
  forEach,
  isCancelled,
  Lazy,
  map,
  moveOnAfter,
  openNursery,
  race,
  receiverFromReadable,
  retry,
  shielded,
  sleep,
  sleepForever,
  suppressedErrors,
  type Task,
  toChannel,
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
    // Nothing can be noted beside a text, and noting must not change what is thrown.
    const text = await all([() => Promise.reject("text"), failingCleanup("x")]).catch((error) => error);
    assertEquals([text, suppressedErrors(text)], ["text", []]);
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
  "a cancellation that a job brings along, from a task it joined, a shared promise or its own, is a failure of the job",
  simulated(async () => {
    const gone = await cancelledTask();
    const itself = async () => {
      currentTask().cancel("itself");
      await sleep(1);
    };
    let shared!: Promise<void>;
    await moveOnAfter(1, () => shared = sleep(100));
    // As it comes from `await using` whose disposer is cancelled, too.
    const wrapped = () => shared.catch((error) => Promise.reject(new SuppressedError(error, error)));
    for (
      const [about, stray] of [
        ["elsewhere", () => gone.join()],
        ["itself", itself],
        ["the deadline passed", () => shared],
        ["the deadline passed", wrapped],
      ] as const
    ) {
      const check = (error: unknown) => {
        const one = error instanceof SuppressedError ? error.error : error;
        assertInstanceOf(one, CancelledElsewhereError, about);
        assert(isCancelled(one.cause) && one.cause.message.includes(about), `${one.cause}`);
      };
      const log: string[] = [];
      for (const combine of [all, race]) check(await combine([stray, job("other", 10, log)]).catch((error) => error));
      assertEquals(log, ["other ended", "other ended"]);
      const [first, second] = await allSettled([stray, job("b", 10)]);
      assert(first.status === "rejected");
      check(first.reason);
      assertEquals(second, { status: "fulfilled", value: "b" });
      assertEquals(await any([stray, job("c", 10)]), "c");
      const group = await assertRejects(() => any([stray, failing("d", 10)]), ErrorGroup);
      check(group.errors[0]);
      assertEquals(`${group.errors[1]}`, "TypeError: d");
    }
  }),
);

Deno.test(
  "a cancellation of the call itself is no failure of a job, also wrapped by groups and `await using`",
  simulated(async () => {
    const wrapping = async () => {
      await using _a = { [Symbol.asyncDispose]: () => sleep(1) };
      await openNursery((nursery) => {
        nursery.startSoon(async () => {
          await using _b = { [Symbol.asyncDispose]: () => sleep(1) };
          await sleepForever();
        });
      });
    };
    const grouped = () => sleepForever().catch((error) => Promise.reject(new ErrorGroup([error, error])));
    for (const combine of [all, allSettled, race, any]) {
      const outcome = await moveOnAfter<unknown>(5, () => combine<readonly (() => unknown)[]>([wrapping, grouped]));
      assert(outcome.cancelledCaught, combine.name);
    }
    assertEquals(await race([wrapping, job("first", 1)]), "first");
    assertEquals(await any([wrapping, grouped, job("first", 1)]), "first");
  }),
);

Deno.test(
  "a job that cancels the nursery of its combinator leaves no holes in the result",
  simulated(async () => {
    const cancelAll = () => currentTask().parentNursery!.cancel("from inside");
    for (const combine of [all, allSettled, any]) {
      const jobs = [() => sleepForever(), cancelAll, job("slow", 10)].slice(combine === any ? 2 : 0);
      if (combine === any) jobs.unshift(() => (cancelAll(), Promise.reject(new Error("no"))));
      const error = await combine<readonly (() => unknown)[]>(jobs).catch((error: unknown) => error);
      assertInstanceOf(error, CancelledElsewhereError, combine.name);
      assert(isCancelled(error.cause) && error.cause.reason === "from inside");
    }
  }),
);

Deno.test(
  "an error object that is thrown again and again has beside it what happened in the last call, and never itself",
  simulated(async () => {
    const constant = new Error("always the same");
    const fail = () => Promise.reject(constant);
    for (let i = 0; i < 100; i++) {
      const error = await all([fail, fail, failingCleanup(`${i}`)]).catch((error) => error);
      assertEquals(error, constant);
    }
    assertEquals(suppressedErrors(constant).map(String), ["RangeError: 99"]);
    // An inner call's is not lost in the outer one, which has something of its own.
    await all([() => all([fail, failingCleanup("inner")]), failingCleanup("outer")]).catch(() => {});
    assertEquals(suppressedErrors(constant).map(String), ["RangeError: inner", "RangeError: outer"]);
    await all([() => all([fail, failingCleanup("inner")])]).catch(() => {});
    assertEquals(suppressedErrors(constant).map(String), ["RangeError: inner"]);
    await all([fail]).catch(() => {});
    assertEquals(suppressedErrors(constant), []);
    // Many calls at a time keep a bounded number of each other's.
    await allSettled(Array.from({ length: 1_000 }, (_, i) => () => all([fail, failingCleanup(`${i}`)])));
    assert(suppressedErrors(constant).length <= 11);
  }),
);

/** What can be thrown. */
const anything: readonly unknown[] = [
  "text",
  5,
  null,
  undefined,
  Symbol("symbol"),
  Object.freeze(new Error("frozen")),
  Proxy.revocable({}, {}),
  revoked(),
  new Proxy(new Error("trap"), {
    get: () => {
      throw new Error("from a trap");
    },
    getPrototypeOf: () => {
      throw new Error("from a trap");
    },
  }),
  cyclic(),
  { then: (resolve: (value: string) => void) => resolve("taken for a promise") },
  () => {},
];

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function cyclic(): Error {
  const group = new AggregateError([], "cyclic");
  group.errors.push(group, new TypeError("inside"));
  return group;
}

Deno.test(
  "combinators throw what a job has thrown, whatever that is",
  simulated(async () => {
    for (const value of anything) {
      const fail = (): Promise<never> => Promise.reject(value);
      const thrown = async (call: () => Promise<unknown>): Promise<void> => {
        let caught: unknown = "nothing";
        try {
          await call();
        } catch (error) {
          caught = error;
        }
        assert(Object.is(caught, value));
      };
      await thrown(() => all([fail, () => sleepForever(), failingCleanup("x")]));
      await thrown(() => race([fail, () => sleepForever(), failingCleanup("x")]));
      await thrown(() => map([1, 2], (n) => n === 1 ? fail() : sleepForever()));
      await thrown(() => forEach([1, 2], fail));
      await thrown(() => asCompleted([1, 2], fail).next());
      await thrown(() => retry(fail, { attempts: 3, backoff: () => 1 }));
      await thrown(() => new Lazy(fail).get());
      await thrown(() => toChannel([1], fail));
      await thrown(() => cancellable(fail()));
      const [outcome] = await allSettled([fail]);
      assert(outcome.status === "rejected" && Object.is(outcome.reason, value));
      const group = await assertRejects(() => any([fail]), ErrorGroup);
      assert(Object.is(group.errors[0], value));
      const collected = await assertRejects(() => map([1], fail, { errors: "collect" }), ErrorGroup);
      assert(Object.is(collected.errors[0], value));
    }
  }),
);

/** Something that is open until it is disposed. */
class Connection implements AsyncDisposable {
  static open: string[] = [];

  constructor(readonly name: string) {
    Connection.open.push(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
    Connection.open = Connection.open.filter((name) => name !== this.name);
  }
}

const connecting = (name: string, ms: number) => async () => {
  await sleep(ms);
  return new Connection(name);
};

/** Is done although it is being cancelled. */
const stubborn = (name: string) => async () => {
  await sleepForever().catch(() => {});
  return new Connection(name);
};

Deno.test(
  "race() and any() dispose what comes too late, and hand on exactly one",
  simulated(async () => {
    for (const combine of [race, any]) {
      {
        await using won = await combine([connecting("a", 1), connecting("b", 1), stubborn("c"), connecting("d", 9)]);
        assertEquals([won.name, Connection.open], ["a", ["a"]]);
      }
      assertEquals(Connection.open, []);
      // The same object from two of them is the one that is returned.
      const shared = new Connection("shared");
      assertEquals(await combine([() => shared, () => shared, () => Promise.resolve(shared)]), shared);
      assertEquals(Connection.open, ["shared"]);
      await shared[Symbol.asyncDispose]();
      let disposed = 0;
      const synchronous = () => ({ [Symbol.dispose]: () => void disposed++ });
      await combine([synchronous, synchronous, () => null, () => 5]);
      assertEquals(disposed, 1);
    }
  }),
);

Deno.test(
  "race() and any() dispose also what they have when they fail after all",
  simulated(async () => {
    await assertRejects(() => race([failing("quick", 1), stubborn("late"), connecting("even", 1)]), TypeError, "quick");
    assertEquals(Connection.open, []);
    await assertRejects(() => race([connecting("won", 1), failingCleanup("loser")]), RangeError, "loser");
    assertEquals(Connection.open, []);
    const discard = () => {
      throw new TypeError("discard");
    };
    for (const combine of [race, any]) {
      const error = await assertRejects(() => combine([() => 1, () => 2], { discard }), TypeError, "discard");
      // That of the result which is not returned now.
      assertEquals(suppressedErrors(error).map(String), ["TypeError: discard"]);
    }
  }),
);

Deno.test(
  "discard takes each result that nobody gets, in place of disposing it, and is waited for",
  simulated(async (sim) => {
    const swallows = (value: string) => () => sleepForever().catch(() => value);
    for (const combine of [race, any]) {
      const taken: unknown[] = [];
      const begin = sim.now;
      const value = await combine([job("a", 1), swallows("b"), swallows("c"), job("d", 9)], {
        discard: async (value) => {
          await shielded(() => sleep(5));
          taken.push(value);
        },
      });
      assertEquals([value, taken.sort(), sim.now - begin], ["a", ["b", "c"], 6]);
      const kept = await combine([connecting("a", 1), stubborn("b")], { discard: () => {} });
      assertEquals([kept.name, Connection.open], ["a", ["a", "b"]]);
      Connection.open = [];
      await assertRejects(
        () => combine([() => 1], { discard: 5 as never }),
        TypeError,
        '"discard" must be a function: received 5',
      );
    }
  }),
);

Deno.test("combinators in a cancelled scope call nothing", async () => {
  let calls = 0;
  const call = () => void calls++;
  const scope = new CancelScope();
  scope.cancel();
  await scope.run(async () => {
    const source = {
      [Symbol.asyncIterator]: () => {
        calls++;
        return [][Symbol.iterator]() as never;
      },
    };
    for (
      const wait of [
        () => all([call]),
        () => allSettled([call]),
        () => race([call]),
        () => any([call]),
        () => map([1], call),
        () => forEach(source, call),
        () => asCompleted([1], call).next(),
        () => retry(call),
        () => new Lazy(call).get(),
        () => toChannel(source, call),
      ]
    ) assert(await wait().then(() => false, isCancelled));
  });
  assertEquals(calls, 0);
});

Deno.test("a loop of combinators whose work is ready lets host timers fire, and is cancelled", async () => {
  const once = new Lazy(() => 1);
  const fail = () => Promise.reject(new Error("no"));
  const never = () => {};
  const passOver = (error: unknown) => isCancelled(error) ? Promise.reject(error) : undefined;
  const waits: Record<string, () => Promise<unknown>> = {
    all: () => all([() => 1]),
    allSettled: () => allSettled([fail]),
    race: () => race([() => 1, () => 2]),
    any: () => any([fail, () => 1]),
    "all, failing": () => all([fail]).catch(passOver),
    "any, failing": () => any([fail]).catch(passOver),
    "race, failing": () => race([fail]).catch(passOver),
    map: () => map([1], (n) => n),
    forEach: () => forEach([], never),
    asCompleted: () => Array.fromAsync(asCompleted([1], (n) => n)),
    "asCompleted, failing": () => Array.fromAsync(asCompleted([1], fail)).catch(passOver),
    retry: () => retry(() => 1),
    "retry, failing": () => retry(fail, { attempts: 1 }).catch(passOver),
    "retry, without waits": () => retry(fail, { attempts: 3, backoff: () => 0 }).catch(passOver),
    Lazy: () => once.get(),
    "Lazy, made anew": () => new Lazy(() => 1).get(),
    "Lazy, failing": () => new Lazy(fail).get().catch(passOver),
    "Lazy, in itself": () => {
      const once: Lazy<unknown> = new Lazy(() => once.get());
      return once.get().catch(passOver);
    },
    toChannel: () => toChannel([1], never),
    cancellable: () => cancellable(Promise.resolve()),
    "cancellable, of an iterable": () => Array.fromAsync(cancellable(ReadableStream.from([1]))),
    receiverFromReadable: () => receiverFromReadable(ReadableStream.from([1])).receive(),
  };
  for (const [name, wait] of Object.entries(waits)) {
    let fired = false;
    const timer = setTimeout(() => fired = true);
    // Far more than there is time for: only so that a fault ends.
    let left = 100_000_000;
    const outcome = await moveOnAfter(5, async () => {
      while (left-- > 0) await wait();
    });
    clearTimeout(timer);
    assert(outcome.cancelledCaught && fired, name);
  }
});
