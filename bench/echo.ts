/**
 * Echo over loopback: our server against a bare loop over `Deno.listen`, each server and the client in a process of its
 * own. Messages go back and forth on each connection: one is sent when the last one is back.
 */

import { cpuTimeOf, runClient, startServer } from "./_processes.ts";
import { type Case, measure, subjectOptions } from "./_measure.ts";

const { quick } = subjectOptions();
/** How long one round lasts, in milliseconds. */
const ROUND = quick ? 300 : 700;
const BARE = "bare Deno.listen";

const servers = new Map([[BARE, await startServer("_echo_server.ts", "bare")], [
  "ours",
  await startServer("_echo_server.ts", "ours"),
]]);
const cases: Case[] = [];
for (const [size, name] of [[64, "64 B"], [65_536, "64 KiB"]] as const) {
  for (const connections of [1, 50, 500]) {
    const title = `echo of ${name}, ${connections} ${connections === 1 ? "connection" : "connections"}`;
    /** Of the rounds of the first case, for those after it. */
    const latencies = new Map<string, number[]>([[BARE, []], ["ours", []]]);
    const work = new Map<string, number[]>([[BARE, []], ["ours", []]]);
    const load = async (name: string): Promise<number> => {
      const { port, pid } = servers.get(name)!;
      const before = await cpuTimeOf(pid);
      const args = [port, size, connections, ROUND];
      const { rate, p99, messages } = await runClient<Record<string, number>>("_echo_load.ts", ...args);
      latencies.get(name)!.push(p99!);
      work.get(name)!.push((await cpuTimeOf(pid) - before) / messages!);
      return 1e6 / rate!;
    };
    cases.push({
      title,
      unit: "us/message",
      baseline: BARE,
      candidates: [...servers.keys()].map((name) => ({ name, round: () => load(name) })),
      // A share of 0.95 of the throughput is the inverse share of the time.
      limits: [{ of: "ours", against: BARE, atMost: 1 / 0.95 }],
    }, {
      title: `${title}: 99 in 100 are back within`,
      unit: "us",
      baseline: BARE,
      candidates: [...servers.keys()].map((name) => ({
        name,
        round: () => Promise.resolve(latencies.get(name)!.shift()!),
      })),
      limits: [{ of: "ours", against: BARE, atMost: 1.2 }],
    }, {
      // The steadiest of the three where the processors are shared with others.
      title: `${title}: CPU time of the server`,
      unit: "us/message",
      baseline: BARE,
      candidates: [...servers.keys()].map((name) => ({
        name,
        round: () => Promise.resolve(work.get(name)!.shift()!),
      })),
      limits: connections === 50 ? [{ of: "ours", against: BARE, atMost: 1.05 }] : [],
    });
  }
}
await measure(cases);
for (const server of servers.values()) await server.stop();
