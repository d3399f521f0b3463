// deno-lint-ignore-file no-console
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { checkpoint, openNursery, sleep } from "../../core/mod.ts";
import { explore, ExploreError, simulate, simulated, sweepCancel, SweepError } from "../mod.ts";

/** Nobody can write there: what is written is looked at in tools/process_tests/trace_test.ts. */
const DENIED = /trace: cannot be written into "\/dev\/null\/traces": (?:NotCapable|Error): /;

/** What a failure of a simulation carries at its innermost cause. */
function told(error: unknown): string {
  let at = error as Error;
  while (at.cause !== undefined) at = at.cause as Error;
  return at.message;
}

Deno.test("T9: a folder that cannot be written is a note, and the failure of the test stays what it was", async () => {
  const failure = new RangeError("boom");
  const error = await assertRejects(() => simulate(() => Promise.reject(failure), { trace: "/dev/null/traces" }));
  assert(error === failure);
  assertEquals(failure.message, "boom");
  assert(DENIED.test(told(error)), told(error));
  assertStringIncludes(told(error), "seed 0, ended at t=0ms");
});

Deno.test("T9: what cannot carry the note is told on the console", async () => {
  const before = console.warn;
  const lines: string[] = [];
  console.warn = (line: string) => void lines.push(line);
  try {
    await simulate(() => Promise.reject("text"), { trace: "/dev/null/traces" }).catch((thrown) =>
      assertEquals(thrown, "text")
    );
  } finally {
    console.warn = before;
  }
  assertEquals(lines.length, 1);
  assert(lines[0]!.startsWith("thrown string text (seed 0)\n") && DENIED.test(lines[0]!), lines[0]);
});

Deno.test("T9: leaks, explored schedules and sweeps are failures as well, and a success leaves nothing", async () => {
  await simulate(() => sleep(1), { trace: "/dev/null/traces" });
  await simulated(() => sleep(1), { trace: "/dev/null/traces" })();
  const leaking = () => void setTimeout(() => {}, 1_000);
  assert(DENIED.test(told(await assertRejects(() => simulate(leaking, { trace: "/dev/null/traces" })))));
  const racy = async () => {
    let count = 0;
    const add = async (steps: number) => {
      for (let n = 0; n < steps; n++) await checkpoint();
      const seen = count;
      await checkpoint();
      count = seen + 1;
    };
    await openNursery((nursery) => [0, 2].forEach((steps) => nursery.startSoon(() => add(steps))));
    assertEquals(count, 2);
  };
  const explored = await assertRejects(() => explore(racy, { trace: "/dev/null/traces" }), ExploreError);
  assert(DENIED.test(explored.message), explored.message);
  const first = await assertRejects(() =>
    explore(() => Promise.reject(new Error("at once")), { trace: "/dev/null/traces" })
  );
  assert(DENIED.test(told(first)));
  const held = { held: false };
  const swept = await assertRejects(() =>
    sweepCancel(async () => {
      held.held = true;
      await sleep(1);
      held.held = false;
    }, { after: () => assert(!held.held), simulation: { trace: "/dev/null/traces" } }), SweepError);
  assert(DENIED.test(swept.message), swept.message);
});

Deno.test("T9: the folder must be a path", async () => {
  for (const trace of ["", 1, {}, null]) {
    const error = await assertRejects(() => simulate(() => {}, { trace: trace as never }), TypeError);
    assertStringIncludes(error.message, '"trace" must be the path of a folder');
    assertThrows(() => simulated(() => {}, { trace: trace as never }), TypeError, '"trace"');
  }
});
