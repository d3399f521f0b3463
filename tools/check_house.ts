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
 * What imports and exports what, Deno itself says (`deno info`, `deno doc`); what is wrong with it, `_house.ts`.
 *
 * Usage: deno run --allow-read --allow-run [--allow-write] tools/check_house.ts [--write]
 */

import { circlesOf, importsOf, listOf, type Module, notShown, severalHomes } from "./_house.ts";
import { CLOSED_ROOMS } from "./lint_plugin.ts";
import { type Doc, readDoc } from "./promised_names.ts";

const root = new URL("../", import.meta.url);
const LIST = new URL("tools/api.txt", root);
const PUBLISHED: readonly string[] = ["core", "net", "os", "observe", "lint", "testing"];
/** What re-exports for other folders, beside the entry points. */
const INTERNAL = "core/internal.ts";

async function filesIn(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
    if (isDirectory) files.push(...await filesIn(`${folder}/${name}`));
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) files.push(`${folder}/${name}`);
  }
  return files;
}

/** All that some files import, as `deno info` says it of a module that imports them. */
async function readModules(files: readonly string[]): Promise<readonly Module[]> {
  const all = files.map((file) => `import ${JSON.stringify(new URL(file, root).href)};`).join("\n");
  const map = new URL("std_offline/import_map.json", import.meta.url).pathname;
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "info",
      "--json",
      "--no-lock",
      "--import-map",
      map,
      `data:application/typescript,${encodeURIComponent(all)}`,
    ],
    cwd: root,
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("Cannot list what is imported as deno info failed");
  return JSON.parse(new TextDecoder().decode(stdout)).modules;
}

const isPrivate = (file: string) => /(?:^|\/)_/.test(file) || CLOSED_ROOMS.some((room) => file.startsWith(room));

async function main(): Promise<string[]> {
  const faults: string[] = [];
  const files = ["mod.ts", ...(await Promise.all(PUBLISHED.map(filesIn))).flat()].sort();

  const imports = importsOf(await readModules(files), root.href);
  for (const file of files) if (!imports.has(file)) faults.push(`Deno does not say what ${file} imports`);
  for (const circle of circlesOf(imports)) faults.push(`A circle of imports: ${circle.join(", ")}`);

  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
    exports: Record<string, string>;
  };
  const entries = Object.values(exports).map((path) => path.replace(/^\.\//, ""));
  const doors = [...new Set([...entries, INTERNAL])];
  const open = files.filter((file) => !isPrivate(file) && !doors.includes(file));
  for (
    const [file, name] of notShown(
      await readDoc(...doors, ...open),
      doors.map((door) => new URL(door, root).href),
    )
  ) {
    faults.push(`Not private, and no entry point exports it: ${name} in ${file.slice(root.href.length)}`);
  }

  const docs = await Promise.all(
    Object.entries(exports).map(async ([path, file]): Promise<[string, Doc]> => [path, await readDoc(file)]),
  );
  for (const [name, places] of severalHomes(docs.map(([, doc]) => doc))) {
    faults.push(`"${name}" has several homes: ${places.join(", ").replaceAll(root.href, "")}`);
  }
  const list = listOf(docs);
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
