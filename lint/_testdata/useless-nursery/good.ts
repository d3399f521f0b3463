// deno-lint-ignore-file
import { sleep } from "@trefoil/io";

export async function work(): Promise<void> {
  await sleep(1_000);
}
// ---
import { type Nursery, openNursery } from "@trefoil/io";

declare function more(nursery: Nursery): Promise<void>;
export async function fine(): Promise<void> {
  await openNursery((nursery) => {
    nursery.startSoon(() => sleep(1));
    nursery.startSoon(() => sleep(2));
  });
  await openNursery(async (nursery) => {
    nursery.startSoon(() => sleep(1));
    await sleep(5);
  });
  await openNursery((nursery) => {
    nursery.startSoon(() => more(nursery));
  });
  await openNursery((nursery) => {
    for (let i = 0; i < 5; i++) nursery.startSoon(() => sleep(i));
  });
}
