/**
 * Watching a run: by a watchdog, a trace recorder, the monitor. On hand-overs over a channel, which is the worst case, on
 * tasks, and on a TCP echo, of which the CPU time of the server counts.
 */

import { openMonitor, TraceRecorder, Watchdog } from "../observe/mod.ts";
import { holdOurs } from "./_live.ts";
import { type Candidate, measure, subjectOptions } from "./_measure.ts";
import { cpuTimeOf, runClient, type Server, startServer } from "./_processes.ts";
import { sending, spawning } from "./_watched.ts";

const { quick } = subjectOptions();
/** How long one round of the echo lasts, in milliseconds. */
const ROUND = quick ? 300 : 700;
const CONNECTIONS = 50;
const BYTES = 64;
const NONE = "not watched";

/** A candidate over which a monitor is open. */
function monitored({ round }: Candidate): Candidate {
  return {
    name: "monitor",
    async round() {
      await using _ = openMonitor();
      return await round();
    },
  };
}

const servers: Server[] = [];

async function echo(name: string, mode: string): Promise<Candidate> {
  const server = await startServer("_echo_server.ts", mode);
  servers.push(server);
  const { port, pid } = server;
  return {
    name,
    async round() {
      const before = await cpuTimeOf(pid);
      const { messages } = await runClient<Record<string, number>>("_echo_load.ts", port, BYTES, CONNECTIONS, ROUND);
      return (await cpuTimeOf(pid) - before) / messages!;
    },
  };
}

const watching = (make: typeof sending): Candidate[] => [
  make(NONE, () => []),
  make("watchdog", () => [new Watchdog({ onFinding: () => {} })]),
  make("trace", () => [new TraceRecorder()]),
  monitored(make(NONE, () => [])),
];

const echoes = [
  await echo(NONE, "ours"),
  await echo("watchdog", "ours-watchdog"),
  await echo("trace", "ours-trace"),
  await echo("monitor", "ours-monitor"),
];

using _live = holdOurs();
await measure([
  {
    title: "100,000 values through a channel of capacity 0",
    unit: "us/value",
    baseline: NONE,
    candidates: watching(sending),
    limits: [{ of: "watchdog", against: NONE, atMost: 4 }, { of: "trace", against: NONE, atMost: 5 }],
  },
  {
    title: "spawn and join 10,000 with a name",
    unit: "us/child",
    baseline: NONE,
    candidates: watching(spawning),
    limits: [{ of: "trace", against: NONE, atMost: 2 }],
  },
  {
    title: `TCP echo of ${BYTES} B, ${CONNECTIONS} connections: CPU time of the server`,
    unit: "us/message",
    baseline: NONE,
    candidates: echoes,
    limits: [
      { of: "watchdog", against: NONE, atMost: 1.4 },
      { of: "trace", against: NONE, atMost: 1.6 },
      { of: "monitor", against: NONE, atMost: 1.2 },
    ],
  },
]);
for (const server of servers) await server.stop();
