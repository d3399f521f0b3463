import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  currentTask,
  moveOnAfter,
  openBroadcastChannel,
  openMemoryChannel,
  openNursery,
  openWatch,
  run,
  shielded,
  sleep,
  sleepForever,
  taskTree,
  untilShutdown,
} from "../mod.ts";

/** Runs a body in a scope that shuts down at t=5. */
function shuttingDown<T>(body: (scope: CancelScope) => Promise<T>, grace = Infinity) {
  return new CancelScope().run(async (scope) =>
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(5);
        scope.shutdown({ grace });
      }, { daemon: true });
      return await body(scope);
    })
  );
}

async function* ticks(log: string[] = []): AsyncGenerator<number> {
  try {
    for (let n = 1;; n++) {
      await sleep(2);
      yield n;
    }
  } finally {
    log.push("closed");
  }
}

Deno.test(
  "untilShutdown() ends a loop that waits for its next item, at once",
  simulated(async (sim) => {
    await shuttingDown(async () => {
      const [send, jobs] = openMemoryChannel<number>(1);
      send.trySend(1);
      const got: number[] = [];
      for await (const job of untilShutdown(jobs)) got.push(job);
      assertEquals([got, sim.now], [[1], 5]);
      send.trySend(2);
      assertEquals(jobs.tryReceive(), 2, "the end is open as after a break");
    });
  }),
);

Deno.test(
  "untilShutdown() lets the item in progress be finished, and takes no other",
  simulated(async (sim) => {
    await shuttingDown(async () => {
      const [send, jobs] = openMemoryChannel<number>(2);
      send.trySend(1);
      send.trySend(2);
      const done: string[] = [];
      for await (const job of untilShutdown(jobs)) {
        await sleep(20);
        done.push(`${job} at ${sim.now}`);
      }
      assertEquals([done, sim.now, jobs.tryReceive()], [["1 at 20"], 20, 2]);
    });
  }),
);

Deno.test(
  "untilShutdown() ends with its source, and its errors are those of the source",
  simulated(async (sim) => {
    const [send, jobs] = openMemoryChannel<number>(2);
    send.trySend(1);
    send.close();
    assertEquals(await Array.fromAsync(untilShutdown(jobs)), [1]);
    jobs.close();
    await assertRejects(() => Array.fromAsync(untilShutdown(jobs)), Error, "this receiving end is closed");
    assertEquals(sim.now, 0);
  }),
);

Deno.test(
  "untilShutdown() leaves its source as a break does: generators clean up, subscriptions end, memory channels stay open",
  simulated(async (sim) => {
    for (const how of ["shutdown", "break"]) {
      const start = sim.now;
      const log: string[] = [];
      await shuttingDown(async () => {
        const got: number[] = [];
        for await (const n of untilShutdown(ticks(log))) {
          got.push(n);
          if (how === "break" && n === 2) break;
        }
        assertEquals([got, log, sim.now - start], [[1, 2], ["closed"], how === "break" ? 4 : 5]);
      });
    }
    await shuttingDown(async () => {
      const news = openBroadcastChannel<number>(1);
      for await (const _ of untilShutdown(news.subscribe()));
      assertEquals(news.statistics().subscribers, 0);
      const [, seen] = openWatch(1);
      for await (const _ of untilShutdown(seen));
    });
  }),
);

Deno.test(
  "untilShutdown(): a value that was handed over before the shutdown is not lost, however it comes through",
  simulated(async () => {
    const through: Record<string, (jobs: AsyncIterable<number>) => AsyncIterable<number>> = {
      directly: (jobs) => jobs,
      async *"through a generator"(jobs) {
        for await (const job of jobs) yield job;
      },
      "through an iterator": (jobs) => ({
        [Symbol.asyncIterator]() {
          const inner = jobs[Symbol.asyncIterator]();
          return { next: async () => await (async () => await inner.next())() };
        },
      }),
    };
    for (const wrap of Object.values(through)) {
      await new CancelScope().run((scope) =>
        openNursery((nursery) => {
          const [send, jobs] = openMemoryChannel<number>(0);
          nursery.startSoon(async () => {
            const got: number[] = [];
            for await (const job of untilShutdown(wrap(jobs))) got.push(job);
            assertEquals(got, [1]);
          });
          nursery.startSoon(async () => {
            await sleep(5);
            send.trySend(1);
            scope.shutdown();
          });
        })
      );
    }
  }),
);

/** A source that knows nothing of scopes: it gives one item, and then nothing. */
function silent(log: string[]): AsyncIterable<number> {
  let given = 0;
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => given++ === 0 ? Promise.resolve({ done: false, value: 1 }) : new Promise(() => {}),
      return: () => {
        log.push("told");
        return new Promise(() => {});
      },
    }),
  };
}

Deno.test("untilShutdown() tells a foreign source, and leaves it, at a shutdown and when cancelled", async () => {
  for (const how of ["shutdown", "cancel"] as const) {
    const log: string[] = [];
    const got: number[] = [];
    await run(() =>
      new CancelScope().run(async (scope) => {
        for await (const n of untilShutdown(silent(log))) {
          got.push(n);
          setImmediate(() => scope[how]());
        }
        log.push("went on");
      }), { handleSignals: false });
    assertEquals([got, log], [[1], how === "cancel" ? ["told"] : ["told", "went on"]]);
  }
});

Deno.test("untilShutdown() tells a source in the scope of the loop, and not in that of who shuts down", async () => {
  const log: string[] = [];
  const source: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: () => {
        log.push(currentTask().name);
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  const waits: string[] = [];
  await run(() =>
    new CancelScope().run((scope) =>
      openNursery((nursery) => {
        nursery.startSoon(async () => {
          for await (const _ of untilShutdown(source));
        }, { name: "loop" });
        nursery.startSoon(() => {
          waits.push(`${taskTree()}`);
          scope.shutdown();
        }, { name: "end" });
      })
    ), { handleSignals: false });
  assertEquals(log, ["loop"]);
  assertStringIncludes(waits[0] ?? "", "loop #2: next item");
});

Deno.test("untilShutdown() tells a generator that waits for something foreign, and leaves it", async () => {
  async function* stuck(): AsyncGenerator<number> {
    yield 1;
    await new Promise(() => {});
  }
  const got: number[] = [];
  await run(() =>
    new CancelScope().run(async (scope) => {
      for await (const n of untilShutdown(stuck())) {
        got.push(n);
        setImmediate(() => scope.shutdown());
      }
    }), { handleSignals: false });
  assertEquals(got, [1]);
});

Deno.test(
  "untilShutdown() waits for the cleanup of its source",
  simulated(async (sim) => {
    const log: string[] = [];
    async function* careful(): AsyncGenerator<number> {
      try {
        yield 1;
        await sleepForever();
      } finally {
        await shielded(() => sleep(10));
        log.push(`clean at ${sim.now}`);
      }
    }
    await shuttingDown(async () => {
      assertEquals(await Array.fromAsync(untilShutdown(careful())), [1]);
    });
    assertEquals(log, ["clean at 15"]);
  }),
);

Deno.test(
  "untilShutdown() cancels a ReadableStream at a shutdown",
  simulated(async () => {
    let cancelled = false;
    const stream = new ReadableStream<number>({
      start: (controller) => controller.enqueue(1),
      cancel: () => void (cancelled = true),
    });
    await shuttingDown(async () => {
      assertEquals(await Array.fromAsync(untilShutdown(stream)), [1]);
    });
    assert(cancelled);
  }),
);

Deno.test(
  "untilShutdown(): a cancellation passes through a loop; in a shutdown that is under way there is none",
  simulated(async (sim) => {
    const [send, jobs] = openMemoryChannel<number>(1);
    const outcome = await moveOnAfter(3, async () => {
      for await (const _ of untilShutdown(jobs));
    });
    assertEquals([outcome.cancelledCaught, sim.now], [true, 3]);
    const grace = await shuttingDown(async () => {
      for await (const _ of untilShutdown(jobs)) await sleepForever();
      send.trySend(1);
      assertEquals(await Array.fromAsync(untilShutdown(jobs)), []);
      await sleepForever();
    }, 10);
    assertEquals([grace.cancelledCaught, sim.now, jobs.tryReceive()], [true, 18, 1]);
  }),
);

Deno.test(
  "untilShutdown(): each loop begins anew, and an iteration that is over stays over",
  simulated(async () => {
    const [send, jobs] = openMemoryChannel<number>(2);
    send.trySend(1);
    send.trySend(2);
    const source = untilShutdown(jobs);
    for (let n = 1; n <= 2; n++) {
      for await (const job of source) {
        assertEquals(job, n);
        break;
      }
    }
    const iterator = source[Symbol.asyncIterator]();
    assertEquals(await iterator.return?.(), { done: true, value: undefined });
    assertEquals(await iterator.next(), { done: true, value: undefined });
  }),
);

Deno.test(
  "untilShutdown(): a loop that was cancelled beside its waits leaves the source as well",
  simulated(async () => {
    const send = openBroadcastChannel<number>(1);
    const log: string[] = [];
    for (const source of [send.subscribe(), ticks(log)]) {
      if (send.statistics().subscribers > 0) send.trySend(1);
      const outcome = await new CancelScope().run(async (scope) => {
        for await (const _ of untilShutdown(source)) scope.cancel();
      });
      assert(outcome.cancelledCaught);
    }
    assertEquals([send.statistics().subscribers, log], [0, ["closed"]]);
  }),
);
