// deno-lint-ignore-file no-console
/**
 * What importing costs before anything is done, each in a process of its own: all of the library, and parts of it, as
 * they are published and as one file (`deno bundle`, which needs esbuild of npm).
 */

import { type Candidate, measure, subjectOptions } from "./_measure.ts";
import { runClient } from "./_processes.ts";

const MODULES: Record<string, readonly string[]> = {
  "nothing": [],
  "node:async_hooks": ["node:async_hooks"],
  "core/mod.ts": ["../core/mod.ts"],
  "net/mod.ts": ["../net/mod.ts"],
  "mod.ts": ["../mod.ts"],
};

const directory = await Deno.makeTempDir({ prefix: "trefoil-bundles-" });
if (!subjectOptions().quick) {
  for (const module of ["core/mod.ts", "mod.ts"]) {
    const output = `${directory}/${module.replaceAll("/", "_")}`;
    const source = new URL(`../${module}`, import.meta.url).href;
    const args = ["bundle", "--no-lock", "--quiet", "--code-splitting", "--outdir", output, source];
    const { success } = await new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "null" }).output();
    if (success) MODULES[`${module}, bundled`] = [`file://${output}/mod.js`];
    else console.error(`Left out ${module} as one file, as it cannot be bundled`);
  }
}

function candidates(metric: "cpu" | "memory"): Candidate[] {
  return Object.entries(MODULES).map(([name, modules]) => ({
    name,
    round: async () => (await runClient<Record<typeof metric, number>>("_startup.ts", ...modules))[metric],
  }));
}

const limits = [{ of: "mod.ts", against: "core/mod.ts", atMost: 1.3 }];
await measure([
  { title: "start-up: CPU time", unit: "ms", baseline: "nothing", candidates: candidates("cpu"), limits },
  { title: "start-up: resident memory", unit: "MiB", baseline: "nothing", candidates: candidates("memory") },
]);
await Deno.remove(directory, { recursive: true });
