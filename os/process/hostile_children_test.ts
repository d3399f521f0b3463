// deno-lint-ignore-file no-console -- see quietly()
/** M6: programs that do what programs do at their worst, each run by all that runs programs. */

import { assert, assertEquals } from "@std/assert";
import { CancelScope, isCancelled, openNursery, run } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { openProcess } from "./open_process.ts";
import { ProcessError } from "./process_error.ts";
import { runProcess } from "./run_process.ts";

interface Child {
  readonly script: string;
  /** What becomes of it when nobody ends it; `null` if it would go on for ever. */
  readonly ends: null | { readonly code: number; readonly stdout?: string; readonly leftOpen?: readonly string[] };
}

const CHILDREN: Readonly<Record<string, Child>> = {
  "ignores SIGTERM": { script: "trap '' TERM INT HUP; echo up; exec sleep 600", ends: null },
  "stops itself": { script: "echo up; kill -STOP $$; sleep 600", ends: null },
  "floods its output": { script: "echo up; exec yes", ends: null },
  "closes all it has, and goes on": { script: "echo up; exec <&- >&- 2>&-; exec sleep 600", ends: null },
  "forks and exits": {
    script: "echo up; sleep 5 & exit 0",
    ends: { code: 0, stdout: "up\n", leftOpen: ["stdout", "stderr"] },
  },
  "writes what is no UTF-8": { script: "printf 'up\\377\\n'", ends: { code: 0, stdout: "up\ufffd\n" } },
  "writes byte by byte": {
    script: "for c in u p; do printf $c; done; echo",
    ends: { code: 0, stdout: "up\n" },
  },
  "becomes a program that is not there": { script: "echo up; exec /no/such/program 2>/dev/null", ends: { code: 127 } },
  "kills itself": { script: "echo up; kill -KILL $$", ends: { code: 137 } },
  "does not read its input": { script: "exec <&-; echo up", ends: { code: 0, stdout: "up\n" } },
};

/** Without the hint that a descendant holds a pipe. */
async function quietly<T>(body: () => Promise<T>): Promise<T> {
  const { error } = console;
  console.error = () => {};
  try {
    return await body();
  } finally {
    console.error = error;
  }
}

/** Afterwards nothing of it is on the list of the run; only of what has forked there may be something, elsewhere. */
function test(name: string, body: () => Promise<void>): void {
  Deno.test(name, () =>
    run(async () => {
      await body();
      assertEquals(currentRun().statistics().hostOperations, []);
    }, { handleSignals: false }));
}

for (const [name, { script, ends }] of Object.entries(CHILDREN)) {
  test(`M6: a program that ${name} ends with the block that has opened it`, async () => {
    const process = await openProcess(["sh", "-c", script], { stdout: "pipe", stdin: "pipe", grace: 0 });
    {
      await using _ = process;
      await process.stdout!.receiveSome();
    }
    assert(process.status !== null);
  });

  test(`M6: a program that ${name} ends when it is cancelled`, async () => {
    const scope = new CancelScope();
    let error: unknown = null;
    await scope.run(async () => {
      // Nobody can end a write to a pipe that a descendant holds.
      const stdin = name.startsWith("forks") ? "x" : "x".repeat(1_000_000);
      const options = { stdin, grace: 0, drain: 0, check: false } as const;
      try {
        await runProcess(["sh", "-c", script], { ...options, stdout: () => scope.cancel() });
      } catch (thrown) {
        error = thrown;
        throw thrown;
      }
    });
    // Some have ended by themselves before.
    assert(error === null ? ends !== null : isCancelled(error), `${error}`);
  });

  if (ends === null) {
    test(`M6: a program that ${name} is ended when another task fails`, async () => {
      const error = await openNursery((nursery) => {
        nursery.startSoon(() =>
          runProcess(["sh", "-c", script], {
            grace: 0,
            drain: 0,
            stdout: () => {
              throw new RangeError("the reader has failed");
            },
          })
        );
      }).catch((error) => error);
      assert(error.errors[0] instanceof RangeError, `${error}`);
    });
  } else {
    test(`M6: a program that ${name} gives what it has`, async () => {
      const stdin = name.startsWith("forks") ? "x" : "x".repeat(100_000);
      const options = { stdout: "text", stdin, drain: 0, check: false } as const;
      const { code, stdout, leftOpen } = await quietly(() => runProcess(["sh", "-c", script], options));
      assertEquals([code, leftOpen], [ends.code, ends.leftOpen ?? []]);
      if (ends.stdout !== undefined) assertEquals(stdout, ends.stdout);
      if (ends.code === 0) return;
      const error = await runProcess(["sh", "-c", script], { stdout: "text" }).catch((error) => error);
      assert(error instanceof ProcessError && error.code === ends.code, `${error}`);
    });
  }
}
