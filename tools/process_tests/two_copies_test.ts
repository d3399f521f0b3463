import { assert, assertEquals, assertRejects } from "@std/assert";
import { loadCopy } from "../_second_copy.ts";
import * as lowlevel from "../../core/lowlevel.ts";
import * as mod from "../../mod.ts";

const ours = { ...mod, ...lowlevel };

// Two versions of the package in one program happen; here the same one is loaded twice, from two places.

const GLOBALS = ["setTimeout", "clearTimeout", "setInterval", "Date", "fetch"] as const;
const own = GLOBALS.map((key) => globalThis[key]);
const theirs = await loadCopy<typeof ours>(["mod.ts", "core", "net", "os", "testing"], "mod.ts", "core/lowlevel.ts");

const delay = (ms: number) => new Promise<number>((resolve) => setTimeout(() => resolve(performance.now()), ms));

Deno.test("two copies: they are two", () => {
  assert(ours.sleep !== theirs.sleep);
});

for (
  const [first, second, names] of [[ours, theirs, "ours, then theirs"], [theirs, ours, "theirs, then ours"]] as const
) {
  Deno.test(`two copies, ${names}: simulations side by side have their own time, and end in either order`, async () => {
    for (const [long, short] of [[50, 10], [10, 50]] as const) {
      let begun = () => {};
      const ready = new Promise<void>((resolve) => begun = resolve);
      const one = first.simulate(async (sim) => {
        begun();
        for (let i = 1; i <= long; i++) assertEquals([await delay(1_000), sim.now], [i * 1_000, i * 1_000]);
        clearInterval(setInterval(() => {}, 1));
        return Date.now();
      });
      await ready;
      const other = second.simulate(async (sim) => {
        for (let i = 1; i <= short; i++) assertEquals([await delay(7), sim.now], [i * 7, i * 7]);
        return Date.now();
      });
      const start = Date.UTC(2000, 0, 1);
      assertEquals(await Promise.all([one, other]), [start + long * 1_000, start + short * 7]);
      assertEquals(GLOBALS.map((key) => globalThis[key] === own[GLOBALS.indexOf(key)]), GLOBALS.map(() => true));
    }
  });

  Deno.test(`two copies, ${names}: a timer of one simulation is cleared by code of the other`, async () => {
    await first.simulate(async () => {
      const timer = setTimeout(() => assert(false), 10);
      const task = second.simulate(() => clearTimeout(timer));
      await first.hostOperation("the other simulation", task);
      await first.sleep(20);
    });
  });

  Deno.test(`two copies, ${names}: what is thrown in a timer fails the simulation it belongs to`, async () => {
    const good = first.simulate(async () => {
      for (let i = 0; i < 20; i++) await first.sleep(1);
    });
    const bad = second.simulate(async () => {
      setTimeout(() => {
        throw new RangeError("theirs");
      }, 1);
      await second.sleep(10);
    });
    await assertRejects(() => bad, RangeError, "theirs");
    await good;
  });
}

Deno.test("two copies: code of the second, in a simulation of the first, follows its timers", async () => {
  await ours.simulate(async (sim) => {
    assertEquals(await delay(5_000), 5_000);
    // The second copy's own waits belong to its own, real run; its errors are known here all the same.
    const scope = new theirs.CancelScope();
    scope.cancel();
    const error = await scope.run(() => theirs.checkpoint().catch((error) => error));
    assert(!error.cancelledCaught && ours.isCancelled(error.value));
    assertEquals(sim.now, 5_000);
  });
});
