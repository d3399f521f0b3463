// deno-lint-ignore-file no-console
/**
 * The sum of two ranges, each added up by a child of its own.
 *
 * Run it: deno run examples/sum_ranges.ts
 */
import { checkpoint, openNursery, run } from "@trefoil/io";

/** Adds the whole numbers from `from` up to, not including, `to`; others may run in between. */
async function sumRange(from: number, to: number): Promise<number> {
  let sum = 0;
  for (let n = from; n < to; n++) {
    sum += n;
    if (n % 1_000 === 0) await checkpoint();
  }
  return sum;
}

/** Adds up the whole numbers below `end` in two halves. */
export function sumBelow(end: number): Promise<number> {
  const middle = Math.floor(end / 2);
  return openNursery(async (nursery) => {
    const low = nursery.startSoon(() => sumRange(0, middle), { name: "low half" });
    const high = nursery.startSoon(() => sumRange(middle, end), { name: "high half" });
    return await low.join() + await high.join();
  });
}

if (import.meta.main) {
  run(async () => console.log("sum of 0…99999:", await sumBelow(100_000)));
}
