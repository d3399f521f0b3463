import { assertEquals, assertStringIncludes } from "@std/assert";
import { Program } from "./_program.ts";

const OBSERVE = new URL("../../observe/mod.ts", import.meta.url).href;

Deno.test("W2: a loop that stands still for ever is told of while it does, with the task", async () => {
  const program = Program.start(`
    import { openNursery, run, sleep } from "@trefoil/io";
    import { Watchdog } from ${JSON.stringify(OBSERVE)};
    await run(() => openNursery(async (nursery) => {
      nursery.startSoon(async () => { await sleep(1); for (;;); }, { name: "endless" });
    }), { instruments: [new Watchdog({ stuck: 300 })] });
  `);
  await program.prints("standing still", "stderr");
  assertStringIncludes(program.stderr, 'task "endless" #2 went on last');
  await program.kill();
});

Deno.test("W2: a program with such a sentry ends with its run, and nothing is told of one that goes on", async () => {
  const program = Program.start(`
    import { run, sleep } from "@trefoil/io";
    import { Watchdog } from ${JSON.stringify(OBSERVE)};
    await run(async () => { for (let n = 0; n < 20; n++) await sleep(20); }, { instruments: [new Watchdog({ stuck: 5_000 })] });
    console.log("over");
  `);
  assertEquals([await program.end(), program.stdout, program.stderr], [0, "over\n", ""]);
});
