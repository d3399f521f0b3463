import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  CancelledElsewhereError,
  checkpoint,
  DeadlockError,
  ErrorGroup,
  Event,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { beginHostOperation, currentRun, hostOperation, type Network } from "../../core/lowlevel.ts";
import { simulate, simulated } from "../mod.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

Deno.test("simulate() jumps exactly: an hour of sleeping, at the exact times", async () => {
  const times: number[] = [];
  const value = await simulate(async (sim) => {
    for (let i = 0; i < 60; i++) {
      await sleep(60_000);
      times.push(sim.now);
    }
    return "value";
  });
  assertEquals(value, "value");
  assertEquals(times.at(-1), 3_600_000);
  assertEquals(times[0], 60_000);
});

Deno.test(
  "alarms of one instant fire one by one, with a full turn between",
  simulated(async () => {
    const log: string[] = [];
    await openNursery((nursery) => {
      for (const name of ["a", "b"]) {
        nursery.startSoon(async () => {
          await sleep(5);
          log.push(`${name}1`);
          for (let i = 0; i < 20; i++) await null;
          log.push(`${name}2`);
        });
      }
    });
    assertEquals(log, ["a1", "a2", "b1", "b2"]);
  }),
);

Deno.test(
  "a host operation freezes time until it ends",
  simulated(async (sim) => {
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await sleep(10);
        assertEquals(done, true);
      });
      let done = false;
      nursery.startSoon(async () => {
        const operation = beginHostOperation("slow");
        const event = new Event();
        (async () => {
          for (let i = 0; i < 50; i++) await turn();
          assertEquals(sim.now, 0);
          done = true;
          operation.end();
          event.set();
        })();
        await event.wait();
        await hostOperation("digest", crypto.subtle.digest("SHA-256", new Uint8Array(1_000)));
        assertEquals(sim.now, 0);
      });
    });
  }),
);

Deno.test(
  "a task in a foreign await gets a grace, once; then time goes on without it",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      let release = () => {};
      nursery.startSoon(() => new Promise<void>((resolve) => release = resolve));
      for (let i = 1; i <= 100; i++) await sleep(1);
      assertEquals(sim.now, 100);
      release();
    });
  }, { foreignGrace: 5 }),
);

Deno.test(
  "a foreign promise that settles within the grace is waited for",
  simulated(async (sim) => {
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await turn();
        await turn();
        assertEquals(sim.now, 0);
      });
      nursery.startSoon(() => sleep(1));
    });
  }),
);

Deno.test(
  "settled() comes before time moves, for several at once; advance() includes what is due at its end",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(10);
        log.push("due");
        await checkpoint();
        log.push("and its sequel");
      });
      await Promise.all([sim.settled(), sim.settled()]);
      assertEquals(sim.now, 0);
      await sim.advance(10);
      assertEquals([sim.now, ...log], [10, "due", "and its sequel"]);
      const outcome = await moveOnAfter(0, () => sim.settled());
      assert(outcome.cancelledCaught);
    });
  }),
);

Deno.test("a deadlock is an error that shows the tree, and cleanup runs, in virtual time", async () => {
  const log: string[] = [];
  const error = await assertRejects(
    () =>
      simulate((sim) =>
        openNursery((nursery) => {
          nursery.startSoon(async () => {
            await sleep(5);
            try {
              await new Event({ name: "never set" }).wait();
            } finally {
              const { shielded } = await import("../../core/mod.ts");
              await shielded(() => sleep(10));
              log.push(`cleaned up at ${sim.now}`);
            }
          }, { name: "waiter" });
        })
      ),
    DeadlockError,
    "Cannot go on as nothing can ever wake up (t=5ms):",
  );
  assertMatch(
    error.message,
    /\n {2}└─ waiter #2 {2}simulate_test\.ts:\d+:19 {2}event "never set" +since t=5ms {2}simulate_test\.ts:\d+:54$/,
  );
  assertEquals(log, ["cleaned up at 15"]);
});

Deno.test("a deadlock in cleanup, or in a promise nobody settles, ends the test, too", async () => {
  const error = await assertRejects(
    () => simulate(() => sleepForever().finally(() => new Promise(() => {})), { foreignGrace: 1 }),
    DeadlockError,
    "and cleanup got stuck:",
  );
  assertStringIncludes(error.message, "awaiting a promise the library does not own");
});

Deno.test("a loop that never sleeps hits the limit, and is named", async () => {
  await assertRejects(
    () =>
      simulate(() =>
        openNursery((nursery) => {
          nursery.startSoon(async () => {
            while (true) await sleep(0);
          }, { name: "spinner" });
        }), { maxStepsAtOneInstant: 2_000 }),
    Error,
    'Cannot go on as time stands still at t=0ms: 2000 waits ended without it moving, most in task "spinner" #2',
  );
});

Deno.test("a heartbeat hits the limit of virtual time", async () => {
  await assertRejects(
    () =>
      simulate(async () => {
        while (true) await sleep(1_000);
      }, { maxVirtual: 10_000 }),
    Error,
    "Cannot go on as more virtual time would pass than allowed: 11s (option maxVirtual)",
  );
});

Deno.test("a host operation that never ends fails the test and names it; io: quiet lets time go on", async () => {
  await assertRejects(
    () =>
      simulate(async () => {
        beginHostOperation("accept on somewhere");
        await sleep(5);
      }, { realTimeout: 5 }),
    Error,
    "nothing has happened for 5ms: accept on somewhere",
  );
  await simulate(async (sim) => {
    const operation = beginHostOperation("accept on somewhere");
    await sleep(5);
    assertEquals(sim.now, 5);
    operation.end();
  }, { io: { quiet: 2 } });
});

Deno.test("errors come out as in production, and a simulation in a simulation is refused", async () => {
  await assertRejects(() => simulate(() => Promise.reject(new TypeError("mine"))), TypeError, "mine");
  await simulate(async () => {
    await assertRejects(() => simulate(() => {}), TypeError, "Cannot start a run as the caller is in one already");
  });
});

Deno.test("two simulations side by side have times of their own", async () => {
  const ends = await Promise.all([5, 7_000].map((ms) =>
    simulate(async (sim) => {
      await sleep(ms);
      return sim.now;
    })
  ));
  assertEquals(ends, [5, 7_000]);
});

Deno.test("random() repeats with its seed, and serves the run", async () => {
  const draw = (seed: number) => simulate((sim) => [sim.random(), currentRun().random(), sim.seed], { seed });
  assertEquals(await draw(3), await draw(3));
  assert((await draw(3))[0] !== (await draw(4))[0]);
});

Deno.test("10,000 sleeps in sequence and at once", async () => {
  await simulate(async (sim) => {
    for (let i = 0; i < 10_000; i++) await sleep(1);
    await openNursery((nursery) => {
      for (let i = 0; i < 10_000; i++) nursery.startSoon(() => sleep(i % 100));
    });
    assertEquals(sim.now, 10_099);
  });
});

Deno.test("instruments, a schedule and a network of the test's own are those of the run", async () => {
  const log: string[] = [];
  const network = {} as Network;
  await simulate(async () => {
    await sleep(1);
    assertEquals(currentRun().network, network);
  }, {
    network,
    instruments: [{ blocked: (_task, { kind }) => void log.push(`blocked: ${kind}`) }],
    schedule: (resume) => {
      log.push("granted");
      resume();
    },
  });
  // The first one is the beginning of the main task.
  assertEquals(log.slice(0, 3), ["granted", "blocked: sleep", "granted"]);
});

Deno.test("a body that ends by the cancellation of something else fails the test", async () => {
  const error = await simulate(() =>
    openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleepForever());
      task.cancel("elsewhere");
      await task.join();
    })
  ).catch((error) => error);
  assertInstanceOf(error, ErrorGroup);
  assertInstanceOf(error.errors[0], CancelledElsewhereError);
});

Deno.test(
  "sim.freeze() takes a length of time, and nothing that could be read as one",
  simulated((sim) => {
    for (const [ms, Class] of [[null, TypeError], [[3], TypeError], ["5", TypeError], [-1, RangeError]] as const) {
      assertThrows(() => sim.freeze(ms as never), Class, 'Cannot freeze as "ms" must be a');
    }
    assertThrows(() => sim.freeze(Infinity), RangeError, '"ms" must be a finite number >= 0: received Infinity');
    assertEquals(sim.now, 0);
  }),
);
