/** Leaders on a network that breaks, and on hosts that stand still: who led when. */

import { simulate, type Simulation, sleep } from "@trefoil/io";
import type * as Lease from "./lease.ts";
import { natsd, Store } from "./_natsd.ts";

/** A step of a leader. */
export interface Step {
  readonly at: number;
  readonly who: string;
  readonly term: number;
}

/** What came of it. */
export interface LeaseOutcome {
  readonly steps: readonly Step[];
  /** When the leader was taken away, and when another one began. */
  readonly takeovers: readonly { readonly how: string; readonly ms: number }[];
}

export const TTL = 1_500;

/** Steps of a leader after another one had begun. */
export function overlaps(steps: readonly Step[]): Step[] {
  let highest = 0;
  return steps.filter(({ term }) => {
    highest = Math.max(highest, term);
    return term < highest;
  });
}

/** Three who would lead. The one who does is cut off, stood still, crashed or told to end, again and again. */
export function leaseScenario(lease: typeof Lease, seed: number): Promise<LeaseOutcome> {
  return simulate(async (sim: Simulation) => {
    const nats = sim.net.host("nats");
    const store = new Store();
    nats.startSoon(() => natsd({ store, pingInterval: 1_000 })());
    const steps: Step[] = [];
    const names = ["a", "b", "c"];
    for (const [i, name] of names.entries()) {
      sim.net.link(sim.net.host(name).name, "nats", { latency: 2, jitter: 5 });
      // Clocks that differ, by hours.
      sim.net.host(name).clock({ skew: (i - 1) * 3_600_000 });
      sim.net.host(name).startSoon(() =>
        lease.leaderProcess({ name: "x", ttl: TTL, servers: "nats:4222" }, (term) => {
          steps.push({ at: sim.now, who: name, term });
        })
      );
    }
    const leader = () => steps.at(-1)!.who;
    const takeovers: { how: string; ms: number }[] = [];
    await sleep(2_000);
    for (const how of ["partition", "pause", "crash", "pause", "partition", "crash"]) {
      await sleep(1_000 + 1_000 * sim.random("faults"));
      const old = leader();
      const host = sim.net.host(old);
      const begun = sim.now;
      const cut = how === "partition" ? sim.net.partition(old, "nats") : undefined;
      if (how === "pause") host.pause();
      if (how === "crash") host.crash();
      while (leader() === old && sim.now - begun < 10_000) await sleep(10);
      takeovers.push({ how, ms: sim.now - begun });
      await sleep(2_000 * sim.random("faults"));
      cut?.[Symbol.dispose]();
      if (how === "pause") host.resume();
      if (how === "crash") host.restart();
    }
    await sleep(3_000);
    return { steps, takeovers };
  }, { seed, leaks: "ignore" });
}
