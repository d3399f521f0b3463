/**
 * What a program in the middle of its work has: a few tasks and scopes that live.
 *
 * Without them the forced collection between rounds takes the last object of a class, then V8's hidden class, then all
 * optimized code that relies on it, and every round would begin with cold code (twice the time at 10,000 tasks).
 */

import {
  CapacityLimiter,
  Event,
  failAfter,
  Lock,
  map,
  openMemoryChannel,
  openNursery,
  run,
  Semaphore,
  sleep,
  untilShutdown,
} from "../core/mod.ts";

/** Longer than any benchmark, in milliseconds. */
const LONG = 1e9;

/** Starts some tasks that wait in all ways that are measured, until the result is disposed of. */
export function holdOurs(): Disposable {
  const stop = new AbortController();
  const event = new Event();
  run(() =>
    openNursery((nursery) => {
      nursery.startSoon(() => event.wait());
      nursery.startSoon(() => failAfter(LONG, () => event.wait()));
      nursery.startSoon(() => sleep(LONG));
      const acquirers = [new Lock(), new Semaphore(1), new CapacityLimiter(1)];
      const [send] = openMemoryChannel<number>(0);
      const [full] = openMemoryChannel<number>(1);
      const [, empty] = openMemoryChannel<number>(1);
      full.trySend(1);
      for (let i = 0; i < 2; i++) {
        for (const one of acquirers) {
          nursery.startSoon(async () => {
            using _guard = await one.acquire();
            await event.wait();
          });
        }
        nursery.startSoon(() => send.send(1));
        nursery.startSoon(() => full.send(1));
        nursery.startSoon(() => empty.receive());
        nursery.startSoon(() => empty[Symbol.asyncIterator]().next());
      }
      nursery.startSoon(() => map([1, 2], () => event.wait()));
      nursery.startSoon(() => untilShutdown(() => openNursery((inner) => void inner.startSoon(() => event.wait()))));
    }), { signal: stop.signal, handleSignals: false }).catch(() => {});
  return { [Symbol.dispose]: () => stop.abort() };
}
