// deno-lint-ignore-file no-console
/** The gate: every check, in the order of how quickly it fails. What `deno task ok` and CI run. */

import { ENTRIES } from "./promised_names.ts";

const root = new URL("../", import.meta.url);
const map = new URL("std_offline/import_map.json", import.meta.url).pathname;

const stages: readonly (readonly [name: string, ...args: string[]])[] = [
  ["format", "fmt", "--check"],
  ["lint", "lint", "--quiet"],
  ["documentation", "doc", "--lint", ...ENTRIES],
  ["documentation, house rules", "run", "--no-lock", "--allow-read", "--allow-run", "tools/check_docs.ts"],
  ["the house", "run", "--no-lock", "--allow-read", "--allow-run", "tools/check_house.ts"],
  ["links, and what is published", "run", "--no-lock", "--allow-read", "--allow-run", "tools/check_links.ts"],
  ["pages", "run", "--no-lock", "--allow-read", "--allow-run", "tools/check_pages.ts", "--all-named"],
  [
    "types",
    "check",
    "--no-lock",
    "--import-map",
    map,
    "core",
    "net",
    "os",
    "observe",
    "testing",
    "lint",
    "examples",
    "tools",
    "bench",
    "mod.ts",
  ],
  ["the site, which the tests look at in a browser", "run", "--no-lock", "--allow-all", "tools/site.ts"],
  ["tests", "run", "--no-lock", "--allow-all", "tools/test.ts", "--no-check", "--shuffle"],
  [
    "tests, with the ambient state in a storage",
    ...["run", "--no-lock", "--allow-all", "tools/test.ts", "--no-check", "--storage"],
    ...["core", "testing", "net", "os", "observe", "tools/laws"],
  ],
  [
    "long tests: nothing is kept, and Node and Bun",
    ...["run", "--no-lock", "--allow-all", "tools/test.ts", "--no-check"],
    ...["tools/laws/keeps_nothing_test.ts", "tools/other_hosts"],
  ],
  ["documentation examples", "run", "--no-lock", "--allow-all", "tools/test.ts", "--doc"],
  ["publish, dry run", "publish", "--dry-run", "--allow-dirty", "--quiet"],
];

for (const [name, ...args] of stages) {
  console.log(`── ${name}`);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
    env: { NO_COLOR: "1" },
  }).spawn().status;
  if (code !== 0) {
    console.error(`The gate failed at: ${name}`);
    Deno.exit(1);
  }
}
console.log("── all is well");
