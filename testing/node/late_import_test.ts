import { assertEquals } from "@std/assert";
import { simulate } from "../mod.ts";

// Nothing here has loaded anything of Node before the simulation does.

Deno.test("a module of Node that is loaded in the middle of a simulation is on its network at once", async () => {
  const mark = () =>
    "dispatchProcessExitEvent" in
      (Deno as never as Record<symbol, object>)[(Deno as never as { internal: symbol }).internal]!;
  const before = mark();
  await simulate(() => {});
  assertEquals(mark(), before);
  await simulate(async (sim) => {
    const { connect } = await import("node:net");
    const error = await new Promise((resolve) => connect(81, "localhost").once("error", resolve));
    assertEquals([(error as NodeJS.ErrnoException).code, sim.now], ["ECONNREFUSED", 0]);
  });
  assertEquals(mark(), true);
});
