/** How many timers the host sees while a hundred thousand deadlines are set, and until the last of them has passed. */

import { hostClear, hostImmediate, hostNow, hostTimeout } from "../core/base/host_time.ts";
import { RealClock } from "../core/kernel/real_clock.ts";
import { moveOnAfter, openNursery, run, sleepForever } from "../core/mod.ts";
import { type Candidate, measure } from "./_measure.ts";

const COUNT = 100_000;

function length(i: number): number {
  return 500 + i * 7 % 1_000;
}

/** The timers of the host, counted. */
class Timers {
  readonly #live = new Set<unknown>();
  #most = 0;
  #calls = 0;

  readonly set = ((fire: () => void, ms?: number): unknown => {
    const timer = hostTimeout(() => {
      this.#live.delete(timer);
      fire();
    }, ms);
    this.#live.add(timer);
    this.#most = Math.max(this.#most, this.#live.size);
    this.#calls++;
    return timer;
  }) as typeof hostTimeout;

  readonly clear: typeof hostClear = (timer) => {
    this.#live.delete(timer);
    hostClear(timer);
  };

  get found(): Record<string, number> {
    return { "at the same time": this.#most, "in all": this.#calls };
  }
}

const candidates: Candidate[] = [
  {
    name: "bare setTimeout",
    round: async () => {
      const timers = new Timers();
      const timeouts: Promise<void>[] = [];
      for (let i = 0; i < COUNT; i++) timeouts.push(new Promise((resolve) => void timers.set(resolve, length(i))));
      await Promise.all(timeouts);
      return timers.found;
    },
  },
  {
    name: "ours",
    round: async () => {
      const timers = new Timers();
      // The library takes its timers at import, from where no replacement reaches them: so on a clock of its own.
      const host = { now: hostNow, setImmediate: hostImmediate, setTimeout: timers.set, clearTimeout: timers.clear };
      await run(() =>
        openNursery((nursery) => {
          for (let i = 0; i < COUNT; i++) nursery.startSoon(() => moveOnAfter(length(i), () => sleepForever()));
        }), { clock: new RealClock(host) });
      return timers.found;
    },
  },
];

await measure([{
  title: "host timers for 100,000 deadlines in 1,000 milliseconds",
  unit: "timers",
  baseline: "bare setTimeout",
  candidates: candidates.map((candidate) => ({ ...candidate, slow: true })),
}]);
