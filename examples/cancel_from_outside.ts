// deno-lint-ignore-file no-console
/**
 * A task that would run for ever, cancelled from outside after three seconds. It cleans up, and says so.
 *
 * Run it: deno run examples/cancel_from_outside.ts
 */
import { isCancelled, openNursery, run, sleep } from "@trefoil/io";

async function longRunning(print: (line: string) => void): Promise<void> {
  try {
    for (let second = 1;; second++) {
      await sleep(1_000);
      print(`working, second ${second}`);
    }
  } catch (error) {
    // Whatever is caught here must be thrown again, or the next wait throws it anyway.
    if (isCancelled(error)) print(`was cancelled: ${error.reason}`);
    throw error;
  }
}

/** Starts the task and cancels it after three seconds; the nursery itself does not fail. */
export async function cancelFromOutside(print: (line: string) => void = console.log): Promise<void> {
  await openNursery(async (nursery) => {
    const task = nursery.startSoon(() => longRunning(print));
    await sleep(3_000);
    task.cancel("it took too long");
  });
  print("all done");
}

if (import.meta.main) run(cancelFromOutside);
