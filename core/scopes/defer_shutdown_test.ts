import { assertEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import {
  CancelScope,
  moveOnAfter,
  openNursery,
  shutdownRequested,
  sleep,
  sleepForever,
  untilShutdown,
} from "../mod.ts";
import { deferringShutdown } from "../internal.ts";

Deno.test(
  "a shutdown comes later to a part that puts it off, and at once to what is beside it",
  simulated(async (sim) => {
    const log: unknown[] = [];
    const idle = async (name: string) => {
      await untilShutdown(() => sleepForever());
      log.push([name, sim.now, shutdownRequested()]);
    };
    const value = await new CancelScope().run(async (scope) => {
      await openNursery((nursery) => {
        nursery.startSoon(() => idle("beside"));
        nursery.startSoon(() =>
          deferringShutdown(
            { ms: 20, requested: () => void log.push(["requested", sim.now, shutdownRequested()]) },
            () => idle("inside"),
          )
        );
        nursery.startSoon(() => sleep(5).then(() => scope.shutdown()));
      });
    });
    assertEquals(value.cancelledCaught, false);
    assertEquals(log, [["requested", 5, false], ["beside", 5, true], ["inside", 25, true]]);
  }),
);

Deno.test(
  "two parts in each other put it off one after the other; a shutdown of the inner one alone comes at once",
  simulated(async (sim) => {
    const ends: number[] = [];
    for (const inner of [false, true]) {
      const start = sim.now;
      await new CancelScope().run(async (scope) => {
        await deferringShutdown(
          { ms: 20, requested: () => {} },
          () =>
            deferringShutdown({ ms: 30, requested: () => {} }, async () => {
              await new CancelScope().run(async (own) => {
                setTimeout(() => (inner ? own : scope).shutdown());
                await untilShutdown(() => sleepForever());
              });
            }),
        );
      });
      ends.push(sim.now - start);
    }
    assertEquals(ends, [50, 0]);
  }),
);

Deno.test(
  "what is moved out of a shutdown that was put off hears no more of it, but of the next one",
  simulated(async (sim) => {
    const log: unknown[] = [];
    await openNursery(async (nursery) => {
      await nursery.start((status) =>
        deferringShutdown({ ms: 20, requested: () => void log.push(["requested", sim.now]) }, async () => {
          await sleep(10);
          status.started();
          await untilShutdown(() => sleepForever());
          log.push(["over", sim.now]);
        })
      );
      log.push(["moved", sim.now]);
      await new CancelScope().run(async (scope) => {
        setTimeout(() => scope.shutdown(), 5);
        await nursery.start((status) =>
          deferringShutdown({ ms: 20, requested: () => void log.push(["requested", sim.now]) }, async () => {
            await sleep(10);
            status.started();
            await untilShutdown(() => sleepForever());
            log.push(["over too", sim.now]);
          })
        );
      });
      await sleep(100);
      log.push(["both go on", sim.now]);
      nursery.cancelScope.shutdown();
    });
    assertEquals(log, [
      ["moved", 10],
      ["requested", 15],
      ["both go on", 120],
      ["requested", 120],
      ["requested", 120],
      ["over too", 140],
      ["over", 140],
    ]);
  }),
);

Deno.test(
  "a cancellation is not put off, and nothing is left of a part that has ended before its shutdown",
  simulated(async (sim) => {
    const outcome = await moveOnAfter(5, async (scope) => {
      scope.shutdown();
      await deferringShutdown({ ms: 20, requested: () => {} }, () => untilShutdown(() => sleepForever()));
      await deferringShutdown({ ms: 1_000, requested: () => {} }, async () => {
        await sleepForever();
      });
    });
    assertEquals([outcome.cancelledCaught, sim.now], [true, 5]);
    await new CancelScope().run(async (scope) => {
      await deferringShutdown({ ms: 1_000, requested: () => {} }, async () => {
        scope.shutdown();
        await sleep(1);
      });
    });
    assertEquals(sim.now, 6);
  }),
);
