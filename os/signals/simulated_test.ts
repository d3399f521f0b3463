import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DeadlockError, openNursery, sleep } from "../../core/mod.ts";
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
    // At the end there is nobody to pass it on to.
    sim.signal("SIGINT");
  }),
);

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
