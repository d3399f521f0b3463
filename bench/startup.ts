/** What importing costs before anything is done, each in a process of its own: all of the library, and parts of it. */

import { type Candidate, measure } from "./_measure.ts";
import { runClient } from "./_processes.ts";

const MODULES: Record<string, readonly string[]> = {
  "nothing": [],
  "node:async_hooks": ["node:async_hooks"],
  "core/mod.ts": ["../core/mod.ts"],
  "net/mod.ts": ["../net/mod.ts"],
  "mod.ts": ["../mod.ts"],
};

function candidates(metric: "cpu" | "memory"): Candidate[] {
  return Object.entries(MODULES).map(([name, modules]) => ({
    name,
    round: async () => (await runClient<Record<typeof metric, number>>("_startup.ts", ...modules))[metric],
  }));
}

await measure([
  { title: "start-up: CPU time", unit: "ms", baseline: "nothing", candidates: candidates("cpu") },
  { title: "start-up: resident memory", unit: "MiB", baseline: "nothing", candidates: candidates("memory") },
]);
