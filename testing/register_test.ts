import "./register.ts";
import { assert, assertEquals } from "@std/assert";
import { simulate } from "./mod.ts";

// What a module does that takes hold of the globals when it is loaded.
const { setTimeout, clearTimeout, Date } = globalThis;
const { now } = performance;

Deno.test("functions taken after the registration follow simulations that begin later", async () => {
  await simulate(async (sim) => {
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    assertEquals([sim.now, now(), new Date().toISOString()], [60_000, 60_000, "2000-01-01T00:01:00.000Z"]);
  });
});

Deno.test("outside simulations they are the host's, before and after one", async () => {
  for (let i = 0; i < 2; i++) {
    assert(new Date().getUTCFullYear() > 2000 && now() > 0);
    await new Promise((resolve) => setTimeout(resolve, 0));
    clearTimeout(setTimeout(() => {}, 60_000));
    await simulate(() => {});
  }
});
