// deno-lint-ignore-file no-console -- tests of what is printed
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  CancelScope,
  checkpoint,
  ClosedResourceError,
  Event,
  failAfter,
  moveOnAfter,
  openNursery,
  sleep,
  taskTree,
  TooSlowError,
} from "../../core/mod.ts";
import type { WorkerHost } from "../../core/lowlevel.ts";
import { simulate, simulated, type Simulation, sweepCancel } from "../../testing/mod.ts";
import { blockingCallback, callback } from "./callback.ts";
import { openWorkers } from "./open_workers.ts";
import { transfer } from "./transfer.ts";
import { WorkerCrashedError } from "./worker_errors.ts";
import type { OpenWorkersOptions, Workers } from "./workers.ts";

type Functions = typeof import("./_fixtures/functions.ts");
type Ambient = typeof import("./_fixtures/ambient.ts");

const open = <M extends object>(name: string, options: OpenWorkersOptions): Promise<Workers<M>> =>
  openWorkers<M>(new URL(`./_fixtures/${name}.ts`, import.meta.url), options);

function test(
  name: string,
  body: (sim: Simulation, workers: Workers<Ambient>) => Promise<void>,
  options: OpenWorkersOptions = {},
): void {
  Deno.test(
    name,
    simulated(async (sim) => {
      await using workers = await open<Ambient>("ambient", { size: 1, ...options });
      await body(sim, workers);
    }),
  );
}

test("M3, W1: calls are tasks in virtual time, first come, first served", async (sim, workers) => {
  const results = await Promise.all([
    workers.call("sleepAndAdd", 5_000, 1, 2).then((sum) => [sum, sim.now]),
    workers.call("sleepAndAdd", 1_000, 3, 4).then((sum) => [sum, sim.now]),
  ]);
  assertEquals(results, [[3, 5_000], [7, 6_000]]);
  assertEquals(sim.workers.log(), [
    "0.000s start thread 1",
    "0.000s thread 1 call sleepAndAdd",
    "5.000s thread 1 sleepAndAdd has returned",
    "5.000s thread 1 call sleepAndAdd",
    "6.000s thread 1 sleepAndAdd has returned",
  ]);
});

test("M3: a timeout ends a call at its time", async (sim, workers) => {
  await assertRejects(() => failAfter(1_000, () => workers.call("sleepAndAdd", 5_000, 1, 2)), TooSlowError);
  assertEquals([sim.now, workers.statistics().idle], [1_000, 1]);
});

test(
  "W2, W3: a thread that does not stop is written off after the grace, and comes back at its end",
  async (sim, workers) => {
    const lines: string[] = [];
    const { error } = console;
    console.error = (line: string) => void lines.push(line);
    try {
      assert((await moveOnAfter(1_000, () => workers.call("stubborn", 10_000))).cancelledCaught);
    } finally {
      console.error = error;
    }
    assertEquals([sim.now, workers.statistics().writtenOff, lines.length], [1_500, 1, 1]);
    let tree = "";
    const waiting = await moveOnAfter(100, () =>
      openNursery(async (nursery) => {
        nursery.startSoon(() => workers.call("sleepAndAdd", 0, 1, 2));
        await sleep(1);
        tree = `${taskTree()}`;
      }));
    assert(waiting.cancelledCaught);
    assertStringIncludes(tree, '(1/1 tokens are out: to "stubborn, which does not stop")');
    assertEquals(await workers.call("sleepAndAdd", 0, 1, 2), 3);
    assertEquals([sim.now, workers.statistics().started], [10_000, 1]);
  },
  { grace: 500 },
);

test("W2: a process that does not stop is killed after the grace", async (sim, workers) => {
  assert((await moveOnAfter(1_000, () => workers.call("stubborn", 10_000))).cancelledCaught);
  assertEquals(sim.now, 1_500);
  assertEquals(await workers.call("sleepAndAdd", 0, 1, 2), 3);
  assertEquals([sim.now, workers.statistics().started, workers.statistics().crashed], [1_500, 2, 0]);
}, { kind: "process", grace: 500 });

test("W7: a stream gives its items at their times, and is left at once", async (sim, workers) => {
  const times: number[] = [];
  for await (const n of workers.stream("tick", 100)) {
    times.push(sim.now);
    if (n === 40) break;
  }
  assertEquals(times, Array.from({ length: 40 }, (_, n) => (n + 1) * 100));
  assertEquals([sim.now, workers.statistics().busy], [4_000, 0]);
});

test("W7: a worker is no more than its window ahead of the loop", async (sim, workers) => {
  const stream = workers.stream("tick", 1);
  await stream.next();
  await sleep(1_000);
  let ready = 0;
  for (; (await stream.next()).done === false && sim.now === 1_001;) ready++;
  assert(ready >= 3 && ready <= 4, `${ready}`);
  await stream.return!();
}, { window: 4 });

test("W10: a crash fails its call alone, and the test can order one", async (sim, workers) => {
  sim.workers.crashNext("sleepAndAdd");
  const error = await assertRejects(() => workers.call("sleepAndAdd", 1, 1, 2), WorkerCrashedError);
  assertStringIncludes(error.message, "sim.workers.crashNext()");
  assertEquals(await workers.call("sleepAndAdd", 1, 1, 2), 3);
  assertEquals([workers.statistics().crashed, workers.statistics().started], [1, 2]);
});

test("idle workers end after their time, all but those that are warm", async (sim, workers) => {
  await Promise.all([1, 2, 3].map((n) => workers.call("sleepAndAdd", 10, n, n)));
  assertEquals(workers.statistics().idle, 3);
  await sleep(999);
  assertEquals(workers.statistics().idle, 3);
  await sleep(2);
  assertEquals([workers.statistics().idle, sim.now], [1, 1_011]);
  assertEquals(await workers.call("sleepAndAdd", 0, 1, 2), 3);
}, { size: 3, warm: 1, idleTimeout: 1_000 });

test("W4: closing gives the calls that run their grace, and no more", async (sim, workers) => {
  await openNursery(async (nursery) => {
    const call = nursery.startSoon(() => assertRejects(() => workers.call("stubborn", 60_000), ClosedResourceError));
    await checkpoint();
    await sleep(1);
    await workers.close();
    await call.join();
  });
  assertEquals([sim.now, workers.statistics().started], [701, 1]);
}, { grace: 700 });

test("W8: arguments and results are clones, and what is moved is moved", async () => {
  await using workers = await open<Functions>("functions", { size: 1 });
  const given = { deep: [1] };
  const got = await workers.call("give", given) as typeof given;
  assertEquals(got, given);
  assert(got !== given && got.deep !== given.deep);
  const bytes = transfer(new Uint8Array(4));
  assertEquals([await workers.call("lengthOf", bytes), bytes.length], [4, 0]);
  await assertRejects(() => workers.call("look", () => 1), TypeError, "argument 1, it is a function");
});

test("W5, W11: code in a worker sees its call's signal; callbacks run in the calling task", async (sim) => {
  await using workers = await open<Functions>("functions", { size: 1 });
  const started = new Event();
  await openNursery(async (nursery) => {
    const task = nursery.startSoon(() => workers.call("untilAborted", callback(() => started.set())));
    await started.wait();
    task.cancel();
  });
  const answers = await workers.call(
    "report",
    3,
    callback(async (n: number) => {
      await sleep(10);
      return n * 10;
    }),
  );
  assertEquals([answers, sim.now], [[10, 20, 30], 30]);
  await assertRejects(
    () => workers.call("askTwice", blockingCallback((n: number) => n)),
    TypeError,
    'in a simulation it is none, use callback(), or simulate with option workers: "host"',
  );
});

test("W15: a call is on the list of waits by its function and module", async (_, workers) => {
  let tree = "";
  await openNursery(async (nursery) => {
    nursery.startSoon(() => workers.call("sleepAndAdd", 1_000, 1, 2), { name: "first" });
    nursery.startSoon(() => workers.call("sleepAndAdd", 1, 1, 2), { name: "second" });
    await sleep(1);
    tree = `${taskTree()}`;
  });
  assertStringIncludes(tree, 'call "sleepAndAdd" of ambient.ts');
  assertStringIncludes(tree, 'acquire capacity "workers of ambient.ts" (1/1 tokens are out: to "sleepAndAdd")');
});

test("W15: in a cancelled scope no call is made, and the wait for a worker loses nothing", async (sim, workers) => {
  const scope = new CancelScope();
  scope.cancel();
  await scope.run(() => workers.call("sleepAndAdd", 1, 1, 2));
  assertEquals(sim.workers.log(), ["0.000s start thread 1"]);
});

Deno.test(
  "W4a: the workers that are warm are started before the pool is there, the others when they are needed",
  simulated(async (sim) => {
    await using workers = await open<Ambient>("ambient", { size: 3, warm: 2 });
    assertEquals(workers.statistics().started, 2);
    await Promise.all([1, 2, 3].map((n) => workers.call("sleepAndAdd", 10, n, n)));
    assertEquals([workers.statistics().started, sim.now], [3, 10]);
  }),
);

Deno.test("M3: a pool that is not closed is a leak", async () => {
  const error = await assertRejects(() =>
    simulate(async () => void await open("ambient", { size: 1 }), { leaks: { resources: "error" } })
  );
  assertStringIncludes((error as Error).message, "worker of file://");
});

Deno.test("M3: real workers are host operations: time stands still while a call is there", async () => {
  await simulate(async (sim) => {
    await using workers = await open<Functions>("functions", { size: 1 });
    assertEquals(await failAfter(1, () => workers.call("add", 1, 2)), 3);
    assertEquals(sim.now, 0);
    assertThrows(() => sim.workers, TypeError, 'option "workers" names others');
  }, { workers: "host" });
});

for (const kind of ["thread", "process"] as const) {
  Deno.test(`W: under 1,000 random cancels no place is lost, none is taken twice, and all are served in order (${kind})`, () =>
    simulate(async (sim) => {
      const size = 3;
      const random = () => sim.random("cancels");
      await using workers = await open<Ambient>("ambient", { size, kind, grace: 20 });
      const begun: number[] = [];
      let most = 0;
      const check = (): void => {
        const { busy, idle, writtenOff } = workers.statistics();
        most = Math.max(most, busy + writtenOff);
        assert(busy + idle + writtenOff <= size, `${busy} + ${idle} + ${writtenOff}`);
      };
      const { error } = console;
      console.error = () => {};
      try {
        await openNursery(async (nursery) => {
          for (let n = 0; n < 1_000; n++) {
            const [ms, limit, stubborn] = [random() * 50, random() * 100, random() < 0.2];
            nursery.startSoon(async () => {
              await moveOnAfter(limit, async () => {
                if (stubborn) await workers.call("stubborn", ms);
                else await workers.call("sleepLong", callback(() => void begun.push(n)), callback(() => {}));
              });
              check();
            });
            if (random() < 0.3) await sleep(random() * 60);
          }
        });
        await sleep(1_000);
      } finally {
        console.error = error;
      }
      assertEquals(begun, [...begun].sort((a, b) => a - b));
      assert(begun.length > 100, `${begun.length}`);
      const { busy, idle, waiting, writtenOff, crashed } = workers.statistics();
      assertEquals([most, busy, waiting, writtenOff, crashed], [size, 0, 0, 0, 0]);
      assert(idle <= size);
      assertEquals(await workers.call("sleepAndAdd", 1, 1, 2), 3);
      assert(sim.now > 0);
    }, { maxVirtual: 10_000_000 }));
}

Deno.test("W2: a cancellation at any of its waits leaves no call, no worker and no place behind", async () => {
  await sweepCancel(async () => {
    await using workers = await open<Ambient>("ambient", { size: 1, grace: 50 });
    assertEquals(await workers.call("sleepAndAdd", 5, 1, 2), 3);
    for await (const n of workers.stream("tick", 3)) if (n === 3) break;
    await workers.call("sleepAndAdd", 5, 3, 4);
  });
});

Deno.test("W12: a process of another version is not used", async () => {
  const host: WorkerHost = {
    inMemory: true,
    start({ received, exited }) {
      queueMicrotask(() => received({ type: "ready", functions: ["f"], version: "1.2.3" }));
      const end = () => queueMicrotask(() => exited({ code: 0, signal: null, error: undefined }));
      return Promise.resolve({ send() {}, interrupt() {}, hold() {}, end, kill: end });
    },
  };
  await simulate(async () => {
    const error = await assertRejects(() => openWorkers("file:///x.ts", { kind: "process" }), WorkerCrashedError);
    assertStringIncludes(error.message, `The "deno" on PATH must have version ${Deno.version.deno}: it has 1.2.3`);
  }, { workers: host });
});

Deno.test("W: a host that cannot start anything fails the opening, and a call", async () => {
  const host: WorkerHost = { inMemory: true, start: () => Promise.reject(new RangeError("no more threads")) };
  await simulate(async () => {
    const error = await assertRejects(() => openWorkers("file:///x.ts", { size: 2 }), WorkerCrashedError);
    assertStringIncludes(error.message, "no more threads");
    await using workers = await openWorkers<{ f(): void }>("file:///x.ts", { size: 1, warm: 0 });
    await assertRejects(() => workers.call("f"), WorkerCrashedError, "no more threads");
    assertEquals([workers.statistics().idle, workers.statistics().busy], [0, 0]);
  }, { workers: host });
});

/** A host whose workers say they are ready, and then do what a test says; `n` counts them. */
function scripted(after: (n: number, say: (message: object) => void) => void): WorkerHost {
  let n = 0;
  return {
    inMemory: true,
    start({ received, exited }) {
      const number = n++;
      const end = () => queueMicrotask(() => exited({ code: 0, signal: null, error: undefined }));
      queueMicrotask(() => {
        received({ type: "ready", functions: ["f"], version: null });
        after(number, received);
      });
      return Promise.resolve({
        send(message: unknown) {
          const { type, call } = message as { type: string; call: number };
          if (type === "call") queueMicrotask(() => received({ type: "result", call, value: number }));
        },
        interrupt() {},
        hold() {},
        end,
        kill: end,
      });
    },
  };
}

Deno.test("W10: a worker that ends just when it has become ready is passed over, and no call waits for it", async () => {
  const crash = { type: "crash", error: { type: "value", value: "at once" } };
  const host = scripted((n, say) => n < 2 && say(crash));
  await simulate(async () => {
    await using workers = await openWorkers<{ f(): number }>("file:///x.ts", { size: 1, warm: 0 });
    assertEquals(await failAfter(1, () => workers.call("f")), 2);
    assertEquals([workers.statistics().crashed, workers.statistics().idle], [2, 1]);
  }, { workers: host });
});

Deno.test("W4: a pool that is closed just when a worker has become ready refuses the call that wanted it", async () => {
  let close = () => {};
  await simulate(async () => {
    const workers = await openWorkers<{ f(): number }>("file:///x.ts", { size: 1, warm: 0 });
    close = () => void workers.close();
    await assertRejects(() => failAfter(1, () => workers.call("f")), ClosedResourceError);
    await workers.close();
    assertEquals([workers.statistics().idle, workers.statistics().busy], [0, 0]);
  }, { workers: scripted(() => close()) });
});
