// deno-lint-ignore-file no-console
/**
 * A timeout around a loop that never ends by itself. Nothing in the loop knows of the timeout: every wait of the
 * library is a place where it can be cancelled.
 *
 * Run it: deno run examples/timeout.ts
 */
import { moveOnAfter, run, sleep } from "@trefoil/io";

/** Counts for a while; tells whether it came to an end before the time was up. */
export async function countFor(ms: number): Promise<boolean> {
  let a = 0;
  const outcome = await moveOnAfter(ms, async () => {
    while (true) {
      await sleep(0);
      a += 1;
    }
  });
  return !outcome.cancelledCaught;
}

if (import.meta.main) {
  run(async () => console.log("came to its end:", await countFor(100)));
}
