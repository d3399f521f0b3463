// deno-lint-ignore-file no-console
/**
 * Builds the site into static files, in `docs/.vitepress/dist/`: the pages of `docs/`, what they link to in the
 * repository, and the API by category. VitePress and TypeDoc run under Deno: no Node is needed. Then every link and
 * every anchor of what was built is followed. Where npm cannot be reached it says so in one line, and ends well.
 *
 * Usage: deno task site [--base=/folder/on/the/server/]
 */

import { type Export, exportsOf } from "./_exports.ts";
import { moduleDocOf } from "./_links.ts";
import { fromFileUrl } from "./_path.ts";
import { sectionsOf, titleOf } from "./_sidebar.ts";
import { apiIndexesOf, apiPageOf, categoriesOf, codePageOf, deadOf, entryPageOf } from "./_site.ts";
import { linkNames, linkThrows, nameOfApiPage, pageOf, sidebarsOf, sitePathOf } from "./_site.ts";
import { PAGES, pagesIn, ROOT, SITE } from "./_site_files.ts";
import { ENTRIES, readDoc } from "./promised_names.ts";

/**
 * Where the packages are named, with a lock file: not in `docs/`, as Deno takes a folder with a `package.json` for a
 * project of its own, so that `deno fmt docs/start.md` would not find the settings of this one.
 */
const HOME = new URL("docs/.vitepress/", ROOT);
const DOCS = new URL("docs/", ROOT);
/** What is copied for TypeDoc. */
const SOURCES: readonly string[] = ["core", "net", "os", "observe", "testing", "lint"];
const base = Deno.args.find((arg) => arg.startsWith("--base="))?.slice("--base=".length) ?? "/";

/** Runs Deno where the packages are. */
async function deno(args: readonly string[]): Promise<{ success: boolean; output: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: HOME,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { success, output: `${decoder.decode(stdout)}${decoder.decode(stderr)}` };
}

const RUN: readonly string[] = ["run", "--allow-all", "--frozen", "--node-modules-dir=auto"];

async function need(what: string, args: readonly string[]): Promise<void> {
  const { success, output } = await deno(args);
  if (success) return;
  console.error(output);
  console.error(`The site cannot be built: ${what} failed`);
  Deno.exit(1);
}

async function write(path: string, text: string): Promise<void> {
  const url = new URL(encodeURI(path), PAGES);
  await Deno.mkdir(new URL("./", url), { recursive: true });
  await Deno.writeTextFile(url, text);
}

async function remove(url: URL): Promise<void> {
  await Deno.remove(url, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

const isFile = (path: string): boolean => {
  try {
    return Deno.statSync(new URL(encodeURI(path), ROOT)).isFile;
  } catch {
    return false;
  }
};

/** Copies sources for TypeDoc, in which errors are links, below a module that exports everything. */
async function copySources(folder: string, all: readonly Export[]): Promise<void> {
  const names = new Set(all.map(({ name }) => name));
  const copy = async (path: string): Promise<void> => {
    if (path.endsWith(".ts")) {
      const text = await Deno.readTextFile(new URL(path, ROOT));
      return await Deno.writeTextFile(`${folder}/${path}`, linkThrows(text, (name) => names.has(name)));
    }
    await Deno.mkdir(`${folder}/${path}`, { recursive: true });
    for await (const { name, isDirectory } of Deno.readDir(new URL(`${path}/`, ROOT))) {
      if (isDirectory || name.endsWith(".ts") && !name.endsWith("_test.ts")) {
        await copy(`${path}/${name}`);
      }
    }
  };
  await Promise.all(["mod.ts", ...SOURCES].map(copy));
  await Deno.writeTextFile(`${folder}/all.ts`, ENTRIES.map((entry) => `export * from "./${entry}";\n`).join(""));
  await Deno.writeTextFile(`${folder}/deno.d.ts`, (await deno(["types"])).output);
  const compilerOptions = {
    ...{ target: "esnext", module: "esnext", moduleResolution: "bundler", allowImportingTsExtensions: true },
    ...{ noEmit: true, strict: true, exactOptionalPropertyTypes: true, lib: ["esnext"], types: [] },
  };
  await Deno.writeTextFile(
    `${folder}/tsconfig.json`,
    JSON.stringify({ compilerOptions, files: ["all.ts", "deno.d.ts"] }),
  );
}

/** Lets TypeDoc make a page of Markdown for everything exported; gives where each is on the site. */
async function makeApi(all: readonly Export[]): Promise<Map<string, string>> {
  const folder = await Deno.makeTempDir({ prefix: "trefoil-api-" });
  try {
    await copySources(folder, all);
    const out = fromFileUrl(new URL("api/", PAGES));
    const options = {
      ...{ tsconfig: `${folder}/tsconfig.json`, entryPoints: [`${folder}/all.ts`], out },
      ...{ plugin: ["typedoc-plugin-markdown"], router: "category", readme: "none", logLevel: "Error" },
      ...{ hidePageHeader: true, hideBreadcrumbs: true, disableSources: true, skipErrorChecking: true },
      ...{ useCodeBlocks: true, expandParameters: true, parametersFormat: "table", excludeExternals: true },
      ...{ interfacePropertiesFormat: "table", typeDeclarationFormat: "table" },
      tableColumnSettings: { hideInherited: true, hideModifiers: true, hideOverrides: true },
    };
    await Deno.writeTextFile(`${folder}/typedoc.json`, JSON.stringify(options));
    await need("TypeDoc", [...RUN, "npm:typedoc@0.28.20", "--options", `${folder}/typedoc.json`]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const pageOfName = new Map<string, string>();
  for await (const { name: category, isDirectory } of Deno.readDir(new URL("api/", PAGES))) {
    if (!isDirectory) continue;
    for await (const { name } of Deno.readDir(new URL(`api/${encodeURI(category)}/`, PAGES))) {
      const text = await Deno.readTextFile(new URL(encodeURI(`api/${category}/${name}`), PAGES));
      pageOfName.set(nameOfApiPage(text), `api/${category}/${name}`);
    }
  }
  await remove(new URL("api/README.md", PAGES));
  return pageOfName;
}

const seconds = (from: number) => `${((performance.now() - from) / 1_000).toFixed(0)} s`;
const start = performance.now();

const installed = await deno(["install", "--frozen", "--node-modules-dir=auto", "--quiet"]);
if (!installed.success) {
  // A package that is not what the lock file says is no matter of the network.
  if (/lockfile|integrity/i.test(installed.output)) {
    console.error(installed.output);
    Deno.exit(1);
  }
  console.log("SKIPPED: the site, as what makes it can be neither found in the cache nor had from npm");
  Deno.exit(0);
}

await remove(PAGES);
await remove(SITE);

const all = exportsOf(await readDoc(...ENTRIES));
const unsorted = all.filter(({ category }) => category === "");
if (unsorted.length > 0) {
  console.error(`In no category: ${unsorted.map(({ name }) => name).join(", ")}`);
  Deno.exit(1);
}
const pageOfName = await makeApi(all);
const missing = all.filter(({ name }) => !pageOfName.has(name));
if (missing.length > 0) {
  console.error(`TypeDoc made no page for: ${missing.map(({ name }) => name).join(", ")}`);
  Deno.exit(1);
}
console.log(`API        ${String(all.length).padStart(5)} pages, ${seconds(start)}`);

const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))) as {
  exports: Record<string, string>;
};
const entryOf = new Map(
  Object.entries(exports).map(([name, path]) => [new URL(path, ROOT).href, `@trefoil/io${name.slice(1)}`]),
);
for (const one of all) {
  const path = pageOfName.get(one.name) ?? "";
  const text = await Deno.readTextFile(new URL(encodeURI(path), PAGES));
  const imports = one.entries.map((entry) => entryOf.get(entry) ?? "").filter((name) => name !== "");
  await write(path, linkNames(path, apiPageOf(text, one, imports), pageOfName));
}
const categories = categoriesOf(all);
for (const [path, text] of apiIndexesOf(all, categories, pageOfName, [...entryOf.values()])) await write(path, text);
for (const [entry, name] of entryOf) {
  // Links of module documentation go from the root, as JSR takes them.
  const path = entryPageOf(name);
  const { text } = pageOf("README.md", moduleDocOf(await Deno.readTextFile(new URL(entry))), isFile, path);
  await write(path, linkNames(path, `# ${name}\n\n${text.replace(/^@example (.*)$/gm, "**$1**\n")}\n`, pageOfName));
}

const sources = await pagesIn();
const titles: { path: string; title: string }[] = [];
const done = new Set<string>();
for (const queue = [...sources]; queue.length > 0;) {
  const path = queue.shift() ?? "";
  if (done.has(path)) continue;
  done.add(path);
  const url = new URL(encodeURI(path), ROOT);
  if (/\.(?:svg|png)$/.test(path)) {
    const to = new URL(encodeURI(sitePathOf(path)), PAGES);
    await Deno.mkdir(new URL("./", to), { recursive: true });
    await Deno.copyFile(url, to);
    continue;
  }
  const text = await Deno.readTextFile(url);
  if (!path.endsWith(".md")) {
    await write(sitePathOf(path), codePageOf(path, text));
    continue;
  }
  if (sources.includes(path)) titles.push({ path, title: titleOf(text) });
  const page = pageOf(path, text, isFile);
  queue.push(...page.linked);
  const isLog = path === "CHANGELOG.md";
  await write(
    sitePathOf(path),
    (isLog ? "---\nsearch: false\noutline: [2, 2]\n---\n\n" : "") +
      linkNames(sitePathOf(path), page.text, pageOfName),
  );
}
const { sections, lost } = sectionsOf(titles);
if (lost.length > 0 || titles.some(({ title }) => title === "")) {
  console.error(`Without a title: ${titles.filter(({ title }) => title === "").map(({ path }) => path).join(", ")}`);
  console.error(`With no place in the sidebar: ${lost.map(({ path }) => path).join(", ")}`);
  Deno.exit(1);
}
await write("sidebar.json", JSON.stringify(sidebarsOf(sections, all, categories, pageOfName, [...entryOf.values()])));
console.log(`pages      ${String(done.size).padStart(5)} files`);

await need("VitePress", [...RUN, "npm:vitepress@1.6.4", "build", fromFileUrl(DOCS), "--base", base]);

const files = new Set<string>();
const html = new Map<string, string>();
let bytes = 0;
const read = async (folder: string): Promise<void> => {
  for await (const { name, isDirectory } of Deno.readDir(new URL(encodeURI(folder), SITE))) {
    if (isDirectory) await read(`${folder}${name}/`);
    else {
      files.add(`${folder}${name}`);
      bytes += (await Deno.stat(new URL(encodeURI(`${folder}${name}`), SITE))).size;
      if (name.endsWith(".html")) {
        html.set(`${folder}${name}`, await Deno.readTextFile(new URL(encodeURI(`${folder}${name}`), SITE)));
      }
    }
  }
};
await read("");
const { links, anchors, faults } = deadOf(html, files, base);
for (const fault of faults.slice(0, 100)) console.error(fault);
console.log(
  `site       ${String(html.size).padStart(5)} pages, ${files.size} files, ${(bytes / 1e6).toFixed(1)} MB, ${
    seconds(start)
  }`,
);
console.log(`links      ${String(links).padStart(5)}, ${anchors} of them to a place in a page; dead: ${faults.length}`);
if (faults.length > 0) Deno.exit(1);
