import { assertEquals } from "@std/assert";
import { Program } from "./_program.ts";

/**
 * Each begins something that lives on in the context of a block that ends, fifty times, with a megabyte in the block.
 */
const SCRIPT = `
import { CancelScope, failAfter, moveOnAfter, openNursery, run, shielded } from "@trefoil/io";

const timers = [];
const live = () => void timers.push(setInterval(() => {}, 1e8));
const megabyte = () => new Uint8Array(1_000_000);
const CASES = {
  "the function of a task": (data) => openNursery((nursery) => void nursery.startSoon(() => (data[0] = 1, live()))),
  "a named async function": (data) =>
    openNursery((nursery) => void nursery.startSoon(async () => (await null, data[0] = 1, live()), { name: "x" })),
  "the value of a nursery, seen from a child": (data) =>
    openNursery((nursery) => (nursery.startSoon(live), data)),
  "the value of a nursery, seen from its body": (data) => openNursery(() => (live(), data)),
  "the value of a scope": (data) => new CancelScope().run(() => (live(), data)),
  "the value of moveOnAfter()": (data) => moveOnAfter(1_000, () => (live(), data)),
  "the value of failAfter()": (data) => failAfter(1_000, () => (live(), data)),
  "the value of shielded()": (data) => shielded(() => (live(), data)),
  "the value of a run": (data) => run(() => openNursery(() => (live(), data)), { handleSignals: false }),
};
const external = () => (gc(), Deno.memoryUsage().external / 1e6);
for (const [name, live] of Object.entries(CASES)) {
  await live(megabyte());
  const before = external();
  for (let i = 0; i < 50; i++) await live(megabyte());
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
  external();
  const kept = external() - before;
  if (kept > 5) console.log(name, "keeps", Math.round(kept), "MB of 50");
}
timers.forEach((timer) => clearInterval(timer));
console.log("done");
`;

Deno.test("a timer begun in a block does not keep what the block held or returned, once it has ended", async () => {
  const program = Program.startLimited(1_000, SCRIPT);
  const code = await program.end();
  assertEquals([code, program.stdout], [0, "done\n"]);
});
