// deno-lint-ignore-file
import { openNursery, sleepForever } from "@trefoil/io";

async function serve(): Promise<void> {
  console.log("ready");
  await sleepForever();
}
export async function main(): Promise<void> {
  await openNursery(async (nursery) => {
    await nursery.start(serve); // BAD
    console.log("the server has started");
  });
}
// ---
import type { Nursery, TaskStatus } from "@trefoil/io";

export async function others(nursery: Nursery): Promise<void> {
  await nursery.start(() => serve()); // BAD
  await nursery.start(async () => { // BAD
    await serve();
  }, { name: "x" });
  await nursery.start((_status: TaskStatus) => serve()); // BAD
  await nursery.start(function () { // BAD
    return serve();
  });
}
