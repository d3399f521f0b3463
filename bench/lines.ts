/**
 * Lines out of a socket: `BufferedStream.lines()` against what one would write with Web Streams, and against Node.js'
 * `readline` where Node.js is installed. The sender is a process of its own, and so is every reader, as Node.js must be.
 */

import { type Candidate, type Case, measure, subjectOptions } from "./_measure.ts";

const { quick } = subjectOptions();
const MEGABYTES = quick ? 25 : 100;
/** Everything must have read the same. */
const characters = new Map<number, number>();

function deno(file: string, args: readonly string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--allow-all", new URL(file, import.meta.url).href, ...args],
    stdout: "piped",
    stderr: "inherit",
  });
}

function node(args: readonly string[]): Deno.Command {
  const file = new URL("_lines_node.mjs", import.meta.url).pathname;
  return new Deno.Command("node", { args: [file, ...args], stdout: "piped", stderr: "inherit" });
}

/** Microseconds per line, of wall and of CPU time. */
async function read(command: Deno.Command, port: number): Promise<{ wall: number; CPU: number }> {
  const { stdout } = await command.output();
  const { wall, CPU, characters: found } = JSON.parse(new TextDecoder().decode(stdout));
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
const senders: Deno.ChildProcess[] = [];
const cases: Case[] = [];
for (const [kind, title] of [["ascii", "ASCII"], ["unicode", "with characters beyond Latin-1"]] as const) {
  const sender = deno("_lines_peer.ts", [String(MEGABYTES), kind]).spawn();
  senders.push(sender);
  const reader = sender.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  const port = Number(new TextDecoder().decode(value));

  const ours = (who: string) => () => read(deno("_lines_reader.ts", [String(port), who]), port);
  const candidates: Candidate[] = [
    { name: "TextLineStream as in std", round: ours("std") },
    { name: "TransformStream and split", round: ours("split") },
    { name: "ours", round: ours("lines") },
    { name: "ours, a receiveLine() each", round: ours("receiveLine") },
  ];
  if (withNode) {
    for (const how of ["event", "for await"]) {
      candidates.push({ name: `Node.js readline, ${how}`, round: () => read(node([String(port), how]), port) });
    }
  }
  cases.push({
    title: `${MEGABYTES} MB of short lines, ${title}`,
    unit: "us/line",
    baseline: "TextLineStream as in std",
    candidates,
    limits: [
      { of: "ours", against: "TextLineStream as in std", atMost: 0.5 },
      { of: "ours", against: "Node.js readline, event", atMost: 1 },
    ],
  });
}
await measure(cases);
for (const sender of senders) {
  await sender.stdout.cancel();
  sender.kill("SIGKILL");
  await sender.status;
}
