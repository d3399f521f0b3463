// deno-lint-ignore-file no-console
/** Checks the documentation of everything exported against the house rules: see `_doc_rules.ts`. */

import { ENTRIES } from "./promised_names.ts";
import { checkSymbol, type DocSymbol } from "./_doc_rules.ts";

const root = new URL("../", import.meta.url);
const { stdout, code } = await new Deno.Command(Deno.execPath(), {
  args: ["doc", "--json", ...ENTRIES],
  cwd: root,
  stderr: "inherit",
}).output();
if (code !== 0) Deno.exit(code);

const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as { nodes: Record<string, { symbols: DocSymbol[] }> };
const faults = new Set(Object.values(nodes).flatMap(({ symbols }) => symbols.flatMap(checkSymbol)));
for (const fault of faults) console.error(fault.replace(root.href, ""));
if (faults.size > 0) {
  console.error(`${faults.size} faults in the documentation`);
  Deno.exit(1);
}
