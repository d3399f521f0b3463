import { assert, assertEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import { CancelScope, checkpoint, Event, moveOnAfter, openNursery, sleep, sleepForever } from "../mod.ts";

/** Catches what a wait throws. */
async function caught(wait: Promise<unknown>): Promise<unknown> {
  try {
    await wait;
  } catch (error) {
    return error;
  }
  return undefined;
}

Deno.test(
  "a shield keeps outside cancellation out, and can be toggled at any time",
  simulated(async (sim) => {
    const log: string[] = [];
    const outer = new CancelScope();
    const inner = new CancelScope({ shield: true });
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        outer.run(() =>
          inner.run(async () => {
            await sleep(10);
            log.push(`shielded sleep done at ${sim.now}`);
            await caught(sleepForever());
            log.push(`unshielded at ${sim.now}`);
            inner.shield = true;
            await sleep(5);
            log.push(`shielded again until ${sim.now}`);
          })
        )
      );
      await sleep(1);
      outer.cancel();
      await sleep(14);
      inner.shield = false;
    });
    assertEquals(log, ["shielded sleep done at 10", "unshielded at 15", "shielded again until 20"]);
  }),
);

Deno.test(
  "a shielded scope's own cancel and deadline still work",
  simulated(async (sim) => {
    const outcome = await new CancelScope({ shield: true, timeout: 5 }).run(() => sleepForever());
    assert(outcome.cancelledCaught && outcome.cancelled.source === "deadline");
    assertEquals(sim.now, 5);
  }),
);

Deno.test(
  "lowering a shield aborts the waits behind it at once, synchronously",
  simulated(async (sim) => {
    const event = new Event();
    const outer = new CancelScope();
    const inner = new CancelScope({ shield: true });
    await openNursery(async (nursery) => {
      nursery.startSoon(() => outer.run(() => inner.run(() => event.wait())));
      await sim.settled();
      outer.cancel();
      assertEquals(event.statistics().tasksWaiting, 1);
      inner.shield = false;
      assertEquals(event.statistics().tasksWaiting, 0);
    });
    assert(outer.cancelledCaught && !inner.cancelledCaught);
  }),
);

Deno.test(
  "a shield raised after a cancellation was delivered does not take it back, but the next wait is free",
  simulated(async (sim) => {
    const log: string[] = [];
    const inner = new CancelScope();
    const outcome = await moveOnAfter(5, () =>
      inner.run(async () => {
        const wait = caught(sleepForever());
        await sleep(5).catch(() => {});
        inner.shield = true;
        log.push(`first ${(await wait) !== undefined}`);
        await sleep(5);
        log.push(`slept until ${sim.now}`);
      }));
    assertEquals([outcome.cancelledCaught, log], [false, ["first true", "slept until 10"]]);
  }),
);

Deno.test(
  "a shield protects what is opened inside it later: scopes, nurseries and their children",
  simulated(async (sim) => {
    const log: string[] = [];
    const outcome = await moveOnAfter(
      5,
      () =>
        new CancelScope({ shield: true }).run(() =>
          openNursery(async (nursery) => {
            nursery.startSoon(async () => {
              await moveOnAfter(20, () => sleep(10));
              log.push(`child until ${sim.now}`);
            });
            await sleep(7);
            log.push(`body until ${sim.now}`);
          })
        ),
    );
    assertEquals([outcome.cancelledCaught, log], [false, ["body until 7", "child until 10"]]);
  }),
);

Deno.test(
  "a nursery whose scope is shielded protects its body and its children, and can still be cancelled",
  simulated(async (sim) => {
    const log: string[] = [];
    await moveOnAfter(5, () =>
      openNursery(async (nursery) => {
        nursery.cancelScope.shield = true;
        nursery.startSoon(() => sleepForever().finally(() => log.push(`child until ${sim.now}`)));
        await sleep(10);
        log.push(`body until ${sim.now}`);
        nursery.cancel();
      }));
    assertEquals(log, ["body until 10", "child until 10"]);
  }),
);

Deno.test(
  "a shielded scope with a timeout in a finally block cleans up, then the cancellation goes on",
  simulated(async (sim) => {
    const log: string[] = [];
    const outcome = await moveOnAfter(5, async () => {
      try {
        await sleepForever();
      } finally {
        const cleanup = await new CancelScope({ shield: true, timeout: 10 }).run(async () => {
          await sleep(3);
          log.push(`said goodbye at ${sim.now}`);
          await sleepForever();
        });
        log.push(`gave up at ${sim.now}: ${cleanup.cancelledCaught}`);
        log.push(`and is cancelled still: ${(await caught(checkpoint())) !== undefined}`);
      }
    });
    assert(outcome.cancelledCaught);
    assertEquals(log, ["said goodbye at 8", "gave up at 15: true", "and is cancelled still: true"]);
  }),
);

Deno.test(
  "the shield set before entry holds from the first wait on, and reads back at any time",
  simulated(async () => {
    const scope = new CancelScope();
    assert(!scope.shield);
    scope.shield = true;
    const outcome = await moveOnAfter(0, () =>
      scope.run(async () => {
        await checkpoint();
        return scope.shield;
      }));
    assertEquals(outcome.value, { cancelledCaught: false, value: true });
    scope.shield = false;
    assert(!scope.shield);
  }),
);

Deno.test(
  "un-cancelling is possible only by a shield between: moving the deadline of a cancelled scope does nothing",
  simulated(async () => {
    const inner = new CancelScope();
    const outcome = await new CancelScope({ timeout: 1 }).run((outer) =>
      inner.run(async () => {
        await caught(sleepForever());
        outer.deadline = Infinity;
        assert((await caught(checkpoint())) !== undefined);
        inner.shield = true;
        await checkpoint();
        inner.shield = false;
        await checkpoint();
      })
    );
    assert(outcome.cancelledCaught);
  }),
);
