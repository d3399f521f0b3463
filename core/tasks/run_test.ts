// deno-lint-ignore-file no-console -- what is printed is part of the test
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import {
  checkpoint,
  currentTask,
  currentTime,
  Event,
  isCancelled,
  moveOnAfter,
  openNursery,
  run,
  RunFinishedError,
  sleep,
  sleepForever,
  type Task,
  taskTree,
} from "../mod.ts";
import {
  type Alarm,
  AlarmQueue,
  beginHostOperation,
  type Clock,
  currentRun,
  hostOperation,
  type Instrument,
  type RunView,
} from "../lowlevel.ts";
import { simulated } from "../../testing/mod.ts";

const QUIET = { handleSignals: false };

/** A clock that jumps when the run is idle, by the public idle hook alone: what a third party would write. */
class JumpingClock implements Clock {
  readonly deterministic = true;
  readonly #alarms = new AlarmQueue();
  #run: RunView | undefined;
  #now = 1_000;
  #checking = false;

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now;
  }

  at<A>(deadline: number, fire: (arg: A) => void, arg: A): Alarm {
    return this.#alarms.add(deadline, fire, arg);
  }

  start(run: RunView): void {
    this.#run = run;
  }

  idle(): void {
    if (this.#checking) return;
    this.#checking = true;
    setImmediate(() => {
      this.#checking = false;
      const { tasksRunning, hostOperations } = this.#run!.statistics();
      // Whoever is running will wait in the end, and then this is called again.
      if (tasksRunning > 0 || hostOperations.length > 0) return;
      if (this.#alarms.next === Infinity) return;
      this.#now = Math.max(this.#now, this.#alarms.next);
      this.#alarms.fireOne(this.#now);
    });
  }
}

Deno.test("run() returns the value of main, and throws its error unwrapped", async () => {
  assertEquals(
    await run(async () => {
      await checkpoint();
      return 1;
    }, QUIET),
    1,
  );
  const error = new TypeError("mine");
  assertStrictEquals(await run(() => Promise.reject(error), QUIET).catch((error) => error), error);
  assertEquals(await run(() => 2), 2);
});

Deno.test("run() settles after every task has ended", async () => {
  let ended = false;
  await run(async () => {
    await openNursery((nursery) => {
      nursery.startSoon(() => sleepForever().finally(() => ended = true), { daemon: true });
    });
  }, QUIET);
  assert(ended);
});

Deno.test("run() refuses bad options, and a run inside a run", async () => {
  await assertRejects(() => run(1 as never), TypeError, 'Cannot start a run as "main" must be a function: received 1');
  await assertRejects(() => run(() => {}, { signal: {} as never }), TypeError, '"signal" must be an AbortSignal');
  await assertRejects(() => run(() => {}, { random: 1 as never }), TypeError, '"random" must be a function');
  await assertRejects(() => run(() => {}, { instruments: {} as never }), TypeError, '"instruments" must be an array');
  await run(async () => {
    await assertRejects(
      () => run(() => {}),
      TypeError,
      "Cannot start a run as the caller is in one already: call the function directly, or use openNursery()",
    );
  }, QUIET);
});

Deno.test("run() is cancelled by its signal, and takes its listener off a signal that lives on", async () => {
  const controller = new AbortController();
  let cleaned = false;
  const ended = run(() => sleepForever().finally(() => cleaned = true), { ...QUIET, signal: controller.signal });
  controller.abort("stop");
  const error = await ended.catch((error) => error);
  assert(isCancelled(error) && error.source === "signal" && error.reason === "stop" && cleaned);
  const already = await run(() => sleep(1), { ...QUIET, signal: controller.signal }).catch((error) => error);
  assert(isCancelled(already));

  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = ((...args: Parameters<typeof add>) => (listeners++, add(...args))) as typeof add;
  signal.removeEventListener =
    ((...args: Parameters<typeof remove>) => (listeners--, remove(...args))) as typeof remove;
  await run(() => checkpoint(), { ...QUIET, signal });
  assertEquals(listeners, 0);
});

Deno.test("run() inside a scope of the default run is cancelled with it", async () => {
  const outcome = await moveOnAfter(1, () => run(() => sleepForever(), QUIET));
  assert(outcome.cancelledCaught);
});

Deno.test("runs side by side have clocks and counters of their own", async () => {
  const times = await Promise.all([1, 2].map((n) =>
    run(async () => {
      await sleep(n * 1_000_000);
      assertEquals(currentRun().statistics().tasksLiving, 1);
      return currentTime();
    }, { ...QUIET, clock: new JumpingClock() })
  ));
  assertEquals(times, [1_001_000, 2_001_000]);
});

Deno.test("a clock of one's own can jump by the public idle hook", async () => {
  const order: string[] = [];
  await run(() =>
    openNursery((nursery) => {
      for (const [name, ms] of [["c", 30], ["a", 10], ["b", 20], ["a2", 10]] as const) {
        nursery.startSoon(async () => {
          await sleep(ms);
          order.push(`${name} ${currentTime()}`);
        });
      }
    }), { ...QUIET, clock: new JumpingClock() });
  assertEquals(order, ["a 1010", "a2 1010", "b 1020", "c 1030"]);
});

Deno.test("the idle hook is called again when a host operation that nobody waits for any more has ended", async () => {
  const time = await run(async () => {
    const operation = beginHostOperation("abandoned read");
    setImmediate(() => setImmediate(() => operation.end()));
    await sleep(10);
    return currentTime();
  }, { ...QUIET, clock: new JumpingClock() });
  assertEquals(time, 1_010);
});

Deno.test("schedule changes the order in which waits resume, not who is granted what", async () => {
  const order: string[] = [];
  const begun = new Set<Task>();
  const held: (() => void)[] = [];
  const schedule = (resume: () => void, task: Task) => {
    // In the order in which they begin they are granted, so these go on at once.
    if (!begun.has(task)) return void begun.add(task), resume();
    held.push(resume);
    if (held.length === 1) setImmediate(() => held.splice(0).reverse().forEach((resume) => resume()));
  };
  await run(() =>
    openNursery(async (nursery) => {
      const go = new Event();
      for (const name of ["a", "b", "c"]) {
        nursery.startSoon(async () => {
          await go.wait();
          order.push(name);
        });
      }
      await sleep(1);
      go.set();
      assertEquals(go.statistics().tasksWaiting, 0);
    }), { ...QUIET, schedule });
  assertEquals(order, ["c", "b", "a"]);
});

Deno.test("instruments hear of tasks, waits, scopes, deadlines and host operations; one that throws is removed", async () => {
  const log: string[] = [];
  const reported: unknown[] = [];
  const printError = console.error;
  console.error = (error) => reported.push(error);
  const watcher: Instrument = {
    taskSpawned: (task) => log.push(`spawned ${task.name}`),
    taskExited: (task) => log.push(`exited ${task.name}`),
    blocked: (task, reason) => log.push(`${task.name} blocked: ${reason.kind}`),
    resumed: (task, reason) => log.push(`${task.name} resumed: ${reason.kind}`),
    scopeCancelled: (_task, cancelled) => log.push(`cancelled: ${cancelled.source}`),
    deadlineFired: (_task, deadline) => log.push(`deadline ${deadline}`),
    hostOperationStarted: (label) => log.push(`began ${label}`),
    hostOperationEnded: (label) => log.push(`ended ${label}`),
  };
  let calls = 0;
  const faulty: Instrument = {
    taskSpawned() {
      calls++;
      throw new Error("hook");
    },
  };
  await run(async () => {
    await moveOnAfter(5, () => sleepForever());
    await hostOperation("op", Promise.resolve());
    await openNursery((nursery) => void nursery.startSoon(() => {}, { name: "child" }));
  }, { ...QUIET, clock: new JumpingClock(), instruments: [faulty, watcher] });
  console.error = printError;
  assertEquals(log, [
    "spawned main",
    "main blocked: sleep",
    "deadline 1005",
    "main resumed: sleep",
    "cancelled: deadline",
    "began op",
    "ended op",
    "spawned child",
    "exited child",
    "main blocked: yield",
    "main resumed: yield",
    "exited main",
  ]);
  assertEquals([calls, reported.length], [1, 1]);
  assertEquals(
    (reported[0] as Error).message,
    'Cannot go on with an instrument as its hook "taskSpawned" threw: the instrument is removed from the run',
  );
});

Deno.test("an instrument hears of waits that were forgotten", async () => {
  const forgotten: string[] = [];
  await run(async () => {
    await moveOnAfter(10, () => {
      sleepForever();
    });
  }, {
    ...QUIET,
    forgotten: "ignore",
    instruments: [{ forgottenWait: (task, reasons) => forgotten.push(`${task.name}: ${reasons.map((r) => r.kind)}`) }],
  });
  assertEquals(forgotten, ["main: sleep"]);
});

Deno.test("code that outlives its run is refused with RunFinishedError", async () => {
  let late: Promise<unknown> | undefined;
  await run(() => {
    late = (async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return await sleep(1).catch((error) => error);
    })();
  }, QUIET);
  const error = await late;
  assert(error instanceof RunFinishedError);
  assertEquals(error.message, "Cannot wait as the run this code belongs to has ended: it was started without await");
});

Deno.test("random() is the run's", async () => {
  assertEquals(await run(() => currentRun().random(), { ...QUIET, random: () => 0.25 }), 0.25);
});

Deno.test("statistics() counts tasks and host operations", async () => {
  await run(() =>
    openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(1));
      await sleep(0);
      const first = beginHostOperation("first");
      const second = beginHostOperation("second");
      const { tasksLiving, tasksRunning, hostOperations } = currentRun().statistics();
      assertEquals({ tasksLiving, tasksRunning, hostOperations }, {
        tasksLiving: 2,
        tasksRunning: 1,
        hostOperations: ["first", "second"],
      });
      first.end();
      first.end();
      second.end();
      assertEquals(currentRun().statistics().hostOperations, []);
    }), QUIET);
});

Deno.test("hostOperation() gives back the promise, also one that rejects", async () => {
  const promise = Promise.reject(new Error("host"));
  assertStrictEquals(hostOperation("op", promise), promise);
  await assertRejects(() => promise, Error, "host");
  try {
    hostOperation("op", 1 as never);
    assert(false);
  } catch (error) {
    assertEquals(
      String(error),
      'TypeError: Cannot account for host operation "op" as "promise" must be a promise: received number',
    );
  }
});

Deno.test(
  "taskTree() shows names, waits, deadlines and cancellations",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() => moveOnAfter(500, () => new Event({ name: "go" }).wait()), { name: "waiter" });
      nursery.startSoon(() => openNursery((inner) => void inner.startSoon(() => sleep(2_500), { name: "leaf" })), {
        name: "branch",
      });
      await sim.settled();
      const text = taskTree().toString().replaceAll(/ {2}started at .*/g, "");
      assertEquals(
        text,
        [
          "main #1: running, or awaiting a promise the library does not own",
          '├─ waiter #2: event "go" (since t=0ms)  deadline t=500ms',
          '└─ branch #3: nursery "nursery", 1 child (since t=0ms)',
          "   └─ leaf #4: sleep until t=2.5s (since t=0ms)",
        ].join("\n"),
      );
      assertEquals(currentTask().name, "main");
    });
  }),
);

Deno.test("run() in a scope that is cancelled already refuses, and main does not start", async () => {
  let ran = false;
  const outcome = await moveOnAfter(0, () => run(() => void (ran = true), QUIET));
  assert(outcome.cancelledCaught && !ran);
});
