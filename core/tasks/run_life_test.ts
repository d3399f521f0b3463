import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import {
  CancelScope,
  checkpoint,
  currentTask,
  currentTime,
  ErrorGroup,
  Event,
  isCancelled,
  moveOnAfter,
  openNursery,
  run,
  RunFinishedError,
  type RunOptions,
  shielded,
  sleep,
  sleepForever,
  type Task,
  taskTree,
} from "../mod.ts";
import { suspend } from "../lowlevel.ts";

// From the beginning of a run to its end, and what is outside; seams and options are in run_test.ts.

const QUIET = { handleSignals: false };
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

Deno.test("main begins in a microtask, not inside run()", async () => {
  let began = false;
  const ended = run(() => void (began = true), QUIET);
  assertEquals(began, false);
  await ended;
  assert(began);
});

Deno.test("a main that throws synchronously, or something that is no Error, rejects with just that", async () => {
  const error = new SyntaxError("at once");
  const thrown = await run(() => {
    throw error;
  }, QUIET).catch((error) => error);
  assertStrictEquals(thrown, error);
  assertEquals(await run(() => Promise.reject("text"), QUIET).catch((error) => error), "text");
  assertEquals(await run(() => Promise.reject(undefined), QUIET).catch((error) => [error]), [undefined]);
});

Deno.test("a group that leaves main stays a group", async () => {
  const error = await run(() => openNursery((n) => void n.startSoon(() => Promise.reject(new Error("x")))), QUIET)
    .catch((error) => error);
  assertInstanceOf(error, ErrorGroup);
  assertEquals(error.errors.map(String), ["Error: x"]);
});

Deno.test("run() refuses wrong options with the whole message, and runs nothing", async () => {
  const wrong: [RunOptions, string][] = [
    [{ signal: {} as never }, '"signal" must be an AbortSignal: received an object of type Object'],
    [{ grace: -1 }, '"grace" must be >= 0: received -1'],
    [{ random: 0.5 as never }, '"random" must be a function: received 0.5'],
    [{ schedule: "fifo" as never }, '"schedule" must be a function: received "fifo"'],
    [{ instruments: {} as never }, '"instruments" must be an array: received an object of type Object'],
    [{ spawnSites: -1 }, '"spawnSites" must be >= 0: received -1'],
    [{ spawnSites: NaN }, '"spawnSites" must be >= 0: received NaN'],
  ];
  let ran = false;
  for (const [options, message] of wrong) {
    const error = await assertRejects(() => run(() => void (ran = true), options), Error);
    assertEquals(error.message, `Cannot start a run as ${message}`);
    assertInstanceOf(error, /spawnSites|grace/.test(message) ? RangeError : TypeError);
  }
  const error = await assertRejects(() => run(Promise.resolve() as never), TypeError);
  assertEquals(
    error.message,
    'Cannot start a run as "main" must be a function: received a promise: write () => work() instead of work()',
  );
  assertEquals(ran, false);
});

Deno.test("signal: main and all tasks are cancelled and cleaned up before run() rejects", async () => {
  const controller = new AbortController();
  const log: string[] = [];
  const cleanup = (name: string) => shielded(turn).then(() => log.push(`${name} cleaned up`));
  const ended = run(() =>
    openNursery((nursery) => {
      for (const name of ["a", "b"]) nursery.startSoon(() => sleepForever().finally(() => cleanup(name)));
      nursery.startSoon(() => controller.abort(new Error("deploy")));
    }), { ...QUIET, signal: controller.signal }).catch((error) => (log.push("rejected"), error));
  const error = await ended;
  assertEquals(log.sort(), ["a cleaned up", "b cleaned up", "rejected"]);
  assert(isCancelled(error));
  assertEquals([error.source, error.message], ["signal", "Cancelled as a signal arrived: Error: deploy"]);
});

Deno.test("signal: a main that swallows the cancellation and returns gives its value", async () => {
  const value = await run(() => sleepForever().catch(() => "swallowed"), { ...QUIET, signal: AbortSignal.abort() });
  assertEquals(value, "swallowed");
});

Deno.test("signal: already aborted, main still runs to its first wait", async () => {
  const log: string[] = [];
  const error = await run(async () => {
    log.push("begun");
    await checkpoint();
    log.push("not reached");
  }, { ...QUIET, signal: AbortSignal.abort("early") }).catch((error) => error);
  assertEquals([log, error.reason], [["begun"], "early"]);
});

Deno.test("signal: errors of cleanup come out instead of the cancellation, without any Cancelled", async () => {
  const controller = new AbortController();
  const error = await run(() =>
    openNursery((nursery) => {
      nursery.startSoon(() => sleepForever());
      nursery.startSoon(() => sleepForever().catch(() => Promise.reject(new Error("cleanup"))));
      nursery.startSoon(() => controller.abort());
    }), { ...QUIET, signal: controller.signal }).catch((error) => error);
  assertInstanceOf(error, ErrorGroup);
  assertEquals(error.flatten().map(String), ["Error: cleanup"]);
});

Deno.test("signal: an abort after the end is nothing to the run", async () => {
  const controller = new AbortController();
  assertEquals(await run(() => "value", { ...QUIET, signal: controller.signal }), "value");
  controller.abort();
  await turn();
});

Deno.test("runs side by side are independent: tasks, failures and cancellations", async () => {
  const results = await Promise.allSettled([
    run(() => Promise.reject(new Error("first")), QUIET),
    run(() => sleep(1).then(() => currentTask().id), QUIET),
    run(() => sleepForever(), { ...QUIET, signal: AbortSignal.abort() }),
  ]);
  assertEquals(results.map(({ status }) => status), ["rejected", "fulfilled", "rejected"]);
  assertEquals((results[1] as PromiseFulfilledResult<number>).value, 1);
});

Deno.test("one task may join a task of another run", async () => {
  let task: Task<string> | undefined;
  const ready = Promise.withResolvers<void>();
  const first = run(() =>
    openNursery((nursery) => {
      task = nursery.startSoon(() => sleep(1).then(() => "from the other run"));
      ready.resolve();
    }), QUIET);
  await ready.promise;
  assertEquals(await run(() => task!.join(), QUIET), "from the other run");
  await first;
});

Deno.test("a run in a scope of the default run: an outer cancel reaches all of it, and the outer scope catches", async () => {
  let cleaned = false;
  const outer = new CancelScope();
  const outcome = await outer.run(() =>
    run(() =>
      openNursery((nursery) => {
        nursery.startSoon(() => sleepForever().finally(() => cleaned = true));
        nursery.startSoon(() => outer.cancel("outer"));
      }), QUIET)
  );
  assert(outcome.cancelledCaught && cleaned && outcome.cancelled.reason === "outer");
});

Deno.test("a run in a scope of the default run gives value and error like any call", async () => {
  assertEquals((await moveOnAfter(60_000, () => run(() => "value", QUIET))).value, "value");
  await assertRejects(
    () => moveOnAfter(60_000, () => run(() => Promise.reject(new Error("mine")), QUIET)),
    Error,
    "mine",
  );
});

Deno.test("a run in a scope of the default run is a wait of its caller", async () => {
  const waits = () => taskTree().root.waits.map(({ kind }) => kind);
  const ended = moveOnAfter(60_000, () => run(() => sleep(1), QUIET));
  assertEquals(waits(), ["run"]);
  await ended;
  assertEquals(waits(), []);
});

Deno.test("code that outlives its run is refused at each of its waits", async () => {
  const late = Promise.withResolvers<unknown[]>();
  await run(() => {
    setImmediate(async () => {
      const waits = [
        () => sleep(1),
        () => sleepForever(),
        () => checkpoint(),
        () => new Event().wait(),
        () => suspend({ kind: "test" }, () => {}, () => true),
        () => openNursery(() => sleep(1)),
        () => moveOnAfter(10, () => sleep(1)),
      ];
      const errors: unknown[] = [];
      for (const wait of waits) errors.push(await wait().then((value) => value, (error) => error));
      late.resolve(errors);
    });
  }, QUIET);
  const errors = await late.promise;
  assertEquals(errors.length, 7);
  for (const error of errors) {
    // A nursery puts it into a group, as it does with every error.
    const one = error instanceof ErrorGroup ? error.errors[0] : error;
    assertInstanceOf(one, RunFinishedError);
    assertEquals(one.message, "Cannot wait as the run this code belongs to has ended: it was started without await");
  }
});

Deno.test("outside any run, waits and nurseries just work, in one main task that never ends", async () => {
  const before = currentTask();
  const start = currentTime();
  await sleep(1);
  assert(currentTime() > start);
  assertEquals([before.name, before.id, before.state, before.parentNursery], ["main", 1, "running", null]);
  const parents = await Promise.all([1, 2].map(() => openNursery((nursery) => nursery.parentTask)));
  for (const parent of parents) assertStrictEquals(parent, before);
  const outcome = await moveOnAfter(1, () => sleepForever());
  assert(outcome.cancelledCaught);
  assertStrictEquals(currentTask(), before);
});

Deno.test("outside any run, a nursery's failure is an error of its caller and nobody else", async () => {
  const healthy = openNursery((nursery) => void nursery.startSoon(() => sleep(2)));
  await assertRejects(() => openNursery((n) => void n.startSoon(() => Promise.reject(new Error("x")))), ErrorGroup);
  await healthy;
});

Deno.test("a run that listens for signals takes its listeners off at its end", async () => {
  // The resource sanitizer of this test is what checks it.
  for (let i = 0; i < 3; i++) await run(() => sleep(0));
  await assertRejects(() => run(() => Promise.reject(new Error("x"))));
});

Deno.test("a run that cannot begin, as its clock throws, is nothing that the scope around it waits for", async () => {
  const clock = {
    now: () => 0,
    wall: () => 0,
    at: () => {
      throw new Error("not reached");
    },
    start: () => {
      throw new Error("no clock");
    },
  };
  const outcome = await new CancelScope().run(() => run(() => {}, { clock }).catch((error) => error.message));
  assertEquals(outcome.value, "no clock");
});
