/**
 * Lines out of a socket: `BufferedStream.lines()` against what one would write with Web Streams, and against Node.js'
 * `readline` where Node.js is installed. The sender is a process of its own, and so is every reader, as Node.js must
 * be.
 */

import { type Candidate, type Case, measure, subjectOptions } from "./_measure.ts";
import { printed, runClient, type Server, startServer } from "./_processes.ts";

const { quick } = subjectOptions();
const MEGABYTES = quick ? 25 : 100;
/** Everything must have read the same. */
const characters = new Map<number, number>();

function node(args: readonly string[]): Deno.Command {
  const file = new URL("_lines_node.mjs", import.meta.url).pathname;
  return new Deno.Command("node", { args: [file, ...args], stdout: "piped", stderr: "inherit" });
}

/** What a reader prints. */
interface Reading {
  readonly wall: number;
  readonly CPU: number;
  readonly characters: number;
}

/** Microseconds per line, of wall and of CPU time. */
function judge({ wall, CPU, characters: found }: Reading, port: number): { wall: number; CPU: number } {
  const expected = characters.get(port) ?? found;
  characters.set(port, expected);
  if (found !== expected) throw new Error(`Cannot compare readers as they must read the same: ${found}, ${expected}`);
  return { wall, CPU };
}

async function hasNode(): Promise<boolean> {
  try {
    return (await new Deno.Command("node", { args: ["--version"], stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

const withNode = await hasNode();
const senders: Server[] = [];
const cases: Case[] = [];
for (const [kind, title] of [["ascii", "ASCII"], ["unicode", "with characters beyond Latin-1"]] as const) {
  const sender = await startServer("_lines_peer.ts", String(MEGABYTES), kind);
  senders.push(sender);
  const { port } = sender;

  const ours = (who: string) => async () => judge(await runClient<Reading>("_lines_reader.ts", port, who), port);
  const candidates: Candidate[] = [
    { name: "TextLineStream as in std", round: ours("std") },
    { name: "TransformStream and split", round: ours("split") },
    { name: "ours", round: ours("lines") },
    { name: "ours, a receiveLine() each", round: ours("receiveLine") },
  ];
  if (withNode) {
    for (const how of ["event", "for await"]) {
      candidates.push({
        name: `Node.js readline, ${how}`,
        round: async () => judge(await printed<Reading>(node([String(port), how])), port),
      });
    }
  }
  cases.push({
    title: `${MEGABYTES} MB of short lines, ${title}`,
    unit: "us/line",
    baseline: "TextLineStream as in std",
    candidates: candidates.map((candidate) => ({ ...candidate, slow: true })),
    limits: [
      { of: "ours", against: "TextLineStream as in std", atMost: 0.5 },
      { of: "ours", against: "Node.js readline, event", atMost: 1 },
    ],
  });
}
await measure(cases);
for (const sender of senders) await sender.stop();
