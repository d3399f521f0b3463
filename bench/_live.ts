/**
 * What a program in the middle of its work has: a few tasks and scopes that live.
 *
 * Without them the forced collection between rounds takes the last object of a class, then V8's hidden class, then all
 * optimized code that relies on it, and every round would begin with cold code (twice the time at 10,000 tasks).
 */

import { Event, failAfter, openNursery, run, sleep, untilShutdown } from "../core/mod.ts";

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
      nursery.startSoon(() => untilShutdown(() => openNursery((inner) => void inner.startSoon(() => event.wait()))));
    }), { signal: stop.signal, handleSignals: false }).catch(() => {});
  return { [Symbol.dispose]: () => stop.abort() };
}
