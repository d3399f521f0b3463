/** Jobs on hosts that die: what became of each. */

import { openNursery, simulate, type Simulation, sleep } from "@trefoil/io";
import { openNats } from "./_nats.ts";
import { natsd, Store } from "./_natsd.ts";
import type * as Jobs from "./jobs.ts";

/** What came of it. */
export interface JobsOutcome {
  readonly done: readonly string[];
  readonly dead: readonly string[];
  /** How often NATS was told that a job was done, also if it was known. */
  readonly crashes: number;
  readonly lines: readonly string[];
  /** When all was done, in virtual milliseconds. */
  readonly took: number;
}

/** The jobs: every fiftieth always fails, one cannot be read. */
export function jobText(n: number): string {
  return n % 50 === 0 ? `bad ${n}` : `job ${n}`;
}

/** Three workers, of which one loses power now and then, and NATS once. */
export function jobsScenario(jobs: typeof Jobs, seed: number, count = 200): Promise<JobsOutcome> {
  return simulate(async (sim: Simulation) => {
    const store = new Store();
    const nats = sim.net.host("nats");
    nats.startSoon(() => natsd({ store, pingInterval: 1_000 })());
    const lines: string[] = [];
    const hosts = ["w0", "w1", "w2"].map((name) => sim.net.host(name));
    for (const host of hosts) {
      sim.net.link(host.name, "nats", { latency: 3, jitter: 5 });
      const log = (line: string) => void lines.push(`${host.name}: ${line}`);
      host.startSoon(() => jobs.workerProcess({ servers: "nats:4222", concurrency: 8, log }));
    }
    let crashes = 0;
    const isDone = () => (size(store, "DONE") + size(store, "DEAD")) >= count + 1 && size(store, "JOBS") === 0;
    await openNursery(async (nursery) => {
      const client = await openNats(nursery, { servers: "nats:4222" });
      await jobs.openQueue(client);
      for (let n = 1; n <= count; n++) await jobs.addJob(client, { id: `${n}`, text: jobText(n) });
      client.publish("jobs.odd", "this is no job");
      const chaos = nursery.startSoon(async () => {
        for (let n = 0;; n++) {
          await sleep(200 + 600 * sim.random("faults"));
          if (n === 3) {
            nats.crash();
            await sleep(800);
            nats.restart();
          }
          const host = hosts[Math.floor(3 * sim.random("faults"))]!;
          host.crash();
          crashes++;
          await sleep(300 * sim.random("faults"));
          host.restart();
          if (n === 8) return;
        }
      });
      for (let n = 0; n < 600 && !isDone(); n++) await sleep(500);
      chaos.cancel();
    });
    const ids = (stream: string) =>
      [...store.streams.get(stream)!.messages.values()].map(({ subject }) => subject.split(".")[1]!);
    return { done: ids("DONE"), dead: ids("DEAD"), crashes, lines, took: sim.now };
  }, { seed, leaks: "ignore" });
}

function size(store: Store, stream: string): number {
  return store.streams.get(stream)?.messages.size ?? 0;
}
