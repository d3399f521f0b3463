/**
 * One message to 500 WebSockets: our server against a bare `Deno.upgradeWebSocket()` and `ws`, each in a process of its
 * own. Counted is the CPU time of the server per delivery.
 */

import { cpuTimeOf, runClient, startServer } from "./_processes.ts";
import { measure, subjectOptions } from "./_measure.ts";

const { quick } = subjectOptions();
const CLIENTS = quick ? 100 : 500;
/** How long one round lasts, in milliseconds. */
const ROUND = quick ? 300 : 1_000;
const BARE = "bare";
const OURS = "ours, in turn";
const names = quick ? [BARE, "ours", OURS] : [BARE, "ours", OURS, "ws"];

const servers = new Map<string, Awaited<ReturnType<typeof startServer>>>();
for (const name of names) servers.set(name, await startServer("_broadcast_server.ts", name));

async function load(name: string): Promise<number> {
  const { port, pid } = servers.get(name)!;
  const before = await cpuTimeOf(pid);
  const deliveries = await runClient<number>("_broadcast_load.ts", port, CLIENTS, ROUND);
  return (await cpuTimeOf(pid) - before) / deliveries;
}

await measure([{
  title: `a message to ${CLIENTS} WebSockets`,
  unit: "us/delivery",
  baseline: BARE,
  candidates: names.map((name) => ({ name, round: () => load(name) })),
  limits: [{ of: OURS, against: BARE, atMost: 1.15 }],
}]);
for (const server of servers.values()) await server.stop();
