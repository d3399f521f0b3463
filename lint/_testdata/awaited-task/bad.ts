// deno-lint-ignore-file
import { openNursery, sleep } from "@trefoil/io";

export async function inTurn(): Promise<void> {
  await openNursery(async (nursery) => {
    await nursery.startSoon(() => sleep(1_000)); // BAD
    console.log("a second has passed");
  });
}
// ---
import type { Nursery, Task } from "@trefoil/io";
import { startSystemTask } from "@trefoil/io/lowlevel";

function begin(nursery: Nursery): Task {
  return nursery.startSoon(() => sleep(1));
}
export async function others(nursery: Nursery, tasks: Task[], maybe?: Task): Promise<void> {
  const task = begin(nursery);
  await task; // BAD
  await maybe; // BAD
  await startSystemTask(() => {}); // BAD
  await Promise.all([begin(nursery), sleep(1)]); // BAD
  await Promise.all(tasks); // BAD
  await Promise.allSettled([1, 2].map((n) => nursery.startSoon(() => sleep(n)))); // BAD
}
