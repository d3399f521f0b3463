/**
 * Echo over loopback: our server against a bare loop over `Deno.listen`, each server and the client in a process of its
 * own. Messages go back and forth on each connection: one is sent when the last one is back.
 */

import { runClient, startServer } from "./_echo_processes.ts";
import { type Case, measure, subjectOptions } from "./_measure.ts";

const { quick } = subjectOptions();
/** How long one round lasts, in milliseconds. */
const ROUND = quick ? 300 : 700;
const BARE = "bare Deno.listen";

const servers = new Map([[BARE, await startServer("bare")], ["ours", await startServer("ours")]]);
const cases: Case[] = [];
for (const [size, name] of [[64, "64 B"], [65_536, "64 KiB"]] as const) {
  for (const connections of [1, 50, 500]) {
    const title = `echo of ${name}, ${connections} ${connections === 1 ? "connection" : "connections"}`;
    /** Of the rounds of the first case, for the second. */
    const latencies = new Map<string, number[]>([[BARE, []], ["ours", []]]);
    const load = async (server: string): Promise<number> => {
      const { port } = servers.get(server)!;
      const { rate, p99 } = await runClient<{ rate: number; p99: number }>("_echo_load.ts", [
        ...[port, size, connections, ROUND],
      ]);
      latencies.get(server)!.push(p99);
      return 1e6 / rate;
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
    });
  }
}
await measure(cases);
for (const server of servers.values()) await server.stop();
