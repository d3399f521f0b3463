import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import { CancelScope, checkpoint, isCancelled, moveOnAfter, openNursery, shielded, sleep } from "../mod.ts";
import { cancelShieldedCheckpoint, checkpointIfCancelled, currentRun } from "../lowlevel.ts";

Deno.test(
  "checkpoint() lets the others run, in the order in which they came",
  simulated(async () => {
    const log: string[] = [];
    await openNursery((nursery) => {
      for (const name of ["a", "b", "c"]) {
        nursery.startSoon(async () => {
          for (let round = 1; round <= 3; round++) {
            log.push(`${name}${round}`);
            await checkpoint();
          }
        });
      }
    });
    assertEquals(log.join(" "), "a1 b1 c1 a2 b2 c2 a3 b3 c3");
  }),
);

Deno.test(
  "checkpoint() yields first and looks then: a cancellation meanwhile is noticed by the same call",
  simulated(async () => {
    let ended = "returned";
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      const wait = checkpoint();
      scope.cancel();
      await wait.catch((error) => {
        ended = isCancelled(error) ? "cancelled" : String(error);
        throw error;
      });
    });
    assert(outcome.cancelledCaught);
    assertEquals(ended, "cancelled");
  }),
);

Deno.test(
  "checkpoint() notices a deadline that passes while it waits for its turn",
  simulated(async (sim) => {
    const outcome = await moveOnAfter(5, async (scope) => {
      await sleep(4);
      const wait = checkpoint();
      scope.deadline = sim.now;
      await wait;
      return "not noticed";
    });
    assert(outcome.cancelledCaught && outcome.cancelled.source === "deadline");
  }),
);

Deno.test(
  "checkpoint() throws every time in a cancelled scope, and lets the others run all the same",
  simulated(async () => {
    let others = 0;
    let thrown = 0;
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        for (; others < 3; others++) await checkpoint();
      });
      await moveOnAfter(0, async () => {
        for (let i = 0; i < 10; i++) await checkpoint().catch(() => thrown++);
      });
      assertEquals([thrown, others], [10, 3]);
    });
  }),
);

Deno.test(
  "checkpoint() passes under a shield, and throws again after it",
  simulated(async () => {
    const outcome = await moveOnAfter(0, async () => {
      await shielded(() => checkpoint());
      const error = await checkpoint().catch((error) => error);
      assert(isCancelled(error));
      throw error;
    });
    assert(outcome.cancelledCaught);
  }),
);

Deno.test(
  "checkpointIfCancelled() throws in a cancelled scope, and otherwise lets nobody run",
  simulated(async () => {
    const scope = new CancelScope();
    const outcome = await scope.run(async () => {
      await checkpointIfCancelled();
      const run = currentRun();
      checkpointIfCancelled();
      assertEquals(run.statistics().tasksRunning, 1, "nothing is waiting");
      scope.cancel("now");
      await checkpointIfCancelled();
    });
    assert(outcome.cancelledCaught && outcome.cancelled.reason === "now");
  }),
);

Deno.test(
  "checkpointIfCancelled() does not look again: a cancellation after the call is for the next wait",
  simulated(async () => {
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      const wait = checkpointIfCancelled();
      scope.cancel();
      await wait;
      return "passed";
    });
    assertEquals(outcome.value, "passed");
  }),
);

Deno.test(
  "cancelShieldedCheckpoint() yields and never throws, cancelled before or meanwhile",
  simulated(async () => {
    let others = 0;
    await openNursery(async (nursery) => {
      nursery.startSoon(() => void others++);
      const outcome = await moveOnAfter(Infinity, async (scope) => {
        const wait = cancelShieldedCheckpoint();
        scope.cancel();
        await wait;
        await cancelShieldedCheckpoint();
        return others;
      });
      assertEquals(outcome.value, 1);
    });
  }),
);

Deno.test(
  "the checkpoints of a region throw the very Cancelled of its scope",
  simulated(async () => {
    const seen: unknown[] = [];
    const outcome = await moveOnAfter(0, async () => {
      for (const wait of [checkpoint, checkpointIfCancelled]) await wait().catch((error) => seen.push(error));
      await checkpoint();
    });
    assert(outcome.cancelledCaught);
    for (const error of seen) assertStrictEquals(error, outcome.cancelled);
    assertEquals(seen.length, 2);
  }),
);
