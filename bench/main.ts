// deno-lint-ignore-file no-console
/**
 * Runs the benchmarks, each subject in a process of its own, and prints the table of each as it ends; with `--json` a
 * line.
 *
 * Usage: deno task bench [--quick] [--json] [--only=name,name]
 */

import type { CaseResult } from "./_results.ts";
import { formatResults } from "./_table.ts";

/** One file each. */
const SUBJECTS = [
  "spawn",
  "cancel",
  "life",
  "nesting",
  "sleeps",
  "timeouts",
  "deadlines",
  "failures",
  "lateness",
  "memory",
  "startup",
  "locks",
  "channels",
  "pools",
  "observing",
  "otel",
  "workers",
  "simulated",
  "gossip",
  "cluster",
  "lines",
  "echo",
  "accept",
  "http",
  "fetches",
  "broadcast",
  "proxy",
  "redis",
];
/** These have two processes, which shall not share a processor. */
const UNPINNED = ["observing", "workers", "echo", "lines", "accept", "http", "fetches", "broadcast", "proxy", "redis"];

const only = Deno.args.find((arg) => arg.startsWith("--only="))?.slice("--only=".length).split(",");
const unknown = only?.find((name) => !SUBJECTS.includes(name));
if (unknown !== undefined) {
  console.error(`Cannot run "${unknown}" as it is none of: ${SUBJECTS.join(", ")}`);
  Deno.exit(2);
}

const json = Deno.args.includes("--json");
const pinned = await canPin();
const { deno, v8 } = Deno.version;
const about = { deno, v8, os: Deno.build.target, pinned };
// As each subject ends, so that a run which is broken off has lost nothing.
if (json) console.log(JSON.stringify(about));
else console.log(`Deno ${deno}, V8 ${v8}, ${about.os}${pinned ? ", one processor per subject" : ""}`);
for (const subject of SUBJECTS) {
  if (only !== undefined && !only.includes(subject)) continue;
  console.error(`${subject} ...`);
  const start = performance.now();
  const results = await runSubject(subject);
  const seconds = Math.round((performance.now() - start) / 1_000);
  if (json) console.log(JSON.stringify({ subject, seconds, results }));
  else console.log(`\n${subject}, ${seconds} s\n\n${formatResults(results)}`);
}

async function runSubject(subject: string): Promise<CaseResult[]> {
  const deno = [Deno.execPath(), "run", "--no-lock", "--allow-all", "--v8-flags=--expose-gc"];
  const words = [...deno, new URL(`${subject}.ts`, import.meta.url).href, "--json"];
  if (Deno.args.includes("--quick")) words.push("--quick");
  if (pinned && !UNPINNED.includes(subject)) words.unshift("taskset", "-c", "1");
  const { success, stdout } = await new Deno.Command(words[0] as string, {
    args: words.slice(1),
    stderr: "inherit",
  }).output();
  const text = new TextDecoder().decode(stdout);
  if (success) return JSON.parse(text.trim().split("\n").at(-1) as string);
  console.error(`${subject} failed, and is left out\n${text}`);
  Deno.exitCode = 1;
  return [];
}

/** Whether a process can be kept on one processor. */
async function canPin(): Promise<boolean> {
  try {
    return (await new Deno.Command("taskset", { args: ["-c", "1", "true"], stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}
