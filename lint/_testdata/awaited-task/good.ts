// deno-lint-ignore-file
import { openNursery, sleep } from "@trefoil/io";

export async function inTurn(): Promise<void> {
  await openNursery(async (nursery) => {
    const task = nursery.startSoon(() => sleep(1_000));
    await task.join();
    console.log("a second has passed");
  });
}
// ---
import { map, type Nursery, type Task } from "@trefoil/io";

export async function fine(nursery: Nursery, tasks: Task[], other: { startSoon(): Promise<void> }): Promise<void> {
  await nursery.start((status) => status.started());
  await other.startSoon();
  await Promise.all(tasks.map((task) => task.join()));
  const names = await map(tasks, (task) => task.name);
  console.log(names);
  const begin = async () => nursery.startSoon(() => sleep(1));
  const task = await begin();
  await task.join();
}
