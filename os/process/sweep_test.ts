import { assert, assertEquals } from "@std/assert";
import { openNursery, shielded, sleep, sleepForever } from "../../core/mod.ts";
import { BufferedReceiver } from "../../net/mod.ts";
import { type Simulation, sweepCancel } from "../../testing/mod.ts";
import { childProcess } from "./child_process.ts";
import { openProcess } from "./open_process.ts";
import { runPipeline } from "./run_pipeline.ts";
import { runProcess } from "./run_process.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Programs that take their time, and their time to end. */
function define({ processes }: Simulation): void {
  processes.define("cat", async ({ stdin, stdout }) => {
    try {
      for await (const chunk of stdin) {
        await sleep(1);
        await stdout.sendAll(chunk);
      }
    } finally {
      await shielded(() => sleep(5));
    }
  });
  processes.define("server", async ({ stdout, signals }) => {
    await sleep(10);
    await stdout.sendText("ready\n");
    await signals.receive();
    await sleep(5);
  });
  processes.define("deaf", async ({ signals }) => {
    signals.statistics();
    await sleepForever();
  });
}

/** Nothing that was started may be left, whatever was cancelled. */
function allGone(_state: undefined, { processes }: Simulation): void {
  const count = (pattern: RegExp) => processes.log().filter((line) => pattern.test(line)).length;
  assertEquals(count(/ start /), count(/pid \d+ (?:exits|is ended)/), processes.log().join("\n"));
}

const scenarios: Readonly<Record<string, (sim: Simulation) => unknown>> = {
  runProcess: () => runProcess("cat", { stdin: "a\nb\n", stdout: "text" }),
  "runProcess with one that is deaf": async () => {
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => runProcess("deaf", { grace: 50 }));
      await sleep(10);
      task.cancel();
    });
  },
  openProcess: async () => {
    await using cat = await openProcess("cat", { stdin: "pipe", stdout: "pipe" });
    await cat.stdin!.sendAll(encode("hello\n"));
    assertEquals(await new BufferedReceiver(cat.stdout!).receiveLine(), "hello");
  },
  childProcess: () =>
    openNursery(async (nursery) => {
      await nursery.start(childProcess("server", { stdout: "null", ready: /ready/ }), { daemon: true });
      await sleep(10);
    }),
  runPipeline: () => runPipeline([["cat"], ["cat"]], { stdin: "a\n", stdout: "text" }),
};

for (const [name, scenario] of Object.entries(scenarios)) {
  Deno.test(`P5: wherever ${name} is cancelled, no process is left, and nothing open`, async () => {
    const { points } = await sweepCancel((_state: undefined, sim) => {
      define(sim);
      return scenario(sim);
    }, { after: allGone, maxRuns: 120 });
    assert(points > 3);
  });
}
