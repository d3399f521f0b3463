import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { hostTimeout } from "../../core/internal.ts";
import {
  asCompleted,
  cancellable,
  checkpoint,
  currentTime,
  Event,
  forEach,
  map,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  sleep,
  sleepForever,
  sleepUntil,
  toChannel,
  untilShutdown,
} from "../../core/mod.ts";
import { beginHostOperation, currentRun, hostOperation } from "../../core/lowlevel.ts";
import { simulate, simulated } from "../mod.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

Deno.test(
  "time jumps exactly, also by fractions, and never back",
  simulated(async (sim) => {
    const times: number[] = [];
    for (const ms of [0.25, 1e-3, 1_000_000.5, 0]) {
      await sleep(ms);
      times.push(sim.now);
    }
    await sleepUntil(5);
    times.push(sim.now);
    assertEquals(times, [0.25, 0.251, 1_000_000.751, 1_000_000.751, 1_000_000.751]);
    assertEquals(currentTime(), sim.now);
  }),
);

Deno.test(
  "the date begins at 2000-01-01 and moves with the time",
  simulated(async () => {
    const { clock } = currentRun();
    assertEquals(new Date(clock.wall()).toISOString(), "2000-01-01T00:00:00.000Z");
    await sleep(86_400_000);
    assertEquals(new Date(clock.wall()).toISOString(), "2000-01-02T00:00:00.000Z");
  }),
);

Deno.test(
  "alarms fire by the time they are due; of one instant, deadlines first, then the others in the order they were set",
  simulated(async () => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      for (const [name, ms] of [["a20", 20], ["a10", 10], ["b20", 20], ["b10", 10]] as const) {
        nursery.startSoon(() => sleep(ms).then(() => log.push(`${name} at ${currentTime()}`)));
      }
      await checkpoint();
      await moveOnAfter(10, () => sleepForever());
      log.push(`timeout at ${currentTime()}`);
    });
    assertEquals(log, ["timeout at 10", "a10 at 10", "b10 at 10", "a20 at 20", "b20 at 20"]);
  }),
);

Deno.test(
  "no step is taken after a deadline: not in its instant, not where several pass, not after the system stood still",
  simulated(async (sim) => {
    const steps: string[] = [];
    const inTwo = (outer: number, inner: number) =>
      moveOnAfter(outer, async () => {
        await moveOnAfter(inner, () => sleep(50));
        steps.push(`one more step after ${sim.now}`);
        await moveOnAfter(inner, () => sleep(60_000));
        steps.push(`two more steps after ${sim.now}`);
      });
    // The sleep, the inner deadline and the outer one at the same time.
    assert((await inTwo(50, 50)).cancelledCaught);
    await openNursery((nursery) => {
      nursery.startSoon(() => inTwo(100, 70));
      nursery.startSoon(async () => {
        await checkpoint();
        sim.freeze(5_000);
      });
    });
    assertEquals([steps, sim.now], [[], 5_050]);
    let lateSteps = 0;
    const lease = moveOnAfter(100, async () => {
      while (true) {
        await sleep(40);
        if (sim.now > 5_150) lateSteps++;
      }
    });
    await sleep(50);
    sim.freeze(1_000);
    await lease;
    assertEquals([lateSteps, sim.now], [0, 6_100]);
  }),
);

Deno.test(
  "all that one alarm sets off has run before the next alarm of the same instant",
  simulated(async () => {
    const log: string[] = [];
    await openNursery((nursery) => {
      const go = new Event();
      nursery.startSoon(() => sleep(5).then(() => go.set()));
      nursery.startSoon(() => sleep(5).then(() => log.push("second alarm")));
      nursery.startSoon(async () => {
        await go.wait();
        for (let i = 0; i < 600; i++) await checkpoint();
        log.push("set off by the first");
      });
    });
    assertEquals(log, ["set off by the first", "second alarm"]);
  }),
);

Deno.test(
  "sleep(0) and checkpoint() take a turn, and no time",
  simulated(async (sim) => {
    await openNursery((nursery) => {
      nursery.startSoon(() => sleep(1));
      nursery.startSoon(async () => {
        for (let i = 0; i < 1_000; i++) await (i % 2 === 0 ? sleep(0) : checkpoint());
        assertEquals(sim.now, 0);
      });
    });
  }),
);

Deno.test(
  "a real digest freezes time until it is there",
  simulated(async (sim) => {
    await openNursery((nursery) => {
      nursery.startSoon(() => sleep(1));
      nursery.startSoon(async () => {
        const bytes = new Uint8Array(8_000_000);
        await hostOperation("digest", crypto.subtle.digest("SHA-512", bytes));
        assertEquals(sim.now, 0);
      });
    });
    assertEquals(sim.now, 1);
  }),
);

Deno.test(
  "a host operation freezes deadlines and sleeps alike, and releasing it lets both go on",
  simulated(async (sim) => {
    const operation = beginHostOperation("frozen");
    let released = false;
    (async () => {
      for (let i = 0; i < 20; i++) await turn();
      released = true;
      operation.end();
    })();
    const outcome = await moveOnAfter(1_000, () => sleepForever());
    assertEquals([outcome.cancelledCaught, released, sim.now], [true, true, 1_000]);
  }),
);

Deno.test(
  "a task that acts again after its grace gets a new one",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      let release = () => {};
      const foreign = nursery.startSoon(async () => {
        await new Promise<void>((resolve) => release = resolve);
        await checkpoint();
        await turn();
        await turn();
        return sim.now;
      });
      await sleep(5);
      nursery.startSoon(() => sleep(1_000));
      release();
      assertEquals(await foreign.join(), 5);
    });
  }, { foreignGrace: 10 }),
);

Deno.test(
  "settled() waits for foreign promises within the grace, and for host operations",
  simulated(async (sim) => {
    let done = 0;
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        for (let i = 0; i < 3; i++) await turn();
        done++;
      });
      nursery.startSoon(async () => {
        await hostOperation("op", turn());
        done++;
      });
      nursery.startSoon(() => sleepForever());
      await sim.settled();
      assertEquals([done, sim.now], [2, 0]);
      nursery.cancel();
    });
  }),
);

Deno.test(
  "settled() of several tasks wakes all of them at once, and beats an alarm that is due",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(() => sleep(1).then(() => log.push("alarm")));
      for (const name of ["a", "b"]) nursery.startSoon(() => sim.settled().then(() => log.push(name)));
    });
    assertEquals(log, ["a", "b", "alarm"]);
  }),
);

Deno.test(
  "advance() includes what is due at its end and its sequel, and nothing later",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      for (const ms of [9, 10, 11]) nursery.startSoon(() => sleep(ms).then(() => log.push(`${ms}`)));
      await sim.settled();
      await sim.advance(10);
      assertEquals([sim.now, ...log], [10, "9", "10"]);
      const error = await assertRejects(() => sim.advance(-1), RangeError);
      assertEquals(error.message, 'Cannot sleep as "ms" must be >= 0: received -1');
    });
  }),
);

Deno.test(
  "a cancelled settled() is forgotten, and disturbs nobody",
  simulated(async (sim) => {
    const outcome = await moveOnAfter(5, async (scope) => {
      const waiting = sim.settled();
      scope.cancel();
      await waiting;
    });
    assert(outcome.cancelledCaught);
    await sleep(3);
    assertEquals(sim.now, 3);
  }),
);

Deno.test("with io: { quiet }, time goes on once an operation has been quiet for that long", async () => {
  await simulate(async (sim) => {
    const operation = beginHostOperation("accept");
    await sleep(1_000);
    await sleep(1_000);
    assertEquals(sim.now, 2_000);
    operation.end();
  }, { io: { quiet: 5 } });
});

Deno.test("with io: { quiet }, each sign of life of an operation makes time wait for quiet anew", async () => {
  await simulate(async (sim) => {
    const accept = beginHostOperation("accept");
    await sleep(1_000);
    const read = beginHostOperation("read");
    const arrived = new Event();
    (async () => {
      for (let i = 0; i < 5; i++) await turn();
      read.end();
      arrived.set();
    })();
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(5));
      await arrived.wait();
      assertEquals(sim.now, 1_000);
    });
    accept.end();
  }, { io: { quiet: 20 } });
});

Deno.test("a simulation in a simulation or a run is refused", async () => {
  await simulate(async () => {
    const error = await assertRejects(() => simulate(() => {}), TypeError);
    assertEquals(
      error.message,
      "Cannot start a run as the caller is in one already: call the function directly, or use openNursery()",
    );
    await assertRejects(() => simulated(() => {})(), TypeError, error.message);
  });
});

Deno.test("a simulation leaves no real timer behind, however it ends", async () => {
  const original = globalThis.setTimeout;
  await simulate(() => moveOnAfter(3_600_000, () => sleep(7_200_000)));
  await simulate(() => new Promise<void>((resolve) => setImmediate(resolve)), { foreignGrace: 5_000 });
  await assertRejects(() =>
    simulate(() => hostOperation("op", Promise.reject(new Error("x"))), { realTimeout: 60_000 })
  );
  assertEquals(globalThis.setTimeout, original);
  // The sanitizers of this test check the rest.
});

// Real time: timers taken before any simulation begins.
const never = () => new Promise<never>(() => {});
const takes = (ms: number) => new Promise<string>((resolve) => hostTimeout(() => resolve("row"), ms));

Deno.test("with io: { quiet }, an operation gets its quiet anew after whatever a task, a timer or a jump has done", async () => {
  // Something outside answers what a task has said at t=1000, and nothing tells the driver that it does.
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const answer = asked.then(() => takes(5));
  const outcome = await simulate(async (sim) => {
    const [row] = await Promise.all([
      hostOperation("answer", answer),
      sleep(1_000).then(() => ask()),
      sleep(60_000),
    ]).then((results) => [results[0], sim.now]);
    return row;
  }, { io: { quiet: 40 } });
  assertEquals(outcome, "row");
  const times: number[] = [];
  await simulate(async (sim) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await hostOperation("answer", promise.then(() => takes(5)));
        times.push(sim.now);
      });
      setTimeout(resolve, 1_000);
      nursery.startSoon(() => sleep(9_000));
    });
  }, { io: { quiet: 40 } });
  assertEquals(times, [1_000]);
});

Deno.test("a source that waits for operations of the library is nothing foreign, whoever asks it", async () => {
  async function* ticks(): AsyncGenerator<number> {
    for (let n = 0; n < 3; n++) {
      await sleep(1_000);
      yield n;
    }
  }
  /** Values that come from another task, by a channel. */
  const received = async <R>(use: (source: AsyncIterable<number>) => Promise<R>): Promise<R> => {
    const [send, receive] = openMemoryChannel<number>(0);
    return await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        for await (const n of ticks()) await send.send(n);
        send.close();
      });
      return await use(receive);
    });
  };
  const uses: Record<string, (source: AsyncIterable<number>) => Promise<unknown>> = {
    map: (source) => map(source, (n) => n, { concurrency: 2 }),
    forEach: (source) => forEach(source, () => sleep(1)),
    asCompleted: (source) => Array.fromAsync(asCompleted(source, (n) => n)),
    toChannel: (source) => toChannel(source, (channel) => Array.fromAsync(channel)),
    untilShutdown: (source) => Array.fromAsync(untilShutdown(source)),
  };
  for (const [name, use] of Object.entries(uses)) {
    for (const run of [() => use(ticks()), () => received(use)]) {
      const time = await simulate(async (sim) => {
        await run();
        return sim.now;
      }, { onForeign: "error" });
      assertEquals([name, Math.floor(time / 1_000)], [name, 3]);
    }
    // One that waits for something else is.
    await assertRejects(
      () => simulate(() => use({ [Symbol.asyncIterator]: () => ({ next: never }) }), { onForeign: "error" }),
      Error,
      "a promise that the library does not own",
    );
  }
});

Deno.test("a foreign promise gets its grace however it is awaited, also beside other waits", async () => {
  const ways: (() => Promise<unknown>)[] = [
    () => takes(1),
    () => cancellable(takes(1)),
    () => moveOnAfter(5_000, () => cancellable(takes(1))).then((outcome) => outcome.value),
    () => Promise.race([cancellable(takes(1)), sleep(5_000)]),
    () => Promise.all([cancellable(takes(1)), cancellable(takes(2))]).then(([row]) => row),
    () => openNursery((nursery) => nursery.startSoon(() => cancellable(takes(1))).join()),
  ];
  for (const [index, wait] of ways.entries()) {
    for (const options of [{}, { onForeign: "wait" }] as const) {
      const seen = await simulate(async (sim) => [await wait(), sim.now], { ...options, leaks: "ignore" });
      assertEquals([index, ...seen], [index, "row", 0]);
    }
  }
  for (const wait of [never, () => cancellable(never())]) {
    const error = await simulate(wait, { onForeign: "error" }).catch((error) => error);
    assertStringIncludes(error.message, 'a promise that the library does not own: task "main" #1 (option onForeign)');
  }
  // One that never comes has had its grace, and the waits beside it go on without a new one.
  const time = await simulate(async (sim) => {
    await moveOnAfter(60_000, () =>
      Promise.all([
        cancellable(new Promise(() => {})),
        (async () => {
          while (true) await sleep(1);
        })(),
      ]));
    return sim.now;
  }, { leaks: "ignore" });
  assertEquals(time, 60_000);
});
