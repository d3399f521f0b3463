import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { hostTimeout } from "../../core/internal.ts";
import { delay } from "@std/async";
import {
  DeadlockError,
  Event,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  shielded,
  sleep,
  sleepForever,
  type Task,
  taskTree,
} from "../../core/mod.ts";
import { suspend } from "../../core/lowlevel.ts";
import { openTcpStream } from "../../net/mod.ts";
import { simulate, simulated, type SimulateOptions, type Simulation } from "../mod.ts";

// What a new user sees of a program that is stuck: each report must name the tasks, what they wait for, and the lines.

async function reportOf(body: (sim: Simulation) => unknown, options?: SimulateOptions): Promise<string> {
  const error = await assertRejects(() => simulate(body, options), Error);
  return error.message;
}

/** The line this is called on. */
function line(): number {
  return Number(/deadlock_test\.ts:(\d+):\d+\)?$/.exec((new Error().stack ?? "").split("\n")[2] ?? "")?.[1]);
}

/** A lock as small as can be that knows its owner, as `Lock` does. */
class TinyLock {
  owner: Task | null = null;
  constructor(readonly name: string) {}
  async acquire(task: Task): Promise<void> {
    if (this.owner === null) {
      this.owner = task;
      return;
    }
    const reason = {
      kind: "acquire lock",
      label: () => `"${this.name}" held by "${this.owner?.name}"`,
      holder: () => this.owner,
    };
    await suspend<void>(reason, () => {}, () => true);
  }
}

Deno.test("a wait has begun when it began, also if nothing but a timer or the network has moved time before", async () => {
  for (
    const pass of [
      () => new Promise<void>((resolve) => setTimeout(resolve, 1_500)),
      (sim: Simulation) => Promise.resolve(sim.freeze(1_500)),
      async (sim: Simulation) => {
        using _ = sim.net.link("test", "test", { latency: 750 });
        await assertRejects(() => openTcpStream("localhost", 1));
      },
    ]
  ) {
    const error = await assertRejects(() =>
      simulate(async (sim) => {
        await pass(sim);
        await new Event({ name: "never" }).wait();
      }), DeadlockError);
    assertMatch(error.message, /event "never" +since t=1\.5s/);
  }
});

Deno.test("a deadlock shows a table: task, where it was started, what it waits for, since when, where", async () => {
  let at = 0;
  const report = await reportOf(() =>
    openNursery((nursery) => {
      const [send, receive] = openMemoryChannel<number>(8, { name: "results" });
      nursery.startSoon(() => receive.receive(), { name: "collector" });
      at = line();
      nursery.startSoon(async () => {
        await sleep(12_500);
        await new Event({ name: "go" }).wait();
      }, { name: "a worker" });
      void send;
    }, { name: "pool" })
  );
  assertEquals(
    report.replace(/deadlock_test\.ts:(\d+)/g, (_, n) => `deadlock_test.ts:${n - at}`).split("\n").map((row) =>
      row.replaceAll(/ {3,}/g, "  ")
    ),
    [
      "Cannot go on as nothing can ever wake up (t=12.5s):",
      '  main #1  nursery "pool", 2 children  since t=0ms',
      '  ├─ collector #2  deadlock_test.ts:-1:15  receive from channel "results" (0/8)  since t=0ms  deadlock_test.ts:-1:39',
      '  └─ a worker #3  deadlock_test.ts:1:15  event "go"  since t=12.5s  deadlock_test.ts:3:41',
    ],
  );
});

Deno.test("crossed locks are a cycle, and it is written out", async () => {
  const report = await reportOf(() =>
    openNursery((nursery) => {
      const [a, b] = [new TinyLock("a"), new TinyLock("b")];
      const take = (name: string, first: TinyLock, second: TinyLock) => {
        const task: Task = nursery.startSoon(async () => {
          await first.acquire(task);
          await sleep(5);
          await second.acquire(task);
        }, { name });
      };
      take("left", a, b);
      take("right", b, a);
    })
  );
  assertStringIncludes(report, 'acquire lock "b" held by "right"');
  assertStringIncludes(report, '\ncycle: left #2 → acquire lock "b" → right #3 → acquire lock "a" → left #2');
});

Deno.test("a nursery that waits for a child which wants what its parent holds is a cycle, too", async () => {
  const report = await reportOf((sim) => {
    void sim;
    return openNursery((outer) => {
      const parent: Task = outer.startSoon(async () => {
        const lock = new TinyLock("db");
        await lock.acquire(parent);
        await openNursery((nursery) => {
          const child: Task = nursery.startSoon(() => lock.acquire(child), { name: "child" });
        });
      }, { name: "parent" });
    });
  });
  assertStringIncludes(report, '\ncycle: parent #2 → nursery → child #3 → acquire lock "db" → parent #2');
});

Deno.test("tasks that wait for nobody in particular are no cycle", async () => {
  const report = await reportOf(() =>
    openNursery((nursery) => {
      const lock = new TinyLock("free for all");
      const owner: Task = nursery.startSoon(async () => {
        await lock.acquire(owner);
        await sleepForever();
      }, { name: "owner" });
      const other: Task = nursery.startSoon(() => lock.acquire(other), { name: "other" });
    })
  );
  assert(!report.includes("cycle"));
});

Deno.test("a task in a promise the library does not own is shown with the wait it came from", async () => {
  let at = 0;
  const report = await reportOf(async () => {
    await sleep(5);
    at = line();
    await new Promise(() => {});
  }, { foreignGrace: 1 });
  assertMatch(
    report,
    /main #1 {2}running, or awaiting a promise the library does not own {2}after sleep until t=5ms {2}/,
  );
  assertStringIncludes(report, `deadlock_test.ts:${at - 1}:11`);
});

Deno.test("a promise awaited before anything else is shown with the place of the test", async () => {
  const expected = (at: number, column: number) =>
    "Cannot go on as nothing can ever wake up (t=0ms):\n" +
    `  main #1  running, or awaiting a promise the library does not own  in the test at deadlock_test.ts:${at}:${column}`;
  const at = line() + 1;
  const test = simulated(() => new Promise(() => {}));
  const error = await assertRejects(test, DeadlockError);
  assertStringIncludes(error.message, expected(at, 16));
  const other = await assertRejects(() => simulate(() => new Promise(() => {})), DeadlockError);
  assertStringIncludes(other.message, expected(at + 3, 43));
});

Deno.test("what was opened on the host past the simulation is named where a task waits for nothing known, and only there", async () => {
  const before = new MessageChannel();
  const open: MessageChannel[] = [];
  const listening = () => {
    const { port1 } = open[open.push(new MessageChannel()) - 1] as MessageChannel;
    return new Promise((resolve) => port1.onmessage = resolve);
  };
  const named = /\nopened on the host meanwhile, past the simulation: messagePort; if a task waits for it, use /;
  try {
    assertMatch(await reportOf(listening), named);
    assertMatch(await reportOf(listening, { onForeign: "error" }), named);
    assert(!named.test(await reportOf(() => new Promise(() => {}))), "it was there before");
    const other = await reportOf(() => {
      listening();
      return sleepForever();
    });
    assert(!named.test(other), "nobody waits for it");
  } finally {
    for (const { port1, port2 } of [before, ...open]) {
      port1.close();
      port2.close();
    }
  }
});

Deno.test("all waits of a task are shown, each with its line; of very many, ten", async () => {
  const report = await reportOf(() =>
    Promise.all([new Event({ name: "one" }).wait(), new Event({ name: "two" }).wait()])
  );
  assertMatch(
    report,
    /main #1 {2}event "one" {2}since t=0ms {2}deadlock_test\.ts:\d+:45\n +event "two" {2}since t=0ms {2}deadlock_test\.ts:\d+:80/,
  );
  const many = await reportOf(() => {
    const event = new Event({ name: "shared" });
    return Promise.all(Array.from({ length: 25 }, () => event.wait()));
  });
  assertEquals(many.split("\n").length, 12);
  assertStringIncludes(many, "and 15 more waits");
});

Deno.test("a tree of more than 200 tasks is cut, a deep one is not indented for ever", async () => {
  const wide = await reportOf(() =>
    openNursery((nursery) => {
      for (let i = 0; i < 300; i++) nursery.startSoon(() => sleepForever(), { name: `task ${i}` });
    })
  );
  assertEquals(wide.split("\n").length, 202);
  assertStringIncludes(wide, "and 101 more tasks");
  const descend = (levels: number): Promise<unknown> =>
    levels === 0
      ? sleepForever()
      : openNursery((nursery) => void nursery.startSoon(() => descend(levels - 1), { name: "child" }));
  assertStringIncludes(await reportOf(() => descend(40)), "[40] child");
});

Deno.test("a deadlock takes one turn when all is accounted for, and finally blocks have run in the end", async () => {
  const log: string[] = [];
  await reportOf(async (sim) => {
    try {
      await delay(1_000);
      await new Event({ name: "never" }).wait();
    } finally {
      await shielded(() => delay(10));
      log.push(`cleaned up at ${sim.now}`);
    }
  }, { foreignGrace: 600_000 });
  assertEquals(log, ["cleaned up at 1010"]);
});

Deno.test("a deadlock after the body has ended says so", async () => {
  const report = await reportOf((sim) => {
    sim.background.startSoon(() => shielded(() => sleepForever()), { name: "stubborn" });
  });
  assertStringIncludes(
    report,
    "Cannot go on as nothing can ever wake up (t=0ms): the body has ended, and its background has not\n",
  );
});

Deno.test('onForeign: "error" fails at once, "wait" after realTimeout; timers and host operations are no foreign waits', async () => {
  const expected = (what: string) =>
    `Cannot go on as ${what}: task "main" #1 (option onForeign)\n  main #1  running, or awaiting`;
  assertStringIncludes(
    await reportOf(() => new Promise(() => {}), { onForeign: "error" }),
    expected("a task awaits a promise that the library does not own"),
  );
  assertStringIncludes(
    await reportOf(() => new Promise(() => {}), { onForeign: "wait", realTimeout: 5 }),
    expected("a task awaits a promise that the library does not own and nothing has happened for 5ms"),
  );
  for (const onForeign of ["error", "wait"] as const) {
    await simulate(async () => {
      await delay(1_000);
      await new Promise<void>((resolve) => void setImmediate(resolve));
      await Promise.resolve();
      await sleep(1);
    }, { onForeign, realTimeout: 5_000 });
  }
});

Deno.test("onForeign: wait keeps time still until the promise settles", async () => {
  await simulate(async (sim) => {
    await openNursery((nursery) => {
      nursery.startSoon(() => sleep(1));
      nursery.startSoon(async () => {
        await new Promise((resolve) => hostTimeout(resolve, 5));
        assertEquals(sim.now, 0);
      });
    });
  }, { onForeign: "wait", foreignGrace: 0 });
});

Deno.test("setInterval left running is named with its line when it uses up the time, or stops it", async () => {
  let at = 0;
  const report = await reportOf(async () => {
    setInterval(() => {}, 1_000);
    at = line();
    await sleepForever();
  }, { maxVirtual: 10_000 });
  assertStringIncludes(report, "Cannot go on as more virtual time would pass than allowed: 11s (option maxVirtual)\n");
  assertStringIncludes(
    report,
    `\ntimers left:\n  setInterval(1000), fired 10 times at deadlock_test.ts:${at - 1}:5, task "main" #1`,
  );
  const livelock = await reportOf(() => {
    const again = (): void => void setTimeout(again, 0);
    again();
    return sleepForever();
  }, { maxStepsAtOneInstant: 1_000, leaks: "ignore" });
  assertMatch(
    livelock,
    /time stands still at t=0ms: 1000 waits ended without it moving, most in setTimeout\(0\) at deadlock_test\.ts:\d+:\d+/,
  );
});

Deno.test("maxSteps ends what goes on for ever although time moves, and names who", async () => {
  const report = await reportOf(() =>
    openNursery((nursery) => {
      nursery.startSoon(async () => {
        while (true) await sleep(1);
      }, { name: "ticker" });
    }), { maxSteps: 5_000 });
  assertStringIncludes(
    report,
    'Cannot go on as the simulation takes too many steps: 5000 waits have ended by t=5.998s, of late most in task "ticker" #2 (option maxSteps)',
  );
});

Deno.test("options are checked before any effect", async () => {
  const words = '"error", "warn" or "ignore"';
  for (
    const [options, Class, message] of [
      [{ maxVirtual: -1 }, RangeError, '"maxVirtual" must be >= 0: received -1'],
      [{ maxSteps: NaN }, RangeError, '"maxSteps" must be >= 0: received NaN'],
      [{ foreignGrace: "x" }, TypeError, '"foreignGrace" must be a number: received "x"'],
      [{ seed: "x" }, TypeError, '"seed" must be a number: received "x"'],
      [{ seed: 2 ** 53 }, RangeError, '"seed" must be a safe integer: received 9007199254740992'],
      [{ seed: 0.5 }, RangeError, '"seed" must be a safe integer: received 0.5'],
      [{ start: "yesterday" }, RangeError, '"start" must be a date: received "yesterday"'],
      [{ start: {} }, TypeError, '"start" must be a date: received an object of type Object'],
      [{ io: "quiet" }, RangeError, '"io" must be "freeze" or { quiet: ms }: received "quiet"'],
      [{ io: null }, RangeError, '"io" must be "freeze" or { quiet: ms }: received null'],
      [{ io: { quiet: "50" } }, RangeError, '"io" must be "freeze" or { quiet: ms }: received quiet "50"'],
      [{ onForeign: "no" }, RangeError, '"onForeign" must be "grace", "wait" or "error": received "no"'],
      [{ processes: 5 }, TypeError, '"processes" must be processes or "host": received 5'],
      [{ network: 5 }, TypeError, '"network" must be a network or "host": received 5'],
      [{ network: class {} }, TypeError, '"network" must be a network or "host": received a function'],
      [{ instruments: [5] }, TypeError, 'each of "instruments" must be an object: received 5'],
      [{ leaks: () => {} }, RangeError, `"leaks" must be ${words}: received a function`],
      [{ schedule: 5 }, TypeError, '"schedule" must be a function: received 5'],
      [{ instruments: {} }, TypeError, '"instruments" must be an array: received an object of type Object'],
      [{ leaks: "no" }, RangeError, `"leaks" must be ${words}: received "no"`],
      [{ leaks: { timers: "no" } }, RangeError, `"leaks" must be ${words}: received "no"`],
    ] as const
  ) {
    let called = false;
    const error = await assertRejects(() => simulate(() => void (called = true), options as never), Class);
    assertEquals([error.message, called], [`Cannot simulate as ${message}`, false]);
  }
});

Deno.test("an option that does not exist is an error, and not passed over", async () => {
  const error = await assertRejects(() => simulate(() => {}, { maxvirtual: 5 } as never), TypeError);
  assertEquals(
    error.message,
    'Cannot simulate as its options must be among "seed", "start", "io", "onForeign", "realTimeout", "foreignGrace", ' +
      '"maxVirtual", "maxSteps", "maxStepsAtOneInstant", "leaks", "network", "processes", "workers", "grace", "instruments", "schedule", "campaign", "picture" and "trace": received "maxvirtual"',
  );
  await assertRejects(() => simulate(() => {}, { leaks: { timer: "warn" } } as never), TypeError, 'received "timer"');
  await assertRejects(() => simulate(() => {}, null as never), TypeError, '"options" must be an object: received null');
  assertThrows(() => simulated(() => {}, { maxvirtual: 5 } as never), TypeError, 'received "maxvirtual"');
});

Deno.test("the background is cancelled when the body has ended; its errors fail the test", async () => {
  const log: string[] = [];
  const value = await simulate(async (sim) => {
    sim.background.startSoon(async () => {
      try {
        while (true) await sleep(300);
      } finally {
        log.push(`cancelled at ${sim.now}`);
      }
    }, { name: "heartbeat" });
    await sleep(1_000);
    return "value";
  });
  assertEquals([value, ...log], ["value", "cancelled at 1000"]);
  const report = await reportOf(async (sim) => {
    sim.background.startSoon(() => {
      throw new TypeError("in the background");
    });
    await sleep(1_000);
  });
  assertMatch(
    report,
    /^1 error: TypeError: in the background \(in task "task" #\d+, started at .*deadlock_test.ts:\d+:\d+\)$/,
  );
});

Deno.test("a DeadlockError is an error of the library", async () => {
  assertInstanceOf(await assertRejects(() => simulate(() => sleepForever())), DeadlockError);
});

Deno.test("a report shows deadlines, tasks that await timers, and labels that throw", async () => {
  const report = await reportOf(() =>
    openNursery((nursery) => {
      nursery.startSoon(() => delay(600_000), { name: "patient" });
      nursery.startSoon(() => moveOnAfter(500_000, () => sleepForever()), { name: "bounded" });
      const label = () => {
        throw new RangeError("no label");
      };
      nursery.startSoon(() => suspend({ kind: "odd wait", label }, () => {}, () => true), { name: "odd" });
      assertEquals(taskTree().root.children.map(({ name }) => name), ["patient", "bounded", "odd"]);
    }), { maxVirtual: 100_000, leaks: "ignore" });
  assertMatch(report, /patient .* awaiting a timer/);
  assertMatch(report, /bounded .* sleep for ever, deadline t=500s/);
  assertStringIncludes(report, "odd wait (its label threw RangeError: no label)");
});

Deno.test("a timer of a task that has ended still fires, and is named with the task", async () => {
  let fired = 0;
  await simulate(async (sim) => {
    await openNursery((nursery) => void nursery.startSoon(() => void setTimeout(() => fired = sim.now, 50)));
    await sleep(100);
  });
  assertEquals(fired, 50);
});

Deno.test("every bit of the seed counts", async () => {
  const draw = (seed: number) => simulate((sim) => [sim.random(), Math.random()].join(), { seed });
  const seeds = [0, 1, -1, 2 ** 32, 2 ** 32 - 1, 2 ** 40, -(2 ** 40), 2 ** 53 - 1];
  const drawn = new Set<string>();
  for (const seed of seeds) drawn.add(await draw(seed));
  assertEquals(drawn.size, seeds.length);
});
