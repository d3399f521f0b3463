import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import { checkpoint, currentTime, DeadlockError, ErrorGroup, moveOnAfter, openNursery, sleep } from "../../core/mod.ts";
import { simulate, simulated } from "../mod.ts";

// Other people's timers and dates follow simulated time, inside a simulation and only there.

const real = { setTimeout, clearTimeout, Date, now: Date.now, performanceNow: performance.now };
const realTurn = (() => {
  const { setImmediate } = globalThis;
  return () => new Promise<void>((resolve) => void setImmediate(resolve));
})();
const START = Date.UTC(2000, 0, 1);

Deno.test(
  "setTimeout fires when its virtual time has come, with its arguments, as a method of its Timeout",
  simulated(async (sim) => {
    const log: unknown[] = [];
    await new Promise<void>((resolve) => {
      const timer: unknown = setTimeout(
        function (this: unknown, ...args: unknown[]) {
          log.push(sim.now, ...args, this === timer);
          resolve();
        },
        3_600_000,
        "a",
        "b",
      );
    });
    assertEquals(log, [3_600_000, "a", "b", true]);
  }),
);

Deno.test(
  "timers and the library's deadlines share one order: by time, then by when they were set",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        setTimeout(() => log.push(`timer ${sim.now}`), 10);
        await sleep(10);
        log.push(`sleep ${sim.now}`);
      });
      nursery.startSoon(async () => {
        await moveOnAfter(
          10,
          () => delay(60_000).finally(() => log.push("not reached")).catch(() => {}).then(() => sleep(99)),
        );
      });
      nursery.startSoon(() => delay(5).then(() => log.push(`delay ${sim.now}`)));
    });
    assertEquals(log.slice(0, 3), ["delay 5", "timer 10", "sleep 10"]);
  }, { leaks: "ignore" }),
);

Deno.test(
  "each continuation of timers of one instant runs to its end before the next timer fires",
  simulated(async () => {
    const log: string[] = [];
    await Promise.all(["a", "b"].map(async (name) => {
      await delay(5);
      for (let i = 0; i < 20; i++) await null;
      log.push(name);
      await checkpoint();
      log.push(name);
    }));
    assertEquals(log, ["a", "a", "b", "b"]);
  }),
);

Deno.test(
  "setTimeout(0) takes a turn and no time, and what is no number counts as 0",
  simulated(async (sim) => {
    const log: unknown[] = [];
    await new Promise<void>((resolve) => {
      for (const ms of [0, undefined, NaN, -5, "0"]) setTimeout(() => log.push(ms), ms as number);
      setTimeout(resolve, 0);
      log.push("set");
    });
    assertEquals([sim.now, ...log], [0, "set", 0, undefined, NaN, -5, "0"]);
  }),
);

Deno.test(
  "a delay beyond 2^31 - 1 fires after 1 ms, as on every host",
  simulated(async (sim) => {
    await new Promise((resolve) => setTimeout(resolve, 2 ** 31));
    assertEquals(sim.now, 1);
    await new Promise((resolve) => setTimeout(resolve, 2 ** 31 - 1));
    assertEquals(sim.now, 2 ** 31);
  }, { maxVirtual: 2 ** 32 }),
);

Deno.test(
  "setInterval goes on from when it was due, and ends when it is cleared, in its callback as well",
  simulated(async (sim) => {
    const times: number[] = [];
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        times.push(sim.now);
        if (times.length === 4) {
          clearInterval(timer);
          resolve();
        }
      }, 250);
    });
    await sleep(1_000);
    assertEquals(times, [250, 500, 750, 1_000]);
  }),
);

Deno.test(
  "a timer is cleared by its object, its number, its number as text, close() and dispose",
  simulated(async (sim) => {
    const fired: number[] = [];
    const set = (n: number) => setTimeout(() => fired.push(n), 10) as unknown as Disposable & { close(): void };
    clearTimeout(set(1) as never);
    clearTimeout(+(set(2) as never));
    clearTimeout(`${set(3)}` as never);
    clearInterval(set(4) as never);
    set(5).close();
    set(6)[Symbol.dispose]();
    const kept = set(7);
    for (const junk of [undefined, null, 0, -1, NaN, {}, "x", 2 ** 50]) clearTimeout(junk as never);
    await sleep(20);
    clearTimeout(kept as never);
    assertEquals([sim.now, ...fired], [20, 7]);
  }),
);

Deno.test(
  "clearing a timer in the turn in which it is due, before its callback has run, stops it",
  simulated(async () => {
    const log: string[] = [];
    const first = setTimeout(() => {
      log.push("first");
      clearTimeout(second);
    }, 5);
    const second = setTimeout(() => log.push("second"), 5);
    await sleep(10);
    clearTimeout(first);
    assertEquals(log, ["first"]);
  }),
);

Deno.test(
  "an unref'd timer fires when time passes it, but moves none",
  simulated(async (sim) => {
    const log: string[] = [];
    const timer = setTimeout(() => log.push(`unref'd ${sim.now}`), 10) as unknown as {
      unref(): unknown;
      ref(): unknown;
      hasRef(): boolean;
    };
    assert(timer.hasRef());
    assertEquals(timer.unref(), timer);
    assert(!timer.hasRef());
    await sleep(5);
    assertEquals(log, []);
    await sleep(15);
    assertEquals([sim.now, ...log], [20, "unref'd 10"]);
    const number = setTimeout(() => {}, 100);
    Deno.unrefTimer(+number);
    assertEquals((number as unknown as typeof timer).hasRef(), false);
    Deno.refTimer(+number);
    assertEquals((number as unknown as typeof timer).hasRef(), true);
    Deno.refTimer(+number);
    assertEquals((number as unknown as typeof timer).hasRef(), true);
    clearTimeout(number);
  }),
);

Deno.test("with unref'd timers only, a deadlock is reported", async () => {
  await assertRejects(
    () =>
      simulate(() =>
        new Promise((resolve) => {
          (setTimeout(resolve, 10) as unknown as { unref(): void }).unref();
        }), { foreignGrace: 1 }),
    DeadlockError,
  );
});

Deno.test(
  "refresh() begins anew from now, also after the timer has fired",
  simulated(async (sim) => {
    const log: number[] = [];
    const timer = setTimeout(() => log.push(sim.now), 10) as unknown as { refresh(): unknown };
    await sleep(6);
    assertEquals(timer.refresh(), timer);
    await sleep(6);
    assertEquals(log, []);
    await sleep(10);
    timer.refresh();
    await sleep(10);
    assertEquals(log, [16, 32]);
  }),
);

Deno.test(
  "a timer without a function is refused as the host does",
  simulated(() => {
    assertThrows(() => setTimeout("code" as never, 1), TypeError);
    assertThrows(() => setInterval(undefined as never, 1), TypeError);
    assertThrows(() => setImmediate(5 as never), TypeError);
  }),
);

Deno.test(
  "callbacks run in the async context of the code that set the timer, each time",
  simulated(async () => {
    const times: number[] = [];
    await openNursery(async (nursery) => {
      await moveOnAfter(35, async () => {
        // currentTime() and the scope are those of this code, so the sleep below is cancelled with it.
        const done = Promise.withResolvers<void>();
        const timer = setInterval(async () => {
          times.push(currentTime());
          if (times.length < 3) return;
          clearInterval(timer);
          await moveOnAfter(Infinity, () => sleep(60_000)).catch(() => {});
          done.resolve();
        }, 10);
        await Promise.all([done.promise, sleep(100)]);
      });
      nursery.cancel();
    });
    assertEquals(times, [10, 20, 30]);
    assertEquals(currentTime(), 35);
  }),
);

Deno.test(
  "Date, performance.now and all of Temporal.Now move together",
  simulated(async () => {
    const read = () => [
      Date.now() - START,
      new Date().getTime() - START,
      new Date(Date()).getTime() - START,
      performance.now(),
      Temporal.Now.instant().epochMilliseconds - START,
      Temporal.Now.zonedDateTimeISO("UTC").epochMilliseconds - START,
    ];
    assertEquals(read(), Array(6).fill(0));
    await sleep(86_401_000);
    assertEquals(read(), Array(6).fill(86_401_000));
    assertEquals(Temporal.Now.plainDateISO("UTC").toString(), "2000-01-02");
    assertEquals(Temporal.Now.plainDateTimeISO("UTC").toString(), "2000-01-02T00:00:01");
    assertEquals(Temporal.Now.plainTimeISO("UTC").toString(), "00:00:01");
    assertEquals(Temporal.Now.zonedDateTimeISO().timeZoneId, Temporal.Now.timeZoneId());
  }, { maxVirtual: 10 ** 9 }),
);

Deno.test(
  "a Date is a Date: with arguments, subclassed, compared and copied",
  simulated(() => {
    assertEquals(new Date(2024, 1, 29).getMonth(), 1);
    assertEquals(new Date("2024-02-29T00:00:00Z").toISOString(), "2024-02-29T00:00:00.000Z");
    class Day extends Date {}
    const day = new Day();
    assertInstanceOf(day as unknown as Error, Day as never);
    assertEquals(day.getTime(), START);
    const date = new Date();
    assert(date instanceof Date && date instanceof real.Date && date.constructor === Date);
    assertEquals(structuredClone(date), date);
    assertEquals(typeof Date(), "string");
    assertEquals(Date.UTC(1970, 0, 1), 0);
  }),
);

Deno.test(
  "the option start says which date it is",
  simulated(() => {
    assertEquals(new Date().toISOString(), "2024-02-29T12:00:00.000Z");
  }, { start: "2024-02-29T12:00:00Z" }),
);

Deno.test(
  "AbortSignal.timeout aborts at its virtual time, and one that is left is no leak",
  simulated(async (sim) => {
    const signal = AbortSignal.timeout(5_000);
    const error = await assertRejects(() => delay(60_000, { signal }), Error);
    assertEquals([error.name, sim.now], ["TimeoutError", 5_000]);
    assert(signal.aborted);
    AbortSignal.timeout(1_000);
    assertThrows(() => AbortSignal.timeout(-1), TypeError);
  }),
);

Deno.test(
  "setImmediate takes a turn in which time stands still, and no grace is spent on it",
  simulated(async (sim) => {
    const log: unknown[] = [];
    const timer = setTimeout(() => log.push("late"), 1);
    for (let i = 0; i < 50; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
    const cleared = setImmediate(() => log.push("cleared"));
    clearImmediate(cleared);
    setImmediate((...args: unknown[]) => log.push(...args), "with", "arguments");
    await sim.settled();
    assertEquals([sim.now, ...log], [0, "with", "arguments"]);
    clearTimeout(timer);
  }, { foreignGrace: 60_000 }),
);

Deno.test(
  "awaiting a timer needs no grace: the task is accounted for, and gets its grace when the timer has fired",
  simulated(async (sim) => {
    for (let i = 0; i < 100; i++) await delay(1_000);
    assertEquals(sim.now, 100_000);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(1));
      await delay(0);
      await realTurn();
      await realTurn();
      assertEquals(sim.now, 100_000);
    });
  }, { foreignGrace: 60_000 }),
);

/** What @std/async's `retry` and `deadline` do, in a few lines. */
async function retry<T>(fn: () => Promise<T>, attempts: number, first: number): Promise<T> {
  for (let i = 1;; i++) {
    try {
      return await fn();
    } catch (error) {
      if (i === attempts) throw error;
      await new Promise((resolve) => setTimeout(resolve, first * 2 ** (i - 1)));
    }
  }
}

async function deadline<T>(promise: Promise<T>, ms: number): Promise<T> {
  const signal = AbortSignal.timeout(ms);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, late]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

Deno.test(
  "helpers like those of @std/async follow: delay, retry, deadline, debounce",
  simulated(async (sim) => {
    const times: number[] = [];
    await assertRejects(() =>
      retry(
        () => {
          times.push(sim.now);
          return Promise.reject(new Error("no"));
        },
        5,
        1_000,
      )
    );
    assertEquals(times, [0, 1_000, 3_000, 7_000, 15_000]);

    const error = await assertRejects(() => deadline(new Promise(() => {}), 5_000), Error);
    assertEquals([error.name, sim.now], ["TimeoutError", 20_000]);
    assertEquals(await deadline(delay(10).then(() => "value"), 5_000), "value");

    let timer: ReturnType<typeof setTimeout> | undefined;
    const calls: number[] = [];
    const debounced = () => {
      clearTimeout(timer);
      timer = setTimeout(() => calls.push(sim.now), 100);
    };
    const start = sim.now;
    for (let i = 0; i < 5; i++) {
      debounced();
      await delay(50);
    }
    await sim.advance(500);
    assertEquals(calls, [start + 300]);
  }),
);

Deno.test("code outside keeps its own time while a simulation runs", async () => {
  const inside = simulate(async (sim) => {
    await sleep(3_600_000);
    await realTurn();
    await sim.settled();
    return Date.now() - START;
  });
  const before = real.now.call(Date);
  assert(Math.abs(Date.now() - before) < 60_000);
  assert(Math.abs(new Date().getTime() - before) < 60_000);
  assert(performance.now() > 0 && typeof Date() === "string");
  assert(Math.abs(Temporal.Now.instant().epochMilliseconds - before) < 60_000);
  assertEquals(Temporal.Now.zonedDateTimeISO("UTC").timeZoneId, "UTC");
  await new Promise((resolve) => setTimeout(resolve, 1));
  const interval = setInterval(() => {}, 1_000);
  clearInterval(interval);
  Deno.unrefTimer(+setTimeout(() => {}, 0));
  await new Promise<void>((resolve) => void setImmediate(resolve));
  const signal = AbortSignal.timeout(0);
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  assertEquals(await inside, 3_600_000);
});

Deno.test("two simulations at a time see their own time and dates", async () => {
  const play = (start: string, ms: number) =>
    simulate(async (sim) => {
      for (let i = 0; i < 10; i++) await delay(ms);
      return [sim.now, new Date().toISOString(), performance.now()];
    }, { start });
  assertEquals(
    await Promise.all([play("2024-01-01T00:00:00Z", 6_000), play("1999-12-31T23:59:00Z", 60_000)]),
    [[60_000, "2024-01-01T00:01:00.000Z", 60_000], [600_000, "2000-01-01T00:09:00.000Z", 600_000]],
  );
});

Deno.test("every global is as it was after the last simulation has ended, however it ended", async () => {
  const targets: [object, PropertyKey][] = [
    ...["setTimeout", "setInterval", "clearTimeout", "clearInterval", "setImmediate", "clearImmediate", "Date", "fetch"]
      .map((
        key,
      ): [object, PropertyKey] => [globalThis, key]),
    [Date, "now"],
    [Date.prototype, "constructor"],
    [performance, "now"],
    [Performance.prototype, "now"],
    [AbortSignal, "timeout"],
    [Deno, "refTimer"],
    [Deno, "unrefTimer"],
    ...Object.getOwnPropertyNames(Temporal.Now).map((key): [object, PropertyKey] => [Temporal.Now, key]),
  ];
  const look = () => targets.map(([target, key]) => Object.getOwnPropertyDescriptor(target, key));
  const symbols = () => Object.getOwnPropertySymbols(globalThis).length;
  const [before, count] = [look(), symbols()];
  const check = () => {
    const now = look();
    now.forEach((descriptor, i) => {
      for (const part of ["get", "set", "value", "enumerable", "configurable", "writable"] as const) {
        assert(descriptor?.[part] === before[i]?.[part], `${String(targets[i]?.[1])}.${part}`);
      }
    });
    assertEquals(symbols(), count);
  };
  await simulate(() => sleep(1));
  check();
  await assertRejects(() => simulate(() => Promise.reject(new Error("body"))));
  check();
  await assertRejects(() => simulate(() => new Promise(() => {}), { foreignGrace: 0 }));
  check();
  await assertRejects(() => simulate(() => {}, { maxVirtual: -1 }));
  check();
  await simulate(async () => {
    await assertRejects(() => simulate(() => {}), TypeError);
    assertEquals(Date.now(), START);
  });
  check();
  const first = simulate(() => sleep(10));
  await simulate(() => delay(5));
  await first;
  check();
});

Deno.test("a timer of a simulation that has ended can still be cleared, and code that outlived it sees real time", async () => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let later = () => Promise.resolve(0);
  await simulate(() => {
    const { resolve, promise } = Promise.withResolvers<void>();
    const date = promise.then(() => Date.now());
    later = () => {
      resolve();
      return date;
    };
    timer = setTimeout(() => {}, 1_000);
  }, { leaks: "ignore" });
  clearTimeout(timer);
  clearTimeout(+timer!);
  assert(await later() > START + 86_400_000);
});

Deno.test("what a timer or an immediate throws, and a rejection nobody handles, fail their own simulation", async () => {
  const fails = (fn: () => void) =>
    assertRejects(() =>
      simulate(async () => {
        fn();
        await sleep(60_000);
      })
    );
  const thrower = () => {
    throw new RangeError("thrown in a callback");
  };
  const quiet = simulate(() => sleep(60_000));
  for (
    const fn of [
      () => void setTimeout(thrower, 5),
      () => void setImmediate(thrower),
      () => void Promise.reject(new RangeError("rejected")),
      () =>
        void (async () => {
          await delay(10);
          thrower();
        })(),
    ]
  ) assertInstanceOf(await fails(fn), RangeError);
  await quiet;
  const both = await assertRejects(() =>
    simulate(async () => {
      Promise.reject(new RangeError("stray"));
      await sleep(1).catch(() => {});
      throw new TypeError("body");
    }), ErrorGroup);
  assertEquals(both.errors.map((error) => (error as Error).message), ["stray", "body"]);
  await assertRejects(() => simulate(() => void Promise.reject(new RangeError("at the very end"))), RangeError);
});

Deno.test("a rejection that another listener handles is left to it", async () => {
  const seen: unknown[] = [];
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    seen.push(event.reason);
  };
  addEventListener("unhandledrejection", listener);
  try {
    await simulate(async () => {
      Promise.reject("handled elsewhere");
      await sleep(1);
    });
  } finally {
    removeEventListener("unhandledrejection", listener);
  }
  assertEquals(seen, ["handled elsewhere"]);
});

Deno.test("time waits for the answer of a plain fetch, which is named when it does not come", async () => {
  // No permission is needed for these.
  await simulate(async (sim) => {
    const [response] = await Promise.all([fetch("data:text/plain,hello"), sleep(1_000)]);
    assertEquals(await response.text(), "hello");
    assertEquals(sim.now, 1_000);
    await assertRejects(() => fetch("nonsense:"), TypeError);
    await assertRejects(() => fetch(new URL("data:,x"), { signal: AbortSignal.abort() }), DOMException);
  });
  for (
    const [call, label] of [
      [() => fetch("data:,a"), "fetch GET data:,a"],
      [() => fetch(new URL("data:,b"), { method: "POST" }), "fetch POST data:,b"],
      [() => fetch(new Request("data:,c", { method: "PUT" })), "fetch PUT data:,c"],
    ] as const
  ) {
    const seen: string[] = [];
    await simulate(async () => void await (await call()).text(), {
      instruments: [{ hostOperationStarted: (label) => seen.push(label) }],
    });
    assertEquals(seen, [label]);
  }
});

Deno.test("a fetch that a test has put in place of the host's may throw, and its rejection is not taken for handled", async () => {
  const { fetch: hostFetch } = globalThis;
  const set = (fetch: unknown) => Object.defineProperty(globalThis, "fetch", { value: fetch });
  try {
    set(() => {
      throw new RangeError("mock");
    });
    await simulate(async (sim) => {
      assertThrows(() => fetch("http://192.0.2.1/"), RangeError, "mock");
      await sleep(5);
      assertEquals(sim.now, 5);
    });
    set(() => "no promise");
    await simulate(async () => {
      assertEquals(await fetch("http://192.0.2.1/") as unknown, "no promise");
      await sleep(5);
    });
    set(() => Promise.reject(new RangeError("mock")));
    const forgetful = () =>
      simulate(async () => {
        void fetch("http://192.0.2.1/");
        await sleep(5);
      });
    await assertRejects(forgetful, RangeError, "mock");
    await simulate(async () => {
      await assertRejects(() => fetch("http://192.0.2.1/"), RangeError, "mock");
    });
  } finally {
    set(hostFetch);
  }
});

Deno.test("an immediate can be cleared from outside the simulation, and by its own dispose", async () => {
  const ways = [
    (handle: unknown) => clearImmediate(handle as never),
    (handle: unknown) => (handle as Disposable)[Symbol.dispose](),
  ];
  for (const clear of ways) {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    // Not in the context of the simulation.
    const cleared = promise.then(clear);
    let fired = false;
    await simulate(async (sim) => {
      resolve(setImmediate(() => void (fired = true)));
      await cleared;
      await sleep(5);
      assertEquals(sim.now, 5);
    });
    assertEquals(fired, false);
  }
});

Deno.test("an hour of other people's timers takes no real time to speak of: 3,600 ticks in sequence", async () => {
  let ticks = 0;
  await simulate(async (sim) => {
    const timer = setInterval(() => ticks++, 1_000);
    await sim.advance(3_600_000);
    clearInterval(timer);
    assertEquals([sim.now, ticks], [3_600_000, 3_600]);
  });
});

Deno.test("a second copy of the package shares the patches: its simulations are asked as well", async () => {
  await simulate(async () => {
    const registry = (globalThis as Record<symbol, unknown>)[Symbol.for("@trefoil/io/testing/globals/7")] as {
      copies: { find(): unknown; clear(handle: unknown): boolean; reference(): boolean }[];
      users: number;
    };
    assertEquals([registry.users, registry.copies.length], [1, 1]);
    const cleared: unknown[] = [];
    const theirs = { mine: true };
    registry.copies.unshift({
      find: () => ({ now: () => 7, wall: () => 1_000 }),
      clear: (handle) => handle === theirs && cleared.push(handle) > 0,
      reference: () => false,
    });
    assertEquals([performance.now(), Date.now()], [7, 1_000]);
    clearTimeout(theirs as never);
    registry.copies.shift();
    assertEquals([performance.now(), Date.now(), ...cleared], [0, START, theirs]);
    await sleep(1);
  });
});

// Random numbers.

/** Draws from everything there is. */
function draw(): unknown[] {
  return [
    Math.random(),
    [...crypto.getRandomValues(new Uint8Array(5))],
    [...crypto.getRandomValues(new Uint32Array(2).subarray(1))],
    crypto.randomUUID(),
  ];
}

Deno.test("Math.random and crypto follow the seed of the simulation, and each is a source of its own", async () => {
  const drawn = (seed: number) => simulate(draw, { seed });
  assertEquals(await drawn(1), await drawn(1));
  const [one, two] = [await drawn(1), await drawn(2)];
  one.forEach((value, index) => assert(JSON.stringify(value) !== JSON.stringify(two[index])));
  const [plain, others] = await Promise.all([false, true].map((more) =>
    simulate((sim) => {
      if (more) { for (let i = 0; i < 7; i++) [sim.random(), crypto.randomUUID()]; }
      return [Math.random(), Math.random()];
    })
  ));
  assertEquals(plain, others);
});

Deno.test("simulations side by side draw from their own seeds, and code outside from the host", async () => {
  const draws = (seed: number) =>
    simulate(async () => {
      const values = [draw()];
      for (let i = 0; i < 20; i++) {
        await sleep(Math.random() * 10);
        values.push(draw());
      }
      return values;
    }, { seed });
  const alone = await draws(1);
  const outside: number[] = [];
  const [again, other] = await Promise.all([
    draws(1),
    draws(2),
    (async () => {
      for (let i = 0; i < 20; i++) {
        outside.push(Math.random());
        await realTurn();
      }
    })(),
  ]);
  assertEquals(again, alone);
  assertEquals(other.length, 21);
  assertEquals(outside.filter((value) => JSON.stringify([alone, other]).includes(String(value))), []);
});

Deno.test("what is drawn looks like what the host gives: UUIDs of version 4, all bytes, the same arrays, the same errors", async () => {
  await simulate(() => {
    for (let i = 0; i < 100; i++) {
      assert(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()));
    }
    const bytes = new Uint8Array(4_000);
    assertEquals(crypto.getRandomValues(bytes), bytes);
    assertEquals(new Set(bytes).size, 256);
    const whole = new Uint8Array(8);
    crypto.getRandomValues(whole.subarray(2, 6));
    assertEquals([whole[0], whole[1], whole[6], whole[7]], [0, 0, 0, 0]);
    assertThrows(() => crypto.getRandomValues(new Float32Array(1) as never), DOMException);
    assertThrows(() => crypto.getRandomValues(new Uint8Array(65_537)), DOMException);
    assertThrows(() => crypto.getRandomValues.call({} as never, new Uint8Array(1)), TypeError);
    const numbers = Array.from({ length: 1_000 }, () => Math.random());
    assert(numbers.every((number) => number >= 0 && number < 1));
    assert(Math.abs(numbers.reduce((sum, number) => sum + number) / 1_000 - 0.5) < 0.05);
  });
});

Deno.test("afterwards Math.random and crypto are the host's again, to the property", async () => {
  const describe = () =>
    ([[Math, "random"], [Crypto.prototype, "getRandomValues"], [Crypto.prototype, "randomUUID"], [
      crypto,
      "randomUUID",
    ]] as const)
      .map(([target, key]) => Object.getOwnPropertyDescriptor(target, key));
  const before = describe();
  await simulate(() => sleep(1));
  assertEquals(describe(), before);
});

Deno.test("a timer that a module keeps for all its users begins anew in the world of whoever says so", async () => {
  let rung = 0;
  let kept: { refresh(): unknown } | undefined;
  const ring = async (now: () => number): Promise<number> => {
    const [before, begun] = [rung, now()];
    if (kept === undefined) kept = setTimeout(() => void rung++, 20) as unknown as { refresh(): unknown };
    else kept.refresh();
    while (rung === before) await new Promise((resolve) => setTimeout(resolve, 5));
    return now() - begun;
  };
  for (let i = 0; i < 2; i++) assertEquals(await simulate((sim) => ring(() => sim.now)), 20);
  await ring(() => 0); // in real time
  assertEquals(rung, 3);
});
