/**
 * Echo over loopback: our server against a bare loop over `Deno.listen`, each server and the client in a process of its
 * own. Messages go back and forth on each connection: one is sent when the last one is back.
 */

import { type Case, measure, subjectOptions } from "./_measure.ts";

const { quick } = subjectOptions();
/** How long one round lasts, in milliseconds. */
const ROUND = quick ? 300 : 700;

const servers = new Map<string, { child: Deno.ChildProcess; port: number }>();

async function start(name: "bare" | "ours"): Promise<void> {
  const child = deno("_echo_server.ts", [name]).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  servers.set(name, { child, port: Number(new TextDecoder().decode(value)) });
}

/** Microseconds per message, over all connections. */
async function load(name: string, size: number, connections: number): Promise<number> {
  const { port } = servers.get(name)!;
  const { stdout } = await deno("_echo_load.ts", [port, size, connections, ROUND].map(String)).output();
  return 1e6 / Number(new TextDecoder().decode(stdout));
}

function deno(file: string, args: readonly string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--allow-all", new URL(file, import.meta.url).href, ...args],
    stdout: "piped",
    stderr: "inherit",
  });
}

await start("bare");
await start("ours");
const cases: Case[] = [];
for (const [size, name, throughput] of [[64, "64 B", 0.9], [65_536, "64 KiB", 0.95]] as const) {
  for (const connections of [1, 50]) {
    cases.push({
      title: `echo of ${name}, ${connections} ${connections === 1 ? "connection" : "connections"}`,
      unit: "us/message",
      baseline: "bare Deno.listen",
      candidates: [
        { name: "bare Deno.listen", round: () => load("bare", size, connections) },
        { name: "ours", round: () => load("ours", size, connections) },
      ],
      // A share of the throughput is the inverse share of the time.
      limits: [{ of: "ours", against: "bare Deno.listen", atMost: 1 / throughput }],
    });
  }
}
await measure(cases);
for (const { child } of servers.values()) {
  await child.stdout.cancel();
  child.kill("SIGKILL");
  await child.status;
}
