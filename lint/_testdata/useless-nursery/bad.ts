// deno-lint-ignore-file
import { openNursery, sleep } from "@trefoil/io";

export async function work(): Promise<void> {
  await openNursery((nursery) => { // BAD
    nursery.startSoon(() => sleep(1_000));
  });
}
// ---
export async function more(): Promise<void> {
  await openNursery((nursery) => nursery.startSoon(() => sleep(1))); // BAD
}
