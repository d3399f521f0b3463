// deno-lint-ignore-file
import { openNursery, sleepForever, type TaskStatus } from "@trefoil/io";

async function serve(status: TaskStatus): Promise<void> {
  console.log("ready");
  status.started();
  await sleepForever();
}
export async function main(): Promise<void> {
  await openNursery(async (nursery) => {
    await nursery.start(serve);
    console.log("the server has started");
  });
}
// ---
import { type Nursery, tcpServer } from "@trefoil/io";

declare const foreign: (status: TaskStatus) => Promise<void>;
export async function fine(nursery: Nursery, machine: { start(fn: () => void): Promise<void> }): Promise<void> {
  await nursery.start(tcpServer(() => {}, { port: 0 }));
  await nursery.start((status) => serve(status));
  await nursery.start(({ started }) => started());
  await nursery.start(foreign);
  await nursery.start((...all) => serve(...all));
  await nursery.start(function () {
    return serve(arguments[0]);
  });
  await machine.start(() => {});
}
