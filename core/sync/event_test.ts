import { assert, assertEquals } from "@std/assert";
import { simulated } from "../../testing/mod.ts";
import { CancelScope, Event, isCancelled, moveOnAfter, openNursery, sleep, type Task, taskTree } from "../mod.ts";

Deno.test(
  "Event.set() wakes all who wait, in the order in which they began, and stays set",
  simulated(async (sim) => {
    const event = new Event();
    const order: string[] = [];
    await openNursery(async (nursery) => {
      for (const name of ["a", "b", "c"]) {
        nursery.startSoon(async () => {
          await event.wait();
          order.push(name);
        });
      }
      await sim.settled();
      assertEquals([event.isSet, event.statistics()], [false, { tasksWaiting: 3 }]);
      event.set();
      assertEquals([event.isSet, event.statistics(), order], [true, { tasksWaiting: 0 }, []]);
      event.set();
    });
    assertEquals(order, ["a", "b", "c"]);
    await event.wait();
  }),
);

Deno.test(
  "Event.wait() of an event that is set is a checkpoint: others run, and it refuses in a cancelled scope",
  simulated(async () => {
    const event = new Event();
    event.set();
    let others = false;
    await openNursery(async (nursery) => {
      nursery.startSoon(() => void (others = true));
      await event.wait();
      assert(others);
    });
    const outcome = await moveOnAfter(0, () => event.wait());
    assert(outcome.cancelledCaught);
  }),
);

Deno.test(
  "a cancelled Event.wait() leaves no residue, wherever it stood in the queue",
  simulated(async (sim) => {
    for (const which of [0, 1, 2]) {
      const event = new Event();
      const order: number[] = [];
      const scopes = [0, 1, 2].map(() => new CancelScope());
      await openNursery(async (nursery) => {
        scopes.forEach((scope, at) =>
          nursery.startSoon(() => scope.run(() => event.wait().then(() => order.push(at))))
        );
        await sim.settled();
        scopes[which]!.cancel();
        assertEquals(event.statistics().tasksWaiting, 2);
        event.set();
      });
      assertEquals(order, [0, 1, 2].filter((at) => at !== which));
      assertEquals(scopes.map(({ cancelledCaught }) => cancelledCaught), [0, 1, 2].map((at) => at === which));
    }
  }),
);

Deno.test(
  "whichever of set() and cancel() comes first wins, within one turn",
  simulated(async (sim) => {
    for (const first of ["set", "cancel"] as const) {
      const event = new Event();
      const scope = new CancelScope();
      await openNursery(async (nursery) => {
        const waiting: Task<unknown> = nursery.startSoon(() =>
          scope.run(() => event.wait().then(() => "woken", (error) => isCancelled(error) ? "cancelled" : "failed"))
        );
        await sim.settled();
        const acts = { set: () => event.set(), cancel: () => scope.cancel() };
        acts[first]();
        acts[first === "set" ? "cancel" : "set"]();
        const expected = first === "set" ? "woken" : "cancelled";
        assertEquals(await waiting.join(), { cancelledCaught: false, value: expected });
      });
    }
  }),
);

Deno.test(
  "a woken waiter may wait and set again; one that waits after set() does not join the wake",
  simulated(async (sim) => {
    const [first, second] = [new Event({ name: "first" }), new Event({ name: "second" })];
    const log: string[] = [];
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await first.wait();
        log.push("a woken");
        second.set();
        await first.wait();
        log.push("a again");
      });
      nursery.startSoon(async () => {
        await second.wait();
        log.push("b woken");
      });
      nursery.startSoon(async () => {
        await sleep(5);
        first.set();
      });
    });
    assertEquals(log.toSorted(), ["a again", "a woken", "b woken"]);
    assertEquals(sim.now, 5);
  }),
);

Deno.test(
  "an event shows its name in the task tree",
  simulated(async (sim) => {
    await openNursery(async (nursery) => {
      const named = new Event({ name: "door" });
      nursery.startSoon(() => named.wait(), { name: "guest" });
      nursery.startSoon(() => new Event().wait(), { name: "nobody" });
      await sim.settled();
      const lines = taskTree().toString().split("\n");
      assert(lines.some((line) => /guest #2: event "door"/.test(line)), lines.join("\n"));
      assert(lines.some((line) => /nobody #3: event \(/.test(line)), lines.join("\n"));
      nursery.cancel();
    });
  }),
);
