import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  Cancelled,
  DeadlockError,
  openNursery,
  shielded,
  shutdownRequested,
  sleep,
  sleepForever,
  untilShutdown,
} from "../../core/mod.ts";
import { simulate, simulated } from "../../testing/mod.ts";
import { openSignals } from "./open_signals.ts";

Deno.test(
  "M4: a signal of a simulation comes at its time, and no other process hears of it",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        using signals = openSignals("SIGHUP", "SIGTERM");
        for await (const signal of signals) log.push(`${signal} at ${sim.now}`);
      }, { daemon: true });
      await sleep(1_000);
      sim.signal("SIGHUP");
      await sleep(500);
      sim.signal("SIGTERM");
      await sleep(1);
    });
    assertEquals(log, ["SIGHUP at 1000", "SIGTERM at 1500"]);
    assertThrows(() => sim.signal("SIGHUP"), TypeError, 'somebody must listen for it: nobody does for "SIGHUP"');
  }),
);

Deno.test(
  "M4: the last claim wins in a simulation as well, and passes on what it has not received",
  simulated(async (sim) => {
    using outer = openSignals("SIGINT");
    const inner = openSignals("SIGINT");
    sim.signal("SIGINT");
    assertEquals([outer.statistics().pending, inner.statistics().pending], [[], ["SIGINT"]]);
    inner.close();
    assertEquals(await outer.receive(), "SIGINT");
  }),
);

Deno.test(
  "M4: SIGTERM shuts a program down as it would be, at exact times",
  simulated(async (sim) => {
    const log: string[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await untilShutdown(() => sleepForever());
        await sleep(300);
        log.push(`finished at ${sim.now}`);
      });
      nursery.startSoon(async () => {
        await sleep(1_000);
        sim.signal("SIGTERM");
      });
    });
    assertEquals([log, shutdownRequested()], [["finished at 1300"], true]);
  }, { grace: 5_000 }),
);

Deno.test("M4: what does not end within the grace is cancelled; a second signal does not wait, a third ends all", async () => {
  const times: number[] = [];
  const run = (signals: number, grace?: number) =>
    simulate(async (sim) => {
      try {
        await openNursery(async (nursery) => {
          nursery.startSoon(() => sleepForever());
          for (let i = 0; i < signals; i++) {
            await shielded(() => sleep(100));
            sim.signal("SIGINT");
          }
        });
      } finally {
        times.push(sim.now);
      }
    }, grace === undefined ? {} : { grace });
  const error = await assertRejects(() => run(1), Cancelled);
  assertEquals([error.source, error.reason], ["signal", "SIGINT"]);
  await assertRejects(() => run(1, 5_000), Cancelled);
  await assertRejects(() => run(2, 5_000), Cancelled);
  assertEquals(times, [100, 5_100, 200]);
  await assertRejects(() => run(3, 5_000), Error, "Cannot clean up as SIGINT came again, which ends a program at once");
});

Deno.test("M4: a wait for a signal that nobody sends is a deadlock in a simulation", async () => {
  await assertRejects(
    () =>
      simulate(async () => {
        using signals = openSignals("SIGHUP");
        await signals.receive();
      }),
    DeadlockError,
    "receive signal SIGHUP",
  );
});
