// deno-lint-ignore-file no-console -- where faults of instruments are reported
import { AsyncLocalStorage } from "node:async_hooks";
import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { simulate } from "../../testing/mod.ts";
import {
  Barrier,
  CancelScope,
  CapacityLimiter,
  checkpoint,
  currentTask,
  Event,
  Lock,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  openPool,
  run,
  Semaphore,
  shielded,
  sleep,
  sleepForever,
  toChannel,
  untilShutdown,
} from "../mod.ts";
import {
  addInstrument,
  beginHostOperation,
  type Clock,
  currentRun,
  type Instrument,
  onRun,
  ParkingLot,
  realClock,
  type ScopeView,
  suspend,
  type Wait,
} from "../lowlevel.ts";

const QUIET = { handleSignals: false };

/** The host's time, but with turns that are counted: how fast the machine is decides nothing. */
const CLOCK: Clock = {
  deterministic: true,
  now: () => realClock.now(),
  wall: () => realClock.wall(),
  at: (deadline, fire, arg) => realClock.at(deadline, fire, arg),
};

/** Runs with instruments, and gives what was printed as an error meanwhile. */
async function runWith(instruments: Instrument[], main: () => unknown): Promise<unknown[]> {
  const printed: unknown[] = [];
  const original = console.error;
  console.error = (error: unknown) => printed.push(error);
  try {
    await run(main, { ...QUIET, instruments, clock: CLOCK });
  } finally {
    console.error = original;
  }
  return printed;
}

Deno.test("instruments hear of tasks as they are made and as they end, with everything in them", async () => {
  const log: string[] = [];
  const watcher: Instrument = {
    taskSpawned: (task) => log.push(`+${task.id} ${task.name} ${task.state}`),
    taskExited: (task) => log.push(`-${task.id} ${task.name} ${task.state}`),
  };
  await runWith([watcher], () =>
    openNursery(async (nursery) => {
      nursery.startSoon(() => openNursery((inner) => void inner.startSoon(() => checkpoint(), { name: "inner" })), {
        name: "outer",
      });
      const taken = nursery.startSoon(() => sleepForever(), { name: "taken" });
      await sleep(1);
      taken.cancel();
      await nursery.start(async (status) => {
        status.started();
        await checkpoint();
        throw new Error("x");
      }, { name: "failing" });
    }).catch(() => {}));
  assertEquals(log, [
    "+1 main running",
    "+2 outer running",
    "+3 taken running",
    "+4 inner running",
    "-4 inner done",
    "-2 outer done",
    "+5 failing running",
    "-3 taken cancelled",
    "-5 failing failed",
    "-1 main done",
  ]);
});

Deno.test("blocked and resumed come in pairs, with the reason, for every wait", async () => {
  const open: string[] = [];
  const kinds = new Set<string>();
  const watcher: Instrument = {
    blocked: (task, { kind }) => {
      open.push(`${task.name} ${kind}`);
      kinds.add(kind);
    },
    resumed: (task, { kind }) => void open.splice(open.indexOf(`${task.name} ${kind}`), 1),
  };
  await runWith([watcher], () =>
    openNursery(async (nursery) => {
      const event = new Event();
      const waiter = nursery.startSoon(() => Promise.all([event.wait(), sleep(1)]), { name: "waiter" });
      nursery.startSoon(() => moveOnAfter(1, () => sleepForever()), { name: "timed out" });
      nursery.startSoon(() => waiter.join(), { name: "joiner" });
      await sleep(2);
      event.set();
    }));
  assertEquals(open, []);
  assertEquals([...kinds].sort(), ["event", "join task", "nursery", "sleep"]);
});

Deno.test("scopeCancelled comes once for each scope or task that was cancelled itself, not for those below", async () => {
  const log: string[] = [];
  const watcher: Instrument = {
    scopeCancelled: (task, { source, reason }) => log.push(`${task.name}: ${source} ${reason}`),
  };
  await runWith([watcher], () =>
    openNursery(async (nursery) => {
      const scope = new CancelScope();
      nursery.startSoon(() => scope.run(() => moveOnAfter(1_000, () => sleepForever())), { name: "scoped" });
      const task = nursery.startSoon(() => sleepForever(), { name: "taken" });
      await checkpoint();
      scope.cancel("by hand");
      scope.cancel("again");
      task.cancel("alone");
      task.cancel("again");
      nursery.startSoon(() => Promise.reject(new Error("boom")), { name: "failing" });
    }).catch(() => {}));
  assertEquals(log, ["scoped: explicit by hand", "taken: explicit alone", "main: nursery Error: boom"]);
});

Deno.test("a hook runs synchronously, in the context of what happens", async () => {
  const seen: string[] = [];
  await runWith([{ taskSpawned: () => seen.push(currentTask().name) }], () =>
    openNursery((nursery) => {
      nursery.startSoon(() => openNursery((inner) => void inner.startSoon(() => {})), { name: "spawner" });
      seen.push("startSoon returned");
    }));
  assertEquals(seen.slice(1), ["main", "startSoon returned", "spawner"]);
});

Deno.test("an instrument whose hook throws is reported once and removed; the others and the run go on", async () => {
  const calls = { faulty: 0, before: 0, after: 0 };
  const faulty: Instrument = {
    blocked() {
      calls.faulty++;
      throw new Error("in the hook");
    },
    taskExited: () => void calls.faulty++,
  };
  const printed = await runWith(
    [{ blocked: () => void calls.before++ }, faulty, { blocked: () => void calls.after++ }],
    async () => {
      await sleep(1);
      await sleep(1);
    },
  );
  assertEquals(calls, { faulty: 1, before: 2, after: 2 });
  assertEquals(printed.length, 1);
  const [error] = printed;
  assertInstanceOf(error, Error);
  assertEquals(
    error.message,
    'Cannot go on with an instrument as its hook "blocked" threw: the instrument is removed from the run',
  );
  assertEquals(String(error.cause), "Error: in the hook");
});

Deno.test("two instruments that throw are reported one by one", async () => {
  const faulty = (): Instrument => ({
    taskSpawned() {
      throw new Error("x");
    },
  });
  let healthy = 0;
  const printed = await runWith([faulty(), faulty(), { taskExited: () => void healthy++ }], () => {});
  assertEquals([printed.length, healthy], [2, 1]);
});

Deno.test("hooks keep their this, so an instrument can be an object with private state", async () => {
  class Counter implements Instrument {
    #count = 0;
    taskSpawned() {
      this.#count++;
    }
    get count() {
      return this.#count;
    }
  }
  const counter = new Counter();
  await runWith([counter], () => openNursery((nursery) => void nursery.startSoon(() => {})));
  assertEquals(counter.count, 2);
});

Deno.test("instruments of one run hear nothing of another, nor of code outside any run", async () => {
  let heard = 0;
  const first = run(() => sleep(1), { ...QUIET, instruments: [{ taskSpawned: () => void heard++ }] });
  await run(() => openNursery((nursery) => void nursery.startSoon(() => sleep(1))), QUIET);
  await openNursery((nursery) => void nursery.startSoon(() => sleep(1)));
  await first;
  assertEquals(heard, 1);
});

/** Runs in virtual time with an instrument. */
const inTime = (instrument: Instrument, body: () => unknown) =>
  simulate(async () => {
    using _ = addInstrument(instrument);
    await body();
  });

Deno.test("K1: a wait is one object from its beginning to its end, also where two have the same reason", async () => {
  const log: string[] = [];
  const numbers = new Map<object, number>();
  const numberOf = (wait: Wait) => numbers.get(wait) ?? numbers.set(wait, numbers.size + 1).get(wait)!;
  await inTime({
    blocked: (task, reason, wait) => {
      assertEquals([wait.task, wait.reason], [task, reason]);
      log.push(`+${numberOf(wait)} ${reason.kind} since ${wait.since}`);
    },
    resumed: (_task, reason, wait) => log.push(`-${numberOf(wait)} ${reason.kind}`),
  }, async () => {
    const event = new Event();
    const both = Promise.all([event.wait(), event.wait()]);
    await sleep(5);
    event.set();
    await both;
    await checkpoint();
  });
  assertEquals(log, [
    "+1 event since 0",
    "+2 event since 0",
    "+3 sleep since 0",
    "-3 sleep",
    "-1 event",
    "-2 event",
    "+4 yield since 5",
    "-4 yield",
  ]);
});

Deno.test("K2: who has woken a wait: another task, the clock, a cancellation, or the host", async () => {
  const log: string[] = [];
  await inTime({
    woken: (task, { reason }, by) =>
      log.push(`${task.name}: ${reason.kind} by ${typeof by === "string" ? by : `task ${by.name}`}`),
  }, () =>
    openNursery(async (nursery) => {
      const [event, later, never] = [new Event(), new Event(), new Event()];
      nursery.startSoon(() => event.wait(), { name: "taken" });
      nursery.startSoon(() => later.wait(), { name: "later" });
      nursery.startSoon(() => never.wait(), { name: "never" });
      await sleep(1);
      event.set();
      nursery.startSoon(async () => {
        await sleep(1);
        later.set();
      }, { name: "setter" });
      await sleep(5);
      await suspend({ kind: "callback" }, (waker) => void queueMicrotask(() => waker.wake(undefined)), () => true);
      nursery.cancel();
    }));
  assertEquals(log.filter((line) => !/nursery|yield/.test(line)), [
    "main: sleep by clock",
    "taken: event by task main",
    "setter: sleep by clock",
    "later: event by task setter",
    "main: sleep by clock",
    "main: callback by host",
    "never: event by cancel",
  ]);
});

Deno.test("K2: a wait is woken before it resumes, and exactly once", async () => {
  const open = new Map<Wait, string>();
  const wrong: string[] = [];
  const step = (from: string | undefined, to: string) => (wait: Wait): void => {
    if (open.get(wait) !== from) wrong.push(`${wait.reason.kind}: ${to} after ${open.get(wait)}`);
    open.set(wait, to);
  };
  await inTime({
    blocked: (_task, _reason, wait) => step(undefined, "blocked")(wait),
    woken: (_task, wait) => step("blocked", "woken")(wait),
    resumed: (_task, _reason, wait) => step("woken", "resumed")(wait),
  }, () =>
    openNursery(async (nursery) => {
      const [send, receive] = openMemoryChannel<number>(0);
      nursery.startSoon(async () => {
        for (let n = 0; n < 50; n++) await send.send(n);
        send.close();
      });
      for await (const n of receive) await moveOnAfter(n % 3, () => sleep(n % 2));
      await moveOnAfter(1, () => sleepForever());
    }));
  assertEquals(wrong, []);
  assertEquals([...open.values()].filter((state) => state !== "resumed"), []);
});

Deno.test("K1: a task is spawned by a task, in its nursery, and ends with an outcome", async () => {
  const log: string[] = [];
  await run(() =>
    openNursery((nursery) => {
      nursery.startSoon(
        () => openNursery((inner) => void inner.startSoon(() => 7, { name: "inner" }), { name: "in" }),
        {
          name: "outer",
        },
      );
      nursery.startSoon(() => sleepForever(), { name: "taken" }).cancel("why");
      nursery.startSoon(() => Promise.reject(new RangeError("boom")), { name: "failing" });
    }, { name: "jobs" }).catch(() => {}), {
    ...QUIET,
    instruments: [{
      taskSpawned: (task, by) => log.push(`${by.name} spawns ${task.name} in ${task.parentNursery?.name}`),
      taskExited: (task, outcome) =>
        log.push(`${task.name} ${outcome.state}${outcome.state === "done" ? "" : ` ${outcome.error}`}`),
    }],
  });
  assertEquals(log.slice(0, 4), [
    "main spawns main in undefined",
    "main spawns outer in jobs",
    "main spawns taken in jobs",
    "main spawns failing in jobs",
  ]);
  assertEquals(log.filter((line) => /spawns inner|taken c|failing f|main d/.test(line)), [
    "outer spawns inner in in",
    "failing failed RangeError: boom",
    'taken cancelled Cancelled: Cancelled as cancel() was called in task "main" #1: why',
    "main done",
  ]);
});

Deno.test("K1: scopes are entered and left in pairs, with what they are; every cancellation and deadline names its own", async () => {
  const log: string[] = [];
  const known = new Set<ScopeView>();
  const name = ({ kind, name, deadline, shield }: ScopeView) =>
    `${kind}${name === "" ? "" : ` ${name}`}${deadline === Infinity ? "" : ` until ${deadline}`}${
      shield ? " shielded" : ""
    }`;
  await inTime({
    scopeEntered: (task, scope) => {
      known.add(scope);
      log.push(`${task.name} enters ${name(scope)}`);
    },
    scopeExited: (_task, scope, caught) => {
      assert(known.has(scope));
      log.push(`leaves ${scope.kind}${caught ? ", caught" : ""}`);
    },
    scopeCancelled: (_task, { source }, scope) => log.push(`${source} cancels ${scope.kind}${known.has(scope)}`),
    deadlineFired: (_task, deadline, scope) => log.push(`deadline ${deadline} of ${name(scope)}`),
  }, async () => {
    await moveOnAfter(10, () => sleepForever());
    await shielded(() => sleep(1));
    await openNursery(() => sleep(1), { name: "jobs" });
    const early = new CancelScope();
    early.cancel();
    await early.run(() => sleepForever());
    const scope = new CancelScope();
    await scope.run(async () => {
      scope.shutdown();
      await untilShutdown(() => sleepForever());
    });
  });
  assertEquals(log, [
    "main enters scope until 10",
    "deadline 10 of scope until 10",
    "deadline cancels scopetrue",
    "leaves scope, caught",
    "main enters scope shielded",
    "leaves scope",
    "main enters nursery jobs",
    "leaves nursery",
    "main enters scope",
    "explicit cancels scopetrue",
    "leaves scope, caught",
    "main enters scope",
    "main enters scope",
    "shutdown cancels scopetrue",
    "leaves scope, caught",
    "leaves scope",
  ]);
});

Deno.test("K1: an operation of the host is one object from its beginning to its end", async () => {
  const open = new Set<unknown>();
  const labels: string[] = [];
  await runWith([{
    hostOperationStarted: (label, operation) => {
      assertEquals(operation.label, label);
      open.add(operation);
      labels.push(label);
    },
    hostOperationEnded: (_label, operation) => assert(open.delete(operation)),
  }], async () => {
    const [one, two] = [beginHostOperation("it"), beginHostOperation("it")];
    two.end();
    assertEquals([...open], [one]);
    one.end();
    await checkpoint();
  });
  assertEquals([open.size, labels], [0, ["it", "it"]]);
});

Deno.test("K1: what aroundTask sets holds for the whole task, and each instrument is around the next", async () => {
  const storage = new AsyncLocalStorage<string>();
  const outer: Instrument = { aroundTask: (task, start) => storage.run(`outer of ${task.name}`, start) };
  const inner: Instrument = { aroundTask: (_task, start) => storage.run(`inner in ${storage.getStore()}`, start) };
  const seen: unknown[] = [];
  await run(() =>
    openNursery((nursery) => {
      nursery.startSoon(async () => {
        seen.push(storage.getStore());
        await checkpoint();
        seen.push(storage.getStore(), currentTask().name);
      }, { name: "child" });
    }), { ...QUIET, instruments: [outer, inner] });
  assertEquals(seen, ["inner in outer of child", "inner in outer of child", "child"]);
});

Deno.test("K1: a task begins once, whatever aroundTask does with it", async () => {
  const bad: Record<string, (start: () => void) => void> = {
    "does not start it": () => {},
    "starts it twice": (start) => {
      start();
      start();
    },
    "throws before": () => {
      throw new Error("before");
    },
    "throws after": (start) => {
      start();
      throw new Error("after");
    },
    "starts it later": (start) => queueMicrotask(start),
  };
  for (const [what, around] of Object.entries(bad)) {
    let began = 0;
    await runWith([{ aroundTask: (_task, start) => around(start) }, { aroundTask: (_task, start) => start() }], () => {
      began++;
    });
    assertEquals(began, 1, what);
  }
});

Deno.test("K3: an instrument is attached to a run that is going on, and taken off again", async () => {
  const log: string[] = [];
  await run(async () => {
    await sleep(1);
    const attached = addInstrument({
      runStarted: (view) => log.push(`started ${view === currentRun()}`),
      runEnded: () => log.push("never"),
      taskSpawned: (task) => log.push(task.name),
    });
    await openNursery((nursery) => void nursery.startSoon(() => {}, { name: "seen" }));
    attached[Symbol.dispose]();
    attached[Symbol.dispose]();
    await openNursery((nursery) => void nursery.startSoon(() => {}, { name: "unseen" }));
    addInstrument({ runEnded: () => log.push("ended") });
    assertThrows(() => addInstrument(null as never), TypeError, "Cannot add an instrument");
    assertThrows(() => addInstrument({}, null as never), TypeError, '"run" must be a run');
  }, QUIET);
  assertEquals(log, ["started true", "seen", "ended"]);
});

Deno.test("K3: onRun() hears of each run before anything in it, and of the default one; one that throws hears no more", async () => {
  const seen: string[] = [];
  const heard = onRun((view) => void addInstrument({ taskSpawned: (task) => void seen.push(task.name) }, view));
  const printed = await runWith([], async () => {
    let calls = 0;
    using _ = onRun((view) => {
      if (++calls > 1 || view.statistics().tasksLiving > 1e9) throw new Error("in the callback");
    });
    await Promise.resolve();
  });
  assertEquals([seen, printed], [["main"], []]);
  heard[Symbol.dispose]();
  await run(() => {}, QUIET);
  assertEquals(seen, ["main"]);
  assertThrows(() => onRun(7 as never), TypeError, "callback");
});

Deno.test("K4: a hook that is not there makes nothing, and one that throws leaves the others called once", async () => {
  const calls = [0, 0, 0];
  const printed = await runWith(
    [0, 1, 2].map((index): Instrument => ({
      taskSpawned: () => {
        calls[index]!++;
        if (index === 1) throw new Error("x");
      },
    })),
    () => openNursery((nursery) => void nursery.startSoon(() => {})),
  );
  assertEquals([calls, printed.length], [[2, 1, 2], 1]);
});

Deno.test("K5: whoever looks at a wait finds what is waited for, with its numbers; a task in them is text in JSON", async () => {
  const resources = new Map<string, unknown>();
  await inTime({
    blocked: (_task, { kind, resource }) => void (resource && resources.set(kind, resource.statistics())),
  }, async () => {
    const [lock, limiter, semaphore] = [new Lock(), new CapacityLimiter(1), new Semaphore(1)];
    const [full] = openMemoryChannel<number>(1);
    const [, empty] = openMemoryChannel<number>(1);
    await using pool = openPool({ open: () => ({ close() {} }), max: 1 });
    using _lock = await lock.acquire();
    using _limiter = await limiter.acquire();
    using _semaphore = await semaphore.acquire();
    await full.send(1);
    const waits: (() => Promise<unknown>)[] = [
      () => lock.acquire(),
      () => limiter.acquire(),
      () => semaphore.acquire(),
      () => full.send(2),
      () => empty.receive(),
      () => new Event().wait(),
      () => new Barrier(2).wait(),
      () => new ParkingLot().park(),
      () => pool.use(() => pool.use(() => {})),
    ];
    for (const wait of waits) await moveOnAfter(1, () => openNursery((nursery) => void nursery.startSoon(wait)));
  });
  assertEquals([...resources.keys()].sort(), [
    "acquire capacity",
    "acquire lock",
    "acquire semaphore",
    "barrier",
    "event",
    "parked",
    "pool",
    "receive from channel",
    "send on channel",
  ]);
  assert(/"owner":"\\"main\\" #\d+"/.test(JSON.stringify(resources.get("acquire lock"))));
});

Deno.test("K6: a task says when it was started, whether it was named, and whether it is the library's", async () => {
  await simulate(async (sim) => {
    await sleep(5);
    await openNursery((nursery) => {
      const named = nursery.startSoon(() => {}, { name: "given" });
      const other = nursery.startSoon(function ofFunction() {});
      assertEquals([named.named, named.startedAt, named.internal], [true, 5, false]);
      assertEquals([other.named, other.name, sim.now], [false, "ofFunction", 5]);
    });
    const internal: string[] = [];
    using _ = addInstrument({ taskSpawned: (task) => void (task.internal && internal.push(task.name)) });
    await toChannel([1], (values) => values.receive());
    assertEquals(internal, ["source"]);
  });
});
