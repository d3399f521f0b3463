// deno-lint-ignore-file
import { openNursery, sleep } from "@trefoil/io";

async function work(ms: number): Promise<void> {
  await sleep(ms);
}
export async function both(): Promise<void> {
  await openNursery((nursery) => {
    nursery.startSoon(work(5) as any); // BAD
    nursery.startSoon(sleep(5) as any); // BAD
  });
}
// ---
import * as io from "@trefoil/io";
import { all, failAfter, Lazy, map, race, run, serveTcp, shielded } from "@trefoil/io";

declare const any: any;
export async function others(nursery: io.Nursery): Promise<void> {
  await shielded(work(1) as any, { timeout: 5 }); // BAD
  await run(work(1) as any); // BAD
  await race([work(1) as any, () => sleep(5)]); // BAD
  await all([sleep(1) as any]); // BAD
  await map([1], work(1) as any); // BAD
  await serveTcp(work(1) as any, { port: 0 }); // BAD
  new Lazy(work(1) as any); // BAD
  nursery.startSoon(work(await any) as any); // BAD, no fix
  await nursery.start(io.sleep(5) as any); // BAD
}
