import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  Cancelled,
  CancelScope,
  currentTime,
  failAfter,
  moveOnAfter,
  openNursery,
  sleep,
  sleepForever,
  suppressedErrors,
} from "../../core/mod.ts";
import type { FakeProcess } from "../_fixtures/fake_processes.ts";
import { inTime, until } from "../_fixtures/in_time.ts";
import { ProcessError } from "./process_error.ts";
import { runProcess } from "./run_process.ts";

/** Ignores all but SIGKILL. */
const deaf = (process: FakeProcess) => {
  process.onSignal = (signal) => {
    if (signal === "SIGKILL") process.exit(null, signal);
  };
};

Deno.test("P5: a cancelled process gets SIGTERM, and SIGKILL when the grace is over", async () => {
  await inTime(() => {}, async ({ spawned }) => {
    await moveOnAfter(100, () => runProcess("polite"));
    assertEquals([currentTime(), spawned[0]!.signals], [100, ["SIGTERM"]]);
  });
  await inTime(deaf, async ({ spawned }) => {
    await moveOnAfter(100, () => runProcess("deaf"));
    assertEquals([currentTime(), spawned[0]!.signals], [5_100, ["SIGTERM", "SIGKILL"]]);
  });
  await inTime(deaf, async () => {
    await moveOnAfter(100, () => runProcess("deaf", { grace: 30 }));
    assertEquals(currentTime(), 130);
  });
});

Deno.test("P5: real ones end as well: one that listens, one that does not, one that is stopped", async () => {
  const pids: number[] = [];
  for (
    const [program, grace] of [
      ["echo $$; exec sleep 600", 600_000],
      ["trap '' TERM; echo $$; exec sleep 600", 0],
      ["echo $$; kill -STOP $$", 0],
    ] as const
  ) {
    await new CancelScope().run((scope) =>
      runProcess(["sh", "-c", program], {
        grace,
        stdout(line) {
          pids.push(Number(line));
          scope.cancel();
        },
      })
    );
  }
  for (const pid of pids) assert(!isThere(pid), `${pid} is still there`);
  assertEquals(pids.length, 3);
});

Deno.test("P5: what the process says while it is being ended is read, or it would stop at a full pipe", async () => {
  const lines: string[] = [];
  await new CancelScope().run((scope) =>
    runProcess([
      "sh",
      "-c",
      "trap 'head -c 300000 /dev/zero; echo; echo bye; exit' TERM; echo up; while :; do sleep 0.01; done",
    ], {
      grace: 600_000,
      stdout(line) {
        lines.push(line.replaceAll("\0", ""));
        if (line === "up") scope.cancel();
      },
    })
  );
  assertEquals(lines.filter((line) => line !== ""), ["up", "bye"]);
});

Deno.test("P5: deliverCancel takes the place of SIGTERM, and is cancelled when the process is gone", async () => {
  await inTime(() => {}, async ({ spawned }) => {
    const log: unknown[] = [];
    await moveOnAfter(100, () =>
      runProcess("it", {
        async deliverCancel(process) {
          log.push(process.command, process.kill("SIGUSR2"));
          await sleepForever().catch((error) => log.push(error instanceof Cancelled));
        },
      }));
    assertEquals([currentTime(), log, spawned[0]!.signals], [100, ["it", true, true], ["SIGUSR2"]]);
  });
});

Deno.test("P5: a deliverCancel that throws, returns too early, or takes too long is followed by SIGKILL", async () => {
  const mine = new Error("mine");
  await inTime(deaf, async ({ spawned }) => {
    const error = await assertRejects(() =>
      failAfter(100, () =>
        runProcess("it", {
          deliverCancel() {
            throw mine;
          },
        }))
    );
    assert(error === mine);
    assert(suppressedErrors(mine)[0] instanceof Cancelled);
    assertEquals([currentTime(), spawned[0]!.signals], [100, ["SIGKILL"]]);
    await moveOnAfter(100, () => runProcess("it", { deliverCancel() {} }));
    assertEquals([currentTime(), spawned[1]!.signals], [200, ["SIGKILL"]]);
    await moveOnAfter(100, () => runProcess("it", { grace: 50, deliverCancel: () => sleepForever() }));
    assertEquals([currentTime(), spawned[2]!.signals], [350, ["SIGKILL"]]);
  });
});

Deno.test("P6: a block ends also when the process cannot be ended", async () => {
  await inTime((process) => process.onSignal = () => {}, async ({ spawned }) => {
    const error = await assertRejects(
      () => moveOnAfter(100, () => runProcess("stuck", { grace: 1_000 })),
      ProcessError,
    );
    assertEquals([error.reason, currentTime(), spawned[0]!.unrefs], ["unkillable", 6_100, 1]);
    assertStringIncludes(
      error.message,
      'Cannot end "stuck" as it must be gone 5000 ms after SIGKILL: process 1000 is still there',
    );
  });
});

Deno.test("P7: signals reach a whole group, and nothing of it is left after the exit", async () => {
  let pid = 0;
  // Cancelled: the group gets SIGTERM.
  await new CancelScope().run((scope) =>
    runProcess(["sh", "-c", "sleep 600 & echo $!; wait"], {
      group: true,
      stdout(line) {
        pid = Number(line);
        scope.cancel();
      },
    })
  );
  await until("the sleeper of the group is gone", () => isGone(pid));
  // An exit: what is left gets SIGKILL.
  const { stdout } = await runProcess(["sh", "-c", "trap '' TERM; sleep 600 & echo $!"], {
    group: true,
    stdout: "text",
  });
  await until("what the group has left is gone", () => isGone(Number(stdout)));
});

Deno.test("P13: a process that ends by a signal from outside, just before the run hears of it, is a cancellation", async () => {
  await inTime(() => {}, async ({ spawned }) => {
    const outcome = await new CancelScope().run((scope) =>
      openNursery(async (nursery) => {
        nursery.startSoon(() => runProcess("it"));
        await sleep(10);
        spawned[0]!.exit(null, "SIGINT");
        await Promise.resolve();
        scope.cancel();
      })
    );
    assert(outcome.cancelledCaught);
  });
  const error = await inTime(
    (process) => process.exit(null, "SIGINT"),
    () => assertRejects(() => runProcess("it"), ProcessError),
  );
  assertEquals(error.signal, "SIGINT");
});

Deno.test("onShutdown sends its signal once, when a shutdown begins", async () => {
  await inTime(
    (process) => process.onSignal = (signal) => signal === "SIGUSR1" || process.exit(0),
    async ({ spawned }) => {
      await new CancelScope().run(async (scope) => {
        await openNursery(async (nursery) => {
          nursery.startSoon(() => runProcess("it", { onShutdown: "SIGUSR1" }));
          await sleep(10);
          scope.shutdown({ grace: 1_000 });
          await sleep(10);
          assertEquals(spawned[0]!.signals, ["SIGUSR1"]);
          spawned[0]!.exit(0);
        });
      });
      assertEquals([spawned[0]!.signals, currentTime()], [["SIGUSR1"], 20]);
    },
  );
});

/** Whether there is a process of ours with that number; one that has ended, and was waited for, is none. */
function isThere(pid: number): boolean {
  try {
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether a process of others has ended, also if nobody has waited for it. */
async function isGone(pid: number): Promise<boolean> {
  if (!isThere(pid)) return true;
  const { stdout } = await runProcess(["sh", "-c", `cut -d ' ' -f 3 /proc/${pid}/stat || echo Z`], { stdout: "text" });
  return stdout.trim() === "Z";
}
