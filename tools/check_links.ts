// deno-lint-ignore-file no-console
/**
 * Checks the links of what people read: a relative one leads to a file that is there, and, in a file that is published,
 * to a file that is published as well, since on JSR there is no other. What is published says `deno publish --dry-run`;
 * only what is for users may be.
 *
 * The documentation of the entry points is read, too. JSR takes its links from the root of a package that has a README,
 * wherever the module is: so they are written.
 *
 * Usage: deno run --allow-read --allow-run tools/check_links.ts
 */

import { deadLinksOf, moduleDocOf, publishedFilesOf } from "./_links.ts";
import { pagesIn } from "./_site_files.ts";

const root = new URL("../", import.meta.url);
/** What users get: sources without tests and fixtures, and what is written for them. */
const FOR_USERS =
  /^(?:mod\.ts|deno\.json|LICENSE|(?:README|CHANGELOG|CONTRIBUTING)\.md|docs\/(?:(?!\.vitepress\/).)*\.(?:md|svg)|examples\/(?:lighthouse\/\d+_|[a-z])\w*(?<!_test)\.ts|(?:core|net|os|observe|testing|lint)\/(?:(?!_fixtures\/|.*_test\.ts).)*\.(?:ts|md))$/;

const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
  args: ["publish", "--dry-run", "--allow-dirty"],
  cwd: root,
  env: { NO_COLOR: "1" },
}).output();
const decoder = new TextDecoder();
const output = `${decoder.decode(stdout)}${decoder.decode(stderr)}`;
if (!success) {
  console.error(output);
  Deno.exit(1);
}
const published = publishedFilesOf(output, root);
const faults = [...published].filter((file) => !FOR_USERS.test(file)).map((file) =>
  `Published, but not for users: ${file}`
);
if (!published.has("mod.ts")) faults.push("Cannot read what would be published: mod.ts is not in it");
const isThere = (path: string) => {
  try {
    Deno.statSync(new URL(path, root));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
};
for (const file of await pagesIn()) {
  const text = await Deno.readTextFile(new URL(file, root));
  faults.push(...deadLinksOf(file, text, published.has(file) ? (path) => published.has(path) : isThere));
}
const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
  exports: Record<string, string>;
};
for (const entry of Object.values(exports)) {
  const text = moduleDocOf(await Deno.readTextFile(new URL(entry, root)));
  for (const fault of deadLinksOf("README.md", text, (path) => published.has(path))) {
    faults.push(fault.replace("README.md", entry.replace("./", "")));
  }
}
for (const fault of faults) console.error(fault);
if (faults.length > 0) {
  console.error(`${faults.length} faults in links, or in what is published`);
  Deno.exit(1);
}
