/** Where the pages and the site are. */

/** The root of the repository. */
export const ROOT: URL = new URL("../", import.meta.url);
/** What `tools/site.ts` makes, all of it left out of the repository. */
export const PAGES: URL = new URL("docs/.vitepress/pages/", ROOT);
/** The site. */
export const SITE: URL = new URL("docs/.vitepress/dist/", ROOT);

/** What is written for readers outside of `docs/`. */
const OUTSIDE: readonly string[] = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "testing/README.md",
  "testing/REFERENCE.md",
  "observe/README.md",
];

/** All pages for readers, as paths from the root, sorted. */
export async function pagesIn(): Promise<string[]> {
  const outside = await Promise.all(OUTSIDE.map(async (path) => await isFile(path) ? [path] : []));
  return [...outside.flat(), ...await filesIn("docs", ".md")].sort();
}

/** The files of a folder of the repository, and of those in it, but for what tools have left there. */
export async function filesIn(folder: string, ending: string): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(`${folder}/`, ROOT))) {
    const path = `${folder}/${name}`;
    if (isDirectory && !name.startsWith(".") && name !== "node_modules") {
      files.push(...await filesIn(path, ending));
    } else if (!isDirectory && name.endsWith(ending)) files.push(path);
  }
  return files.sort();
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(new URL(path, ROOT))).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
