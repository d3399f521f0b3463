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
    nursery.startSoon(ticks); // BAD
  });
}
// ---
import { failAfter, Lazy, map, openPool, race, serveTcp, tcpServer } from "@trefoil/io";

const more = ticks;
export async function others(): Promise<void> {
  await openNursery(async (nursery) => {
    nursery.startSoon(() => ticks()); // BAD
    nursery.startSoon(async function* () { // BAD
      yield await 1;
    });
    nursery.startSoon(function* named() { // BAD
      yield 1;
    }, { name: "x" });
    await nursery.start(more); // BAD
  });
  await serveTcp(async function* (stream) { // BAD
    yield await stream.sendText("x");
  }, { port: 0 });
  tcpServer(function* () {}, { port: 0 }); // BAD
  await failAfter(5, ticks); // BAD
  await race([ticks, () => sleep(5)]); // BAD
  await map([1], async function* (n) { // BAD
    yield await n;
  });
  new Lazy(ticks); // BAD
  openPool({
    open: async function* () { // BAD
      yield await 1;
    },
  });
}
