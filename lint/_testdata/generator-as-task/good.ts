// deno-lint-ignore-file
import { openNursery, sleep } from "@trefoil/io";

async function* ticks(): AsyncGenerator<number> {
  for (let n = 0;; n++) {
    await sleep(1_000);
    yield n;
  }
}
export async function show(): Promise<void> {
  await openNursery((nursery) => {
    nursery.startSoon(async () => {
      for await (const n of ticks()) console.log(n);
    });
  });
}
// ---
import { callback } from "@trefoil/io/os";
import { failAfter, Lazy, merge, serverSentEvents, toChannel } from "@trefoil/io";

async function* events(): AsyncGenerator<string> {
  yield await "x";
}
export async function fine(nursery: { startSoon(fn: unknown): void }): Promise<void> {
  nursery.startSoon(ticks);
  serverSentEvents(events());
  for await (const n of merge([ticks(), ticks()])) console.log(n);
  await toChannel(ticks(), (channel) => channel.receive());
  // An iterator is what these are asked for.
  new Lazy(() => ticks());
  console.log(await failAfter(5, () => ticks()));
  callback(() => 1);
}
