// deno-lint-ignore-file
import { openNursery, sleep } from "@trefoil/io";

async function work(ms: number): Promise<void> {
  await sleep(ms);
}
export async function both(): Promise<void> {
  await openNursery((nursery) => {
    nursery.startSoon(() => work(5));
    nursery.startSoon(() => sleep(5));
  });
}
// ---
import { cancellable, type Nursery, tcpServer, untilShutdown } from "@trefoil/io";
import { hostOperation } from "@trefoil/io/lowlevel";
import { expectErrors } from "@trefoil/io/testing";

function makes(): () => Promise<void> {
  return () => work(1);
}
declare const other: { startSoon(promise: Promise<void>): void };
export async function fine(nursery: Nursery): Promise<void> {
  nursery.startSoon(makes());
  await nursery.start(tcpServer(() => {}, { port: 0 }));
  other.startSoon(work(1));
  // These take promises.
  await cancellable(work(1));
  await hostOperation("x", work(1));
  await expectErrors(work(1), [TypeError]);
  await untilShutdown(() => work(1));
}
