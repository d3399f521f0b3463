// deno-lint-ignore-file no-console
/**
 * The house as a whole: what no single file shows, so that no lint rule can say it.
 *
 * - No circle of imports, of types or values, in published code: each file can be understood after those that it
 *   imports.
 * - A file without underscore, outside the closed rooms, exports what some entry point re-exports, and nothing else.
 * - Each exported name has exactly one home: `.` gives what is friendly of the others, no name is declared twice.
 * - The exported names are those of `tools/api.txt`, so that a change of them shows in review. `--write` makes the list
 *   anew.
 *
 * Usage: deno run --allow-read --allow-run [--allow-write] tools/check_house.ts [--write]
 */

import { CLOSED_ROOMS } from "./lint_plugin.ts";
import { readDoc } from "./promised_names.ts";

const root = new URL("../", import.meta.url);
const LIST = new URL("tools/api.txt", root);
const PUBLISHED: readonly string[] = ["core", "net", "os", "testing"];

/** A statement that imports, or exports from elsewhere, or an import() with a plain path. */
const IMPORT = /^\s*(?:import|export)\b[^;"']*?["'](\.[^"']+)["']|\bimport\(\s*["'](\.[^"']+)["']\s*\)/gm;
/** A declaration that is exported where it stands. */
const EXPORTED =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:class|function\*?|interface|type|const|let|var|enum|namespace) (\w+)/gm;
/** Documentation and comments: the examples in it import, too. */
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

/** The code of a file without its comments. */
const codeOf = async (file: string): Promise<string> =>
  (await Deno.readTextFile(new URL(file, root))).replace(COMMENT, "");

async function filesIn(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
    if (isDirectory) files.push(...await filesIn(`${folder}/${name}`));
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) files.push(`${folder}/${name}`);
  }
  return files;
}

/** Which files each file imports. */
export type Imports = ReadonlyMap<string, readonly string[]>;

/** The circles: groups of files that all reach each other (Tarjan's strongly connected components of more than one). */
export function circlesOf(imports: Imports): string[][] {
  const circles: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    stack.push(file);
    for (const next of imports.get(file) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(file, Math.min(lowest.get(file)!, lowest.get(next)!));
    }
    if (lowest.get(file) !== order.get(file)) return;
    const circle = stack.splice(stack.indexOf(file));
    if (circle.length > 1 || imports.get(file)?.includes(file)) circles.push(circle.sort());
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return circles;
}

/** The names that the statements of a file re-export from others: `export { a, type b as c } from`. */
function reExportsOf(code: string): [file: string, name: string][] {
  return [...code.matchAll(/^export (?:type )?\{([^}]*)\} from "([^"]+)";/gm)].flatMap(([, names = "", from = ""]) =>
    names.split(",").map((name) => name.trim().replace(/^type /, "").replace(/ as .*/, "")).filter((name) =>
      name !== ""
    )
      .map((name): [string, string] => [from, name])
  );
}

async function main(): Promise<string[]> {
  const faults: string[] = [];
  const files = ["mod.ts", ...(await Promise.all(PUBLISHED.map(filesIn))).flat()].sort();
  const code = new Map(await Promise.all(files.map(async (file) => [file, await codeOf(file)] as const)));

  const imports = new Map<string, string[]>();
  for (const [file, text] of code) {
    const found = [...text.matchAll(IMPORT)].map(([, a, b]) =>
      new URL(a ?? b ?? "", new URL(file, root)).href.slice(root.href.length)
    );
    imports.set(file, [...new Set(found)]);
  }
  for (const circle of circlesOf(imports)) faults.push(`A circle of imports: ${circle.join(", ")}`);

  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
    exports: Record<string, string>;
  };
  const entries = Object.values(exports).map((path) => path.replace(/^\.\//, ""));
  const shown = new Set(
    [...entries, "core/internal.ts"].flatMap((entry) =>
      reExportsOf(code.get(entry) ?? "").map(([from, name]) =>
        `${new URL(from, new URL(entry, root)).href.slice(root.href.length)}:${name}`
      )
    ),
  );
  for (const [file, text] of code) {
    const isPrivate = /(?:^|\/)_/.test(file) || CLOSED_ROOMS.some((room) => file.startsWith(room));
    if (isPrivate || entries.includes(file) || file === "core/internal.ts") continue;
    for (const [, name] of text.matchAll(EXPORTED)) {
      if (!shown.has(`${file}:${name}`)) faults.push(`Not private, and no entry point exports it: ${name} in ${file}`);
    }
  }

  const lines: string[] = [];
  const homes = new Map<string, Set<string>>();
  for (const [path, file] of Object.entries(exports)) {
    const names = new Set<string>();
    const doc = await readDoc(file);
    for (const { symbols } of Object.values(doc.nodes)) {
      for (const { name, declarations } of symbols) {
        names.add(name);
        for (const { location } of declarations as readonly { readonly location?: { readonly filename: string } }[]) {
          if (location) homes.set(name, (homes.get(name) ?? new Set()).add(location.filename));
        }
      }
    }
    lines.push(`# ${path}`, ...[...names].sort(), "");
  }
  for (const [name, places] of homes) {
    if (places.size > 1) {
      faults.push(`"${name}" has several homes: ${[...places].join(", ").replaceAll(root.href, "")}`);
    }
  }
  const list = lines.join("\n");
  if (Deno.args.includes("--write")) await Deno.writeTextFile(LIST, list);
  else if (await Deno.readTextFile(LIST).catch(() => "") !== list) {
    faults.push("What is exported is not what tools/api.txt lists: see `deno run -A tools/check_house.ts --write`");
  }
  return faults;
}

if (import.meta.main) {
  const faults = await main();
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) {
    console.error(`${faults.length} faults in the house`);
    Deno.exit(1);
  }
}
