// deno-lint-ignore-file no-console
/**
 * Checks the pages for readers (`docs/`, README.md, and those of `testing/` and `observe/`):
 *
 * - no fence is passed over by `deno test --doc` in silence, and what does not run says why;
 * - relative links lead to files, and to headings, that are there;
 * - every `name()` in prose, and in the documentation of the entry points, is exported, or a member of what is, or of the
 *   language and the host, or in code beside it;
 * - every page has one title, and a place in the sidebar of the site;
 * - every exported function and class is named on some page. What is missing is listed; `--all-named` makes it a fault.
 *
 * Usage: deno run --allow-read --allow-run tools/check_pages.ts [--all-named]
 */

import { splitFences } from "./_markdown.ts";
import {
  anchorsOfText,
  deadAnchorsOf,
  type PageText,
  tightFencesOf,
  titleFaultsOf,
  unexplainedOf,
  unknownNamesOf,
  unnamedOf,
} from "./_pages.ts";
import { namesOf } from "./_exports.ts";
import { moduleDocOf } from "./_links.ts";
import { filesIn, pagesIn, ROOT } from "./_site_files.ts";
import { sectionsOf, titleOf } from "./_sidebar.ts";
import { ENTRIES, readDoc } from "./promised_names.ts";

const pages: PageText[] = await Promise.all(
  (await pagesIn()).map(async (path) => ({ path, text: await Deno.readTextFile(new URL(path, ROOT)) })),
);
const names = namesOf(await readDoc(...ENTRIES));

const anchors = new Map<string, ReadonlySet<string>>();
const anchorsOf = (path: string): ReadonlySet<string> => {
  const known = anchors.get(path) ??
    anchorsOfText(Deno.readTextFileSync(new URL(path, ROOT)));
  anchors.set(path, known);
  return known;
};
const exists = (path: string): boolean => {
  try {
    Deno.statSync(new URL(path, ROOT));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
};
/** The code of the pages of a folder: chapters speak of each other's functions. */
const folderOf = (path: string) => path.slice(0, path.lastIndexOf("/") + 1);
const code = new Map<string, string>();
for (const { path, text } of pages) {
  const own = splitFences(text).fences.map((fence) => fence.code).join("\n");
  code.set(folderOf(path), `${code.get(folderOf(path)) ?? ""}\n${own}`);
}
for (const path of await filesIn("docs", ".ts")) {
  code.set(folderOf(path), `${code.get(folderOf(path)) ?? ""}\n${await Deno.readTextFile(new URL(path, ROOT))}`);
}

const faults = pages.flatMap((page) => [
  ...titleFaultsOf(page),
  ...tightFencesOf(page),
  ...unexplainedOf(page),
  ...deadAnchorsOf(page, exists, anchorsOf),
  // What was renamed is named by the changelog, what is not exported by what is for contributors.
  ...(/^(?:CHANGELOG|CONTRIBUTING)\.md$/.test(page.path)
    ? []
    : unknownNamesOf(page, names, code.get(folderOf(page.path)) ?? "")),
]);
const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))) as {
  exports: Record<string, string>;
};
for (const entry of Object.values(exports)) {
  const text = moduleDocOf(await Deno.readTextFile(new URL(entry, ROOT)));
  faults.push(...unknownNamesOf({ path: entry.replace("./", ""), text }, names, ""));
}
for (const { path } of sectionsOf(pages.map(({ path, text }) => ({ path, title: titleOf(text) }))).lost) {
  faults.push(`${path} has no place in the sidebar of the site: see tools/_sidebar.ts`);
}
const unnamed = unnamedOf(pages.filter(({ path }) => path !== "CHANGELOG.md"), names);
if (unnamed.length > 0) {
  const text = `${unnamed.length} of ${names.toBeNamed.size} functions and classes are on no page: ${
    unnamed.join(", ")
  }`;
  if (Deno.args.includes("--all-named")) faults.push(text);
  else console.log(text);
}

for (const fault of faults) console.error(fault);
if (faults.length > 0) {
  console.error(`${faults.length} faults in ${pages.length} pages`);
  Deno.exit(1);
}
console.log(`${pages.length} pages are in order`);
