import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  beginHostOperation,
  checkpoint,
  currentRun,
  currentTime,
  Event,
  hostOp,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
  sleepUntil,
} from "../core/mod.ts";
import { simulate, simulated } from "./mod.ts";

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
  "alarms fire by the time they are due, those of one instant in the order they were set",
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
    assertEquals(log, ["a10 at 10", "b10 at 10", "timeout at 10", "a20 at 20", "b20 at 20"]);
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
        await hostOp("digest", crypto.subtle.digest("SHA-512", bytes));
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
        await hostOp("op", turn());
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
  await assertRejects(() => simulate(() => hostOp("op", Promise.reject(new Error("x"))), { realTimeout: 60_000 }));
  assertEquals(globalThis.setTimeout, original);
  // The sanitizers of this test check the rest.
});
