/** The traces of simulations that fail: what is written, where, and how the failure says so. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Program } from "./_program.ts";

const root = new URL("../../", import.meta.url);

const TESTS = `
import { checkpoint, moveOnAfter, openNursery, sleep, simulate, simulated } from ${
  JSON.stringify(new URL("mod.ts", root).href)
};
import { openTcpStream, serveTcp } from ${JSON.stringify(new URL("net/mod.ts", root).href)};

Deno.test("fails", simulated(async function retries(sim) {
  const db = sim.net.host("db");
  db.startSoon(() => serveTcp((stream) => stream.sendAll(new Uint8Array(9)), { port: 7 }));
  await using stream = await openTcpStream("db", 7);
  await stream.receiveSome();
  await moveOnAfter(5, () => sleep(10));
  throw new Error("boom </script>");
}));
Deno.test("passes", simulated(() => sleep(1)));
Deno.test("in a loop", async () => {
  for (let seed = 3; seed < 9; seed++) await simulate((sim) => { if (seed === 5) throw new Error("five"); }, { seed });
});
Deno.test("explored", simulated(async () => {
  let count = 0;
  const add = async (steps) => {
    for (let n = 0; n < steps; n++) await checkpoint();
    const seen = count;
    await checkpoint();
    count = seen + 1;
  };
  await openNursery((nursery) => {
    nursery.startSoon(() => add(0), { name: "A" });
    nursery.startSoon(() => add(2), { name: "B" });
  });
  if (count !== 2) throw new Error("lost");
}, { runs: 50 }));
`;

/** Runs the tests in a folder of their own; returns that, and what was printed. */
async function runTests(folder: string, ...args: string[]): Promise<string> {
  const path = `${folder}/pool_test.ts`;
  await Deno.writeTextFile(path, TESTS);
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--no-lock", "--no-config", "--no-check", "--no-prompt", ...args],
    cwd: folder,
    env: { NO_COLOR: "1" },
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

async function inFolder(look: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await look(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("T9: --sim=trace:folder leaves a page and a trace of each simulation that fails, named in its failure", async () => {
  await inFolder(async (folder) => {
    const output = await runTests(folder, "--allow-write", "pool_test.ts", "--", "--sim=trace:left/traces");
    const names = [...Deno.readDirSync(`${folder}/left/traces`)].map(({ name }) => name).sort();
    const stems = ["pool_test-17-seed-0", "pool_test-5-retries-seed-0", "pool_test-15-seed-5"];
    assertStringIncludes(output, "trace: left/traces/pool_test-5-retries-seed-0.html and .json");
    assertEquals(names, stems.flatMap((stem) => [`${stem}.html`, `${stem}.json`]).sort(), output);
    for (const stem of stems) assertStringIncludes(output, `trace: left/traces/${stem}.html and .json`);
    const html = await Deno.readTextFile(`${folder}/left/traces/pool_test-5-retries-seed-0.html`);
    assertStringIncludes(html, "<title>Error: boom &lt;/script&gt; (seed 0)</title>");
    assertStringIncludes(html, 'class="network-diagram"');
    assertStringIncludes(html, "connect 10.0.0.2:7");
    assert(!/<style>/.test(html));
    const { traceEvents } = JSON.parse(await Deno.readTextFile(`${folder}/left/traces/pool_test-17-seed-0.json`));
    const threads = traceEvents.filter(({ name }: { name: string }) => name === "thread_name");
    assertEquals(threads.map(({ args }: { args: { name: string } }) => args.name.replace(/ #\d+/, "")), [
      "main",
      "A",
      "B",
    ]);
    // Nothing was sent.
    assert(!(await Deno.readTextFile(`${folder}/left/traces/pool_test-15-seed-5.html`)).includes("network-diagram"));
  });
});

Deno.test("T9: where it may not be written the failure says so, and no simulation needs a permission otherwise", async () => {
  await inFolder(async (folder) => {
    const output = await runTests(folder, "pool_test.ts", "--", "--sim=trace:traces");
    assertStringIncludes(output, "Error: boom");
    assertStringIncludes(output, 'trace: cannot be written into "traces": NotCapable');
    assertStringIncludes(output, "1 passed | 3 failed");
    const plain = await runTests(folder, "pool_test.ts");
    assertStringIncludes(plain, "1 passed | 3 failed");
    assert(!plain.includes("  trace: "), plain);
  });
});

Deno.test("T9: what is in the way of the folder is told", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/traces`, "a file");
    const output = await runTests(folder, "--allow-write", "pool_test.ts", "--", "--sim=trace:traces");
    assertStringIncludes(output, 'trace: cannot be written into "traces": ');
    assertStringIncludes(output, "Error: boom");
  });
});

Deno.test("T6 (7): a recorder that is full grows no more, and keeps no result of a task that is over", async () => {
  const program = Program.startCollecting(`
    import { Event, openNursery, run, sleep } from ${JSON.stringify(new URL("mod.ts", root).href)};
    import { TraceRecorder } from ${JSON.stringify(new URL("observe/mod.ts", root).href)};

    const trace = new TraceRecorder({ capacity: 1_000 });
    await run(async () => {
      const results = [];
      const work = (count) => openNursery(async (nursery) => {
        for (let n = 0; n < count; n++) {
          const event = new Event();
          const task = nursery.startSoon(async () => (await event.wait(), new Array(100)), { name: "task " + n });
          event.set();
          results[n % 10] = new WeakRef(await task.join());
        }
      });
      const heap = async () => {
        await sleep(5);
        gc();
        await sleep(5);
        gc();
        return Deno.memoryUsage().heapUsed;
      };
      await work(5_000);
      const before = await heap();
      await work(30_000);
      const after = await heap();
      console.log("kept", results.filter((ref) => ref.deref() !== undefined).length);
      console.log("grown", after - before < 500_000 ? "no" : after - before);
      console.log("dropped", trace.dropped > 50_000, JSON.parse(trace.toJson()).traceEvents.length < 10_000);
    }, { instruments: [trace] });
    console.log("end");
  `);
  assertEquals(await program.end(), 0, program.stderr);
  assertEquals(program.stdout, "kept 0\ngrown no\ndropped true true\nend\n");
});
