/**
 * Connections over loopback: how many a second are accepted and closed again, and what an idle one weighs; our server
 * against a bare loop over `Deno.listen`, each server in a process of its own.
 */

import { runClient, type Server, startServer } from "./_processes.ts";
import { measure, subjectOptions, turn } from "./_measure.ts";

const { quick } = subjectOptions();
/** How long one round lasts, in milliseconds. */
const ROUND = quick ? 300 : 700;
const AT_A_TIME = 50;
const IDLE = quick ? 500 : 1_000;
/** Connections that are open before memory is measured: V8's space for young objects grows once, by megabytes. */
const WARM = 500;
const BARE = "bare Deno.listen";

const servers = new Map([
  [BARE, await startServer("_echo_server.ts", "bare-accept")],
  ["ours", await startServer("_echo_server.ts", "ours-accept")],
]);

/** Microseconds per connection. */
async function load({ port }: Server): Promise<number> {
  return 1e6 / await runClient<number>("_echo_connect.ts", port, AT_A_TIME, ROUND);
}

/** KiB of a fresh server per connection that has sent one message and waits. */
async function weigh(mode: string): Promise<number> {
  const server = await startServer("_echo_server.ts", mode);
  const buffer = new Uint8Array(64);
  const open = async (): Promise<Deno.Conn> => {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await conn.write(buffer);
    await conn.read(new Uint8Array(64));
    return conn;
  };
  const conns: Deno.Conn[] = [];
  const openTo = async (count: number): Promise<void> => {
    while (conns.length < count) conns.push(...await Promise.all(Array.from({ length: 50 }, open)));
  };
  await openTo(WARM);
  const before = await residentKib(server);
  await openTo(WARM + IDLE);
  const after = await residentKib(server);
  for (const conn of conns) conn.close();
  await server.stop();
  return (after - before) / IDLE;
}

/** Resident memory of a server that has come to rest. */
async function residentKib({ pid }: Server): Promise<number> {
  await turn(200);
  return Number(/VmRSS:\s+(\d+) kB/.exec(await Deno.readTextFile(`/proc/${pid}/status`))![1]);
}

await measure([
  {
    title: `accept and close, ${AT_A_TIME} at a time`,
    unit: "us/connection",
    baseline: BARE,
    candidates: [...servers].map(([name, server]) => ({ name, round: () => load(server) })),
    // A share of 0.9 of the rate is the inverse share of the time.
    limits: [{ of: "ours", against: BARE, atMost: 1 / 0.9 }],
  },
  {
    title: "resident memory of an idle connection",
    unit: "KiB",
    baseline: BARE,
    candidates: [[BARE, "bare"], ["ours", "ours"]].map(([name, mode]) => ({
      name: name!,
      round: () => weigh(mode!),
      slow: true,
    })),
    limits: [{ of: "ours", against: BARE, atMost: 1.15 }],
  },
]);
for (const server of servers.values()) await server.stop();
