import { assertEquals, assertRejects } from "@std/assert";
import { moveOnAfter, openTempDir, runProcess, simulate, sleep, sleepForever } from "../mod.ts";
import { barOf, countLines, type Display, withBar, withProgress } from "./progress.ts";

/** A display that keeps what is written. */
function display(isTerminal: boolean, width = 80): Display & { readonly written: string[] } {
  const written: string[] = [];
  return { isTerminal, width, written, write: (text) => void written.push(text) };
}

/** Ten steps of a quarter of a second. */
async function tenSteps(progress: { value: number }): Promise<string> {
  for (let n = 0; n < 10; n++) {
    await sleep(250);
    progress.value++;
  }
  return "done";
}

Deno.test("progress.ts: a bar says how much is done, since when, and how long the rest takes", () => {
  assertEquals(barOf(0, 10, 0), "[------------------------]   0%  0/10  0:00");
  assertEquals(barOf(5, 10, 61_000), "[############------------]  50%  5/10  1:01  1:01 left");
  assertEquals(barOf(10, 10, 2_000), "[########################] 100%  10/10  0:02");
  assertEquals(barOf(0, 0, 0), "[########################] 100%  0/0  0:00");
  assertEquals(barOf(12, 10, 0), "[########################] 100%  12/10  0:00");
});

Deno.test("progress.ts: on a terminal the bar is drawn ten times a second, in place, and once at the end", async () => {
  const at = display(true, 30);
  await simulate(async (sim) => {
    assertEquals([await withProgress(10, at, tenSteps), sim.now], ["done", 2_500]);
  });
  assertEquals(at.written.length, 25 + 1 + 1); // the last of the 26 is drawn at the end
  assertEquals(at.written.slice(-2), ["\r\x1b[K[########################] 10", "\n"]);
  assertEquals(at.written.filter((text) => text.length > "\r\x1b[K".length + 29), []);
});

Deno.test("progress.ts: elsewhere a line every five seconds", async () => {
  const at = display(false);
  await simulate(async () => {
    await withProgress(2, at, async (progress) => {
      await sleep(7_000);
      progress.value = 2;
    });
  });
  assertEquals(at.written, [
    "[------------------------]   0%  0/2  0:00\n",
    "[------------------------]   0%  0/2  0:05\n",
    "[########################] 100%  2/2  0:07\n",
  ]);
});

Deno.test("progress.ts: an error of the work, and a cancellation, end the bar, and come out as they are", async () => {
  await simulate(async (sim) => {
    const at = display(true);
    const fail = async () => {
      await sleep(50);
      throw new RangeError("no");
    };
    await assertRejects(() => withProgress(1, at, fail), RangeError, "no");
    const outcome = await moveOnAfter(200, () => withProgress(1, at, () => sleepForever()));
    assertEquals([outcome.cancelledCaught, sim.now], [true, 250]);
    assertEquals(at.written.filter((text) => text === "\n").length, 2);
    const { length } = at.written;
    await sleep(1_000);
    assertEquals(at.written.length, length);
  });
});

Deno.test("progress.ts: a bar of somebody else's is stopped however the work ends, and not waited for for ever", async () => {
  await simulate(async (sim) => {
    let stopped = 0;
    const bar = {
      value: 0,
      async stop() {
        stopped++;
        await sleep(stopped === 3 ? 60_000 : 10);
      },
    };
    assertEquals([await withBar(bar, tenSteps), bar.value, stopped, sim.now], ["done", 10, 1, 2_510]);
    await assertRejects(() => withBar(bar, () => Promise.reject(new RangeError("no"))), RangeError);
    await moveOnAfter(480, () => withBar(bar, () => sleepForever()));
    assertEquals([stopped, sim.now], [3, 4_000]); // 2,510, 10, 480, and a second at most
  });
});

Deno.test("progress.ts: the program counts the lines of files", async () => {
  await using folder = await openTempDir();
  const paths = ["a", "b", "c"].map((name) => `${folder.path}/${name}`);
  for (const [index, path] of paths.entries()) await Deno.writeTextFile(path, "line\n".repeat(index));
  const progress = { value: 0 };
  assertEquals([await countLines(paths, progress), progress.value], [[0, 1, 2], 3]);

  const file = new URL("progress.ts", import.meta.url).pathname;
  const { stdout, stderr } = await runProcess(
    [Deno.execPath(), "run", "--no-lock", "--allow-read", file, ...paths],
    { stdout: "text", stderr: "text" },
  );
  assertEquals(stdout, `0 ${paths[0]}\n1 ${paths[1]}\n2 ${paths[2]}\n`);
  assertEquals(stderr.split("\n").at(-2)?.startsWith("[########################] 100%  3/3"), true);
});

const STD_BAR = "jsr:@std/cli@^1.0.28/unstable-progress-bar";

/** Whether it can be had, from the cache or from JSR. A skipped test must not be silent: if it cannot, a line says so. */
async function hasStdBar(): Promise<boolean> {
  const args = ["cache", "--no-lock", "--quiet", "--no-check", STD_BAR] as const;
  const looked = await moveOnAfter(
    5_000,
    () => runProcess([Deno.execPath(), ...args], { stdout: "null", stderr: "null", check: false }),
  );
  const found = looked.value?.success === true;
  // deno-lint-ignore no-console -- see above
  if (!found) console.error("SKIPPED: the test with the progress bar of @std/cli as JSR cannot be reached");
  return found;
}

Deno.test({
  name: "progress.ts: the bar of @std/cli follows simulated time, and is stopped when the work is cancelled",
  ignore: !await hasStdBar(),
  fn: async () => {
    const { ProgressBar } = await import(STD_BAR);
    await simulate(async (sim) => {
      const written: string[] = [];
      const decoder = new TextDecoder();
      const bar = () =>
        new ProgressBar({
          max: 10,
          writable: new WritableStream({ write: (bytes: Uint8Array) => void written.push(decoder.decode(bytes)) }),
        });
      assertEquals([await withBar(bar(), tenSteps), sim.now], ["done", 2_500]);
      assertEquals(written.length, 5); // at 0, 1,000, 2,000, and twice at the end
      await moveOnAfter(1_500, () => withBar(bar(), () => sleepForever()));
      assertEquals([written.length, written.at(-1)], [9, "\n"]);
    });
  },
});
