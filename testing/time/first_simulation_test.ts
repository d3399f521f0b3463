import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { CancelScope, DeadlockError, run, sleep } from "../../core/mod.ts";
import { loaded } from "../driver/loaded.ts";
import { simulate, simulated } from "./simulate.ts";

// Nothing here has loaded the driver but the first simulation itself, as in a program that imports the package alone.

Deno.test("the first simulations load the driver, and are like all others", async () => {
  assertEquals(loaded.simulateTest, null);
  const scope = new CancelScope();
  scope.cancel();
  const begun: string[] = [];
  const body = (name: string) => async () => {
    begun.push(name);
    await sleep(1_000);
    return name;
  };
  const stuck = simulated(() => new Promise(() => {}), { foreignGrace: 1 });
  const [refused, first, second, nested, report] = await Promise.all([
    scope.run(() => simulate(body("cancelled"))),
    simulate(body("first")),
    simulate(body("second")),
    run(() => assertRejects(() => simulate(body("nested")), TypeError, "the caller is in one already")),
    assertRejects(stuck, DeadlockError),
  ]);
  assertEquals([refused.cancelledCaught, first, second, nested.name], [true, "first", "second", "TypeError"]);
  assertEquals(begun, ["first", "second"]);
  assertMatch(report.message, /in the test at first_simulation_test\.ts:\d+:\d+$/);
});
