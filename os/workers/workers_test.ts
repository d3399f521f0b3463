// deno-lint-ignore-file no-console -- tests of what is printed
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import {
  CancelScope,
  CapacityLimiter,
  checkpoint,
  ClosedResourceError,
  Event,
  moveOnAfter,
  openNursery,
  run,
} from "../../core/mod.ts";
import { blockingCallback, callback } from "./callback.ts";
import { openWorkers } from "./open_workers.ts";
import { transfer } from "./transfer.ts";
import { WorkerCrashedError } from "./worker_errors.ts";
import type { OpenWorkersOptions, Workers } from "./workers.ts";

type Functions = typeof import("./_fixtures/functions.ts");
type Ambient = typeof import("./_fixtures/ambient.ts");
const fixture = (name: string): URL => new URL(`./_fixtures/${name}.ts`, import.meta.url);

/** Workers of which the compiler knows nothing. */
interface Untyped {
  call(name: unknown, ...args: unknown[]): Promise<unknown>;
  stream(name: string, ...args: unknown[]): AsyncIterator<unknown>;
}

/** A test with a pool of one worker of each kind. */
function test(
  name: string,
  body: (workers: Workers<Functions>, kind: "thread" | "process") => Promise<void>,
  { kinds = ["thread", "process"], ...options }: OpenWorkersOptions & { kinds?: readonly ("thread" | "process")[] } =
    {},
): void {
  for (const kind of kinds) {
    Deno.test(`${name} (${kind})`, () =>
      run(async () => {
        await using workers = await openWorkers<Functions>(fixture("functions"), { size: 1, ...options, kind });
        await body(workers, kind);
      }, { handleSignals: false }));
  }
}

/** What a pool prints on the console meanwhile. */
async function printed(body: () => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  const { error } = console;
  console.error = (line: string) => void lines.push(line);
  try {
    await body();
  } finally {
    console.error = error;
  }
  return lines;
}

test("W1, W6: functions are called with their arguments, and give their results", async (workers) => {
  assertEquals(await workers.call("add", 1, 2), 3);
  assertEquals(await workers.call("report", 2, callback((n: number) => n * 10)), [10, 20]);
  assertEquals(workers.statistics(), {
    size: 1,
    started: 1,
    busy: 0,
    idle: 1,
    waiting: 0,
    writtenOff: 0,
    crashed: 0,
  });
});

test("W7: generators give their items, in order, beyond any credit", async (workers) => {
  const items: number[] = [];
  for await (const item of workers.stream("squares", 1_000)) items.push(item);
  assertEquals(items, Array.from({ length: 1_000 }, (_, n) => (n + 1) ** 2));
  assertEquals(await workers.call("add", 1, 2), 3);
});

test("W7: leaving a loop ends the generator, and frees the worker for the next call", async (workers) => {
  let ended = 0;
  for (let round = 0; round < 3; round++) {
    for await (const item of workers.stream("squares", 1_000_000, callback(() => void ended++))) {
      if (item === 9) break;
    }
    assertEquals(workers.statistics().busy, 0);
  }
  const seen: string[] = [];
  for await (const _ of workers.stream("waiting", callback((how: string) => void seen.push(how)))) break;
  // A late credit or item of the streams before would end or spoil this one.
  const items: number[] = [];
  for await (const item of workers.stream("squares", 40)) items.push(item);
  assertEquals(items.length, 40);
}, { window: 4 });

test("W7: an error of a generator comes after its items", async (workers) => {
  const items: number[] = [];
  await assertRejects(
    async () => {
      for await (const item of workers.stream("failing")) items.push(item);
    },
    RangeError,
    "after one",
  );
  assertEquals(items, [1]);
  await assertRejects(async () => void await workers.stream("functions").next(), TypeError, 'an item of "functions"');
});

test("W7: what the cleanup of a generator fails with is thrown by leaving its loop, unless that has thrown", async (workers) => {
  await assertRejects(
    async () => {
      for await (const _ of workers.stream("leftBadly")) break;
    },
    RangeError,
    "the cleanup has failed",
  );
  await assertRejects(
    async () => {
      for await (const _ of workers.stream("leftBadly")) throw new TypeError("the loop");
    },
    TypeError,
    "the loop",
  );
  assertEquals(await workers.call("add", 1, 2), 3);
});

test("W7: after its end or failure a stream gives nothing more, and can be left again", async (workers) => {
  const stream = workers.stream("squares", 1);
  assertEquals(await stream.next(), { done: false, value: 1 });
  assertEquals(await stream.next(), { done: true, value: undefined });
  assertEquals(await stream.next(), { done: true, value: undefined });
  assertEquals(await stream.return!(), { done: true, value: undefined });
  const unused = workers.stream("squares", 1);
  await unused.return!();
  assertEquals((await unused.next()).done, true);
  assertEquals(workers.statistics().started, 1);
});

test(
  "W8: what is transferred moves where there is one memory, and nothing moves from a queue",
  async (workers, kind) => {
    const moved = transfer(new Uint8Array(1_000));
    assertEquals(await workers.call("lengthOf", moved), 1_000);
    assertEquals(moved.length, kind === "thread" ? 0 : 1_000);
    assertEquals((await workers.call("bytes", 5))[4], 7);
    const started = new Event();
    await openNursery(async (nursery) => {
      const first = nursery.startSoon(() => workers.call("untilAborted", callback(() => started.set())));
      await started.wait();
      const kept = transfer(new Uint8Array(10));
      const outcome = await moveOnAfter(1, () => workers.call("lengthOf", kept));
      assertEquals([outcome.cancelledCaught, kept.length], [true, 10]);
      first.cancel();
    });
  },
);

test("W8: many bytes cross in both directions, copied, however they are wrapped", async (workers) => {
  const bytes = new Uint8Array(8 << 20).fill(3);
  const back = await workers.call("give", { deep: [bytes] }) as { deep: [Uint8Array] };
  assertEquals([back.deep[0].length, back.deep[0].at(-1), bytes.length], [bytes.length, 3, bytes.length]);
});

/** A value, and how it arrives in a thread and in a process; `null` for a refusal. */
const VALUES: readonly (readonly [name: string, value: unknown, thread: string | null, process: string | null])[] = [
  ["text", "a", "String", "String"],
  ["big number", 1n, "BigInt", "BigInt"],
  ["nothing", undefined, "Undefined", "Undefined"],
  ["bytes", new Uint8Array(3), "Uint8Array", "Uint8Array"],
  ["buffer", new ArrayBuffer(3), "ArrayBuffer", "ArrayBuffer"],
  ["date", new Date(0), "Date", "Date"],
  ["map", new Map([[1, 2]]), "Map", "Map"],
  ["set", new Set([1]), "Set", "Set"],
  ["pattern", /x/g, "RegExp", "RegExp"],
  ["error", new TypeError("x"), "Error", "Error"],
  [
    "instance",
    new (class Point {
      x = 1;
    })(),
    "Object",
    "Object",
  ],
  ["blob", new Blob(["x"]), "Blob", null],
  ["shared memory", new SharedArrayBuffer(4), "SharedArrayBuffer", null],
  ["address", new URL("http://localhost/"), null, null],
  ["headers", new Headers(), null, null],
  ["request", new Request("http://localhost/"), null, null],
  ["signal", new AbortController().signal, null, null],
  ["function", () => 1, null, null],
  ["symbol", Symbol("x"), null, null],
  ["promise", Promise.resolve(), null, null],
  ["weak map", new WeakMap(), null, null],
];

test("W8: each value arrives as what it is, or is refused before anything is sent", async (workers, kind) => {
  for (const [name, value, thread, process] of VALUES) {
    const expected = kind === "thread" ? thread : process;
    if (expected === null) {
      const error = await assertRejects(() => workers.call("look", value), TypeError, undefined, name);
      assertStringIncludes(error.message, 'Cannot call "look" as each argument must be something that can be cloned: ');
      assertStringIncludes(error.message, "argument 1, ");
    } else assertEquals(await workers.call("look", value), expected, name);
  }
  assertEquals(workers.statistics().started, 1);
  await assertRejects(() => workers.call("giveFunction"), TypeError, 'Cannot send the result of "giveFunction" as ');
  await assertRejects(() => workers.call("giveUrl"), TypeError, "it is of class URL");
  assertEquals(await workers.call("add", 1, 1), 2);
});

test("W9: what a function throws is thrown here", async (workers) => {
  const broken = await assertRejects(() => workers.call("fail", "subclass"), TypeError, "it broke");
  assertEquals([broken.name, (broken as unknown as { code: string }).code], ["Broken", "E_BROKEN"]);
  assertInstanceOf(broken.cause, RangeError);
  assert(/functions\.ts:\d+:\d+\)\n {4}at worker functions\.ts$/.test(broken.stack!), broken.stack);
  await assertRejects(() => workers.call("fail", "host"), Deno.errors.NotFound, "no such file");
  const group = await assertRejects(() => workers.call("fail", "group"), AggregateError);
  assertEquals(group.errors[1], "b");
  const text = await workers.call("fail", "text").catch((error) => error);
  assertEquals(text, "plain text");
  assertEquals(workers.statistics().crashed, 0);
});

test("bad calls: no such function, no function, a generator called, a function streamed", async (workers) => {
  const any = workers as unknown as Untyped;
  const error = await assertRejects(() => any.call("nope"), TypeError);
  assertStringIncludes(
    error.message,
    'Cannot call "nope" of functions.ts as the module must export a function of that name',
  );
  assertStringIncludes(error.message, '"add"');
  await assertRejects(() => any.call("constant"), TypeError, 'Cannot call "constant"');
  await assertRejects(() => any.call("toString"), TypeError, 'Cannot call "toString"');
  await assertRejects(() => any.call("squares", 3), TypeError, 'use stream("squares", …)');
  await assertRejects(() => any.stream("add", 1, 2).next(), TypeError, 'use call("add", …)');
  await assertRejects(() => any.call(7), TypeError, '"name" must be a string');
  assertEquals([await workers.call("add", 1, 2), workers.statistics().started], [3, 1]);
});

test("W2: a call that waits is stopped by its signal, and its worker is used again", async (workers) => {
  const started = new Event();
  await openNursery(async (nursery) => {
    const task = nursery.startSoon(() => workers.call("untilAborted", callback(() => started.set())));
    await started.wait();
    task.cancel();
  });
  assertEquals(await workers.call("add", 1, 2), 3);
  assertEquals([workers.statistics().started, workers.statistics().crashed], [1, 0]);
}, { grace: Infinity });

test("W2: what a cancelled call fails with is not lost", async (workers) => {
  const started = new Event();
  const scope = new CancelScope();
  const failing = assertRejects(
    () => scope.run(() => workers.call("failToStop", callback(() => started.set()))),
    RangeError,
    "the cleanup has failed",
  );
  await started.wait();
  scope.cancel();
  await failing;
}, { grace: Infinity });

test("W5: a call that computes sees its cancellation at the next check", async (workers) => {
  const started = new Event();
  await openNursery(async (nursery) => {
    const task = nursery.startSoon(() => workers.call("computeUntilCancelled", callback(() => started.set())));
    await started.wait();
    task.cancel();
  });
  assertEquals(await workers.call("add", 1, 2), 3);
  assertEquals(workers.statistics().started, 1);
}, { kinds: ["thread"], grace: Infinity });

test("W5: the waits of this library are cancelled in the worker as well", async (_, kind) => {
  await using workers = await openWorkers<Ambient>(fixture("ambient"), { size: 1, kind, grace: Infinity });
  const started = new Event();
  let ended = 0;
  await openNursery(async (nursery) => {
    const task = nursery.startSoon(() =>
      workers.call("sleepLong", callback(() => started.set()), callback(() => void ended++))
    );
    await started.wait();
    task.cancel();
  });
  assertEquals(await workers.call("sleepAndAdd", 1, 2, 3), 5);
  // A callback cannot be called any more when its call is cancelled.
  assertEquals([ended, workers.statistics().started], [0, 1]);
});

test("W2: a process that does not stop is killed after the grace, and replaced", async (workers) => {
  const started = new Event();
  await openNursery(async (nursery) => {
    const task = nursery.startSoon(() => workers.call("computeForever", callback(() => started.set())));
    await started.wait();
    task.cancel();
  });
  assertEquals(await workers.call("add", 1, 2), 3);
  const { started: all, crashed } = workers.statistics();
  assertEquals([all, crashed], [2, 0]);
}, { kinds: ["process"], grace: 0 });

test(
  "W3: a thread that does not stop keeps its place, is told of once, and is used again in the end",
  async (workers) => {
    const shared = new SharedArrayBuffer(4);
    const lines = await printed(async () => {
      for (let round = 0; round < 2; round++) {
        Atomics.store(new Int32Array(shared), 0, 0);
        const started = new Event();
        await openNursery(async (nursery) => {
          const task = nursery.startSoon(() => workers.call("blockUntil", shared, callback(() => started.set())));
          await started.wait();
          task.cancel();
        });
        assertEquals([workers.statistics().writtenOff, workers.statistics().busy], [1, 0]);
        await openNursery(async (nursery) => {
          const waiting = nursery.startSoon(() => workers.call("add", 1, 2));
          assertEquals((await moveOnAfter(1, () => workers.call("add", 1, 1))).cancelledCaught, true);
          const numbers = new Int32Array(shared);
          Atomics.store(numbers, 0, 1);
          Atomics.notify(numbers, 0);
          assertEquals(await waiting.join(), 3);
        });
        assertEquals(workers.statistics().writtenOff, 0);
      }
    });
    assertEquals(lines.length, 1);
    assertStringIncludes(
      lines[0]!,
      '"blockUntil" of functions.ts has not stopped 0 ms after it was cancelled; its thread goes on: call checkCancelled() ' +
        'in its loop, or use kind "process"',
    );
    assertEquals(workers.statistics().started, 1);
  },
  { kinds: ["thread"], grace: 0 },
);

test("W4: closing stops the calls that run, fails those that wait, and ends the workers", async (workers) => {
  const started = new Event();
  const results = await openNursery(async (nursery) => {
    const tasks = [
      nursery.startSoon(() => workers.call("untilAborted", callback(() => started.set())).catch((error) => error)),
      nursery.startSoon(() => workers.call("add", 1, 2).catch((error) => error)),
    ];
    await started.wait();
    await workers.close();
    return await Promise.all(tasks.map((task) => task.join()));
  });
  for (const result of results) assertInstanceOf(result, ClosedResourceError);
  await assertRejects(() => workers.call("add", 1, 2), ClosedResourceError, "the workers must be open");
  await assertRejects(() => workers.stream("squares", 1).next(), ClosedResourceError);
  await workers.close();
  assertEquals([workers.statistics().busy, workers.statistics().idle], [0, 0]);
}, { grace: Infinity });

test("W4: closing ends the stream that nobody takes from, and its next() says so", async (workers) => {
  const stream = workers.stream("squares", 1_000_000);
  await stream.next();
  await workers.close();
  await assertRejects(async () => {
    for (;;) await stream.next();
  }, ClosedResourceError);
});

test("W10: a worker that exits amid a call is replaced, and only that call fails", async (workers, kind) => {
  await workers.call("add", 1, 1);
  await openNursery(async (nursery) => {
    const leaving = nursery.startSoon(() => assertRejects(() => workers.call("leave", 3), WorkerCrashedError));
    const queued = nursery.startSoon(() => workers.call("add", 1, 2));
    const error = await leaving.join();
    assertEquals([error.functionName, error.exitCode, error.signal], ["leave", 3, null]);
    assert(error.module.endsWith("/functions.ts"), error.module);
    assertEquals(
      error.message,
      'Cannot call "leave" of functions.ts as its worker must live until it answers: it has exited with code 3',
    );
    assertEquals(await queued.join(), 3);
  });
  assertEquals([workers.statistics().crashed, workers.statistics().started, kind], [1, 2, kind]);
});

for (const how of ["error", "rejection"] as const) {
  test(`W10: an uncaught ${how} in a worker fails its call, and replaces the worker`, async (workers) => {
    const error = await assertRejects(() => workers.call("failBeside", how), WorkerCrashedError);
    assertInstanceOf(error.cause, RangeError);
    assertStringIncludes(error.message, "an error was not caught in it, RangeError: beside");
    assertEquals(await workers.call("add", 1, 2), 3);
  });
}

test("W10: the first three crashes without any answer end it: no more workers are started", async (workers) => {
  for (let n = 0; n < 3; n++) await assertRejects(() => workers.call("leave", 1), WorkerCrashedError, "code 1");
  const error = await assertRejects(() => workers.call("add", 1, 2), WorkerCrashedError);
  assertStringIncludes(error.message, "the first 3 have crashed");
  assertEquals(workers.statistics().started, 3);
});

test("W13: what goes to stdout past the console ends a process with a sentence of its own", async (workers) => {
  const error = await assertRejects(() => workers.call("writeOut", "oops"), WorkerCrashedError);
  assertStringIncludes(error.message, 'Its stdout must carry messages only: "oops');
  assertEquals(await workers.call("add", 1, 2), 3);
}, { kinds: ["process"] });

test("W11: a callback runs in the calling task, one after another, and its errors go back", async (workers) => {
  let running = 0;
  const answers = await workers.call(
    "reportAtOnce",
    5,
    callback(async (n: number) => {
      assertEquals(++running, 1);
      await checkpoint();
      running--;
      return n * 10;
    }),
  );
  assertEquals(answers, [10, 20, 30, 40, 50]);
  const seen = await workers.call(
    "catchFrom",
    callback(() => {
      throw new RangeError("from here");
    }),
  );
  assertEquals(seen, "true RangeError: from here");
  const unclonable = await workers.call("catchFrom", callback(() => (() => 1) as unknown as void));
  assertStringIncludes(unclonable, "TypeError: Cannot send the result of a callback");
});

test("W11: a callback is refused when its call is over", async (workers) => {
  assertEquals(await workers.call("keep", callback(() => {})), "kept");
  assertStringIncludes(await workers.call("keep", callback(() => {})), "must not be over: it is");
});

test("W11: a callback that is cancelled cancels the call", async (workers) => {
  const outcome = await moveOnAfter(1, () =>
    workers.call(
      "report",
      1,
      callback(async (n: number) => {
        await new Event().wait();
        return n;
      }),
    ));
  assert(outcome.cancelledCaught);
  assertEquals(await workers.call("add", 1, 2), 3);
}, { grace: Infinity });

test(
  "W11: a thread blocks until the program has answered, also asynchronously; errors are thrown there",
  async (workers) => {
    assertEquals(await workers.call("askTwice", blockingCallback((n: number) => n * 10)), 30);
    const slow = blockingCallback(async (n: number) => {
      await Promise.resolve();
      return n;
    });
    assertEquals(await workers.call("askTwice", slow), 3);
    const failing = blockingCallback((_: number): number => {
      throw new RangeError("no answer");
    });
    await assertRejects(() => workers.call("askTwice", failing), RangeError, "no answer");
    // A thread that blocks wakes up when its call is cancelled.
    const asked = new Event();
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() =>
        workers.call(
          "askTwice",
          blockingCallback(async (_: number) => {
            asked.set();
            await new Event().wait();
            return 1;
          }),
        )
      );
      await asked.wait();
      task.cancel();
    });
    assertEquals([await workers.call("add", 1, 2), workers.statistics().started], [3, 1]);
  },
  { kinds: ["thread"], grace: Infinity },
);

test("W11: a process cannot have a blocking callback, which is said before anything is sent", async (workers) => {
  await assertRejects(
    () => workers.call("askTwice", blockingCallback((n: number) => n)),
    TypeError,
    "its worker must be a thread: it is a process, use callback()",
  );
}, { kinds: ["process"] });

test("a worker is replaced after as many calls as it may have", async (workers) => {
  for (let n = 0; n < 4; n++) assertEquals(await workers.call("add", n, 1), n + 1);
  assertEquals([workers.statistics().started, workers.statistics().crashed], [2, 0]);
}, { maxCalls: 2 });

test("the heap limit of a thread crashes it, with what the host says as the cause", async (workers) => {
  await workers.call("add", 1, 1);
  const error = await assertRejects(() => workers.call("fill", 400), WorkerCrashedError);
  assertEquals((error.cause as { code?: string }).code, "ERR_WORKER_OUT_OF_MEMORY");
  assertEquals(await workers.call("add", 1, 2), 3);
}, { kinds: ["thread"], memory: 16 });

test("W12: a process is the main module, and may do what it was given, no more", async () => {
  const permissions = { read: [Deno.cwd()], write: false, run: false };
  await using workers = await openWorkers<Functions>(fixture("functions"), { kind: "process", size: 1, permissions });
  assertEquals(await workers.call("isMain"), true);
  assertEquals(await workers.call("mayRead", Deno.cwd()), "granted");
  assertEquals(await workers.call("mayRead", "/"), "prompt");
  await using none = await openWorkers<Functions>(fixture("functions"), {
    kind: "process",
    size: 1,
    permissions: "none",
  });
  assertEquals(await none.call("mayRead", Deno.cwd()), "prompt");
  await assertRejects(
    () => openWorkers(fixture("functions"), { kind: "process", permissions: { net: ["localhost"] } }),
    Deno.errors.NotCapable,
    "started with --allow-net=localhost",
  );
}, { kinds: ["process"] });

for (const kind of ["thread", "process"] as const) {
  Deno.test(`W: a module that does not load fails the opening, and leaves nothing (${kind})`, () =>
    run(async () => {
      const error = await assertRejects(
        () => openWorkers(fixture("unloadable"), { kind, size: 2 }),
        WorkerCrashedError,
      );
      assertEquals(error.functionName, null);
      assertStringIncludes(error.message, "Cannot start a worker of unloadable.ts as its module must load: ");
      assertStringIncludes(error.message, "RangeError: this module does not load");
      if (kind === "thread") assertInstanceOf(error.cause, RangeError);
      const missing = await assertRejects(() => openWorkers(fixture("missing"), { kind, size: 1 }), WorkerCrashedError);
      assertStringIncludes(missing.message, "Cannot start a worker of missing.ts as its module must load: ");
      assertStringIncludes(missing.message, "Module not found");
    }, { handleSignals: false }));

  Deno.test(`W: workers that are started when they are needed find out then (${kind})`, () =>
    run(async () => {
      await using workers = await openWorkers<Functions>(fixture("unloadable"), { kind, size: 1, warm: 0 });
      await assertRejects(() => workers.call("add", 1, 2), WorkerCrashedError);
      assertEquals(workers.statistics().crashed, 1);
    }, { handleSignals: false }));

  Deno.test(`W: two pools share a limiter: no more calls run than it has tokens (${kind})`, () =>
    run(async () => {
      const limiter = new CapacityLimiter(1);
      const options = { kind, limiter, warm: 0 } as const;
      await using one = await openWorkers<Functions>(fixture("functions"), options);
      await using two = await openWorkers<Functions>(fixture("functions"), options);
      const started = new Event();
      await openNursery(async (nursery) => {
        const task = nursery.startSoon(() => one.call("untilAborted", callback(() => started.set())));
        await started.wait();
        assertEquals((await moveOnAfter(1, () => two.call("add", 1, 2))).cancelledCaught, true);
        assertEquals(two.statistics().started, 0);
        task.cancel();
      });
      assertEquals(await two.call("add", 1, 2), 3);
      assertEquals(limiter.borrowedTokens, 0);
    }, { handleSignals: false }));
}

Deno.test("bad options are refused before anything is started", async () => {
  const bad: readonly (readonly [unknown, unknown, ErrorConstructor | typeof RangeError, string])[] = [
    ["./hash.ts", {}, TypeError, 'write new URL("./hash.ts", import.meta.url)'],
    [7, {}, TypeError, '"module" must be a URL'],
    ["file:///x.ts", { kind: "web" }, TypeError, '"kind" must be "thread" or "process"'],
    ["file:///x.ts", { size: 0 }, RangeError, '"size"'],
    ["file:///x.ts", { size: 2, limiter: new CapacityLimiter(2) }, TypeError, '"size" and "limiter"'],
    ["file:///x.ts", { limiter: 3 }, TypeError, '"limiter" must be a CapacityLimiter'],
    ["file:///x.ts", { size: 2, warm: 3 }, RangeError, '"warm"'],
    ["file:///x.ts", { grace: -1 }, RangeError, '"grace"'],
    ["file:///x.ts", { idleTimeout: NaN }, RangeError, '"idleTimeout"'],
    ["file:///x.ts", { maxCalls: 0 }, RangeError, '"maxCalls"'],
    ["file:///x.ts", { memory: 0.5 }, RangeError, '"memory"'],
    ["file:///x.ts", { window: 0 }, RangeError, '"window"'],
    ["file:///x.ts", { permissions: "none" }, TypeError, '"kind" must be "process"'],
    ["file:///x.ts", { kind: "process", permissions: { disk: true } }, TypeError, 'received "disk"'],
    ["file:///x.ts", { kind: "process", permissions: { read: ["a,b"] } }, TypeError, '"permissions.read"'],
    ["file:///x.ts", { kind: "process", permissions: 7 }, TypeError, '"permissions"'],
  ];
  for (const [module, options, kind, part] of bad) {
    const error = await assertRejects(() => openWorkers(module as URL, options as OpenWorkersOptions), kind);
    assertStringIncludes(error.message, "Cannot open workers ");
    assertStringIncludes(error.message, part);
  }
  for (const bad of [undefined, "text", 7, {}]) {
    assertStringIncludes(
      (await assertRejects(() => Promise.resolve(bad).then((value) => transfer(value as object)), TypeError)).message,
      "Cannot transfer",
    );
    assertStringIncludes(
      (await assertRejects(() => Promise.resolve(bad).then((value) => callback(value as never)), TypeError)).message,
      "Cannot make a callback",
    );
  }
  assert(transfer({ a: 1 }, [new ArrayBuffer(1)]).a === 1);
});
