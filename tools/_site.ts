/** What becomes of the files of the repository on the site: pure, so that it can be tested. */

import type { Export } from "./_exports.ts";
import { pathOf } from "./_links.ts";
import { blank, inlineCodeOf, replaceLinks, splitFences } from "./_markdown.ts";
import type { Section } from "./_sidebar.ts";

/**
 * Where a file of the repository is on the site: pages of `docs/` at its root, what they link to outside of it in
 * `repository/`, code as a page.
 */
export function sitePathOf(path: string): string {
  const own = path.startsWith("docs/") ? path.slice("docs/".length) : `repository/${path}`;
  return /\.(?:md|svg|png)$/.test(own) ? own : `${own}.md`;
}

/** The path from a page of the site to another. */
export function relativePath(from: string, to: string): string {
  const a = from.split("/").slice(0, -1);
  const b = to.split("/");
  let same = 0;
  while (same < a.length && same < b.length - 1 && a[same] === b[same]) same++;
  const path = [...a.slice(same).map(() => ".."), ...b.slice(same)].join("/");
  return path.startsWith("..") ? path : `./${path}`;
}

/** A page with links to where things are on the site, and what it links to; what is no file is no link there. */
export function pageOf(
  path: string,
  text: string,
  isFile: (path: string) => boolean,
  here: string = sitePathOf(path),
): { readonly text: string; readonly linked: readonly string[] } {
  const linked: string[] = [];
  const own = replaceLinks(text, (target) => {
    const file = pathOf(target, path);
    if (file === null) return target;
    if (!isFile(file)) return null;
    linked.push(file);
    return relativePath(here, sitePathOf(file)) +
      (/#.*$/.exec(target)?.[0] ?? "");
  });
  return { text: own, linked };
}

/** A page that shows a file of code. */
export function codePageOf(path: string, code: string): string {
  const marks = "`".repeat(Math.max(3, ...(code.match(/`{3,}/g) ?? []).map(({ length }) => length + 1)));
  const language = path.slice(path.lastIndexOf(".") + 1);
  return `---\nsearch: false\noutline: false\n---\n\n# ${path}\n\n${marks}${language}\n${code.trimEnd()}\n${marks}\n`;
}

/**
 * Links names in prose to their pages of the API: the first time that a page says them. `pageOfName` gives the path on
 * the site.
 */
export function linkNames(path: string, text: string, pageOfName: ReadonlyMap<string, string>): string {
  const { prose: all, fences } = splitFences(text);
  // What a page makes itself is not ours, whatever it is called.
  const seen = new Set(
    fences.flatMap(({ code }) =>
      [...code.matchAll(/\b(?:function\*?|class|const|let)\s+(\w+)/g)].map(([, name = ""]) => name)
    ),
  );
  // Neither in headings nor in links.
  const prose = all.replace(/^#.*$|!?\[[^\]]*\]\([^)]*\)/gm, blank);
  let result = "";
  let done = 0;
  for (const { code, index, all: marked } of inlineCodeOf(prose)) {
    const [, name = "", call] = /^([A-Za-z]\w*)(\(\))?$/.exec(code) ?? [];
    const page = pageOfName.get(name);
    // `map` may be that of an array, `map()` too, but far less often.
    if (page === undefined || page === path || seen.has(name) || call === undefined && /^[a-z]/.test(name)) continue;
    if (AMBIGUOUS.has(name)) continue;
    seen.add(name);
    result += `${text.slice(done, index)}[${marked}](${relativePath(path, page)})`;
    done = index + marked.length;
  }
  return result + text.slice(done);
}

/** What also the language and the host have, so that a name alone does not say whose it is. */
const AMBIGUOUS: ReadonlySet<string> = new Set([
  "fetch",
  "map",
  "forEach",
  "all",
  "any",
  "race",
  "allSettled",
  "Event",
]);

/** `@throws {TypeError} If …`, of which TypeDoc drops the class: a link to it, where it is ours, and code where not. */
export function linkThrows(source: string, isOurs: (name: string) => boolean): string {
  return source.replace(
    /(@throws) \{([\w.]+)\}/g,
    (_, tag: string, name: string) => isOurs(name) ? `${tag} {@linkcode ${name}}:` : `${tag} \`${name}\`:`,
  );
}

/** The page of something exported, as TypeDoc makes it, for readers: what it is, where it comes from, its errors in one list. */
export function apiPageOf(text: string, { name, kind, category }: Export, imports: readonly string[]): string {
  const [, ...rest] = text.split("\n");
  const from = imports.map((entry) => `\`${entry}\``).join(" or ");
  const title = kind === "function" ? `${name}()` : name;
  const what = `${KINDS[kind] ?? kind} in [${category}](./index.md), from ${from}.`;
  const body = wrapSignatures(plainDefaults(withoutBareTypes(joinThrows(rest.join("\n").trim()))));
  return `# ${title}\n\n${what}\n\n${body}\n`;
}

/** Whose page TypeDoc made, by its first line; two names that differ in case alone are not in files that do. */
export function nameOfApiPage(text: string): string {
  return /^# (?:[A-Z][a-z]+ ?)+: (\w+)/.exec(text)?.[1] ?? "";
}

const KINDS: Readonly<Record<string, string>> = {
  function: "Function",
  class: "Class",
  interface: "Interface",
  typeAlias: "Type",
  variable: "Value",
};

/** Sections "Throws" that follow each other become one with a list. */
export function joinThrows(text: string): string {
  const parts = text.split(/^(?=#{1,6} )/m);
  const result: string[] = [];
  let open = null as { readonly heading: string; readonly items: string[]; rest: string } | null;
  const flush = () => {
    if (open !== null) {
      result.push(`${open.heading}\n\n${open.items.join("\n")}\n\n${open.rest}`);
    }
  };
  for (const part of parts) {
    const [, heading, body = ""] = /^(#{2,6} Throws)\n([^]*)$/.exec(part) ?? [];
    if (heading === undefined) {
      flush();
      open = null;
      result.push(part);
      continue;
    }
    // What separates members stands at the end of the last one.
    const [, words = "", rest = ""] = /^([^]*?)(\*\*\*\s*)?$/.exec(body) ?? [];
    const item = `- ${words.trim().replaceAll("\n", "\n  ")}`;
    if (open?.heading !== heading) {
      flush();
      open = { heading, items: [], rest: "" };
    }
    open.items.push(item);
    open.rest = rest;
  }
  flush();
  return result.join("");
}

/** What fits beside the sidebars. */
const WIDTH = 72;

/** Signatures that are too long for the page get a line for each parameter. */
export function wrapSignatures(text: string): string {
  return text.replace(/^```ts\n(.*)\n```$/gm, (all, line: string) => {
    if (line.length <= WIDTH) return all;
    const open = line.indexOf("(");
    const parts: string[] = [];
    let depth = 0;
    let start = open + 1;
    for (let at = open; at < line.length && open !== -1; at++) {
      const mark = line[at] ?? "";
      // The arrow of a function type closes nothing.
      if ("([{<".includes(mark)) depth++;
      else if (")]}>".includes(mark) && line[at - 1] !== "=") depth--;
      if (depth === 1 && mark === "," || depth === 0) {
        parts.push(line.slice(start, at).trim());
        start = at + 1;
      }
      if (depth === 0) break;
    }
    if (depth !== 0 || parts.join("") === "") return all;
    return `\`\`\`ts\n${line.slice(0, open + 1)}\n${parts.map((part) => `  ${part},\n`).join("")})${
      line.slice(start)
    }\n\`\`\``;
  });
}

/** `@default {250}` has its braces for JSDoc, not for readers. */
export function plainDefaults(text: string): string {
  return text.replace(/\*\*Default\*\* `\{(.*?)\}`(?= \||$)/gm, "Default: `$1`.")
    .replace(/^#{2,6} Default Value\n\n```ts\n\{(.*)\}\n```$/gm, "Default: `$1`.");
}

/** Tables of type parameters that say nothing but their names. */
export function withoutBareTypes(text: string): string {
  return text.replace(/^#{2,6} Type Parameters\n\n\| Type Parameter \|\n\| -+ \|\n(?:\|[^|\n]*\|\n)+\n?/gm, "");
}

/** The categories, in the order of the tasks of a reader; those that are not here come last. */
const CATEGORIES: readonly string[] = [
  ...["Tasks", "Scopes and timeouts", "Time", "Errors", "Combinators", "Synchronisation", "Channels", "Interop"],
  ...["Streams", "Framing", "Connecting", "Listening", "Servers", "HTTP", "WebSockets", "UDP", "Addresses"],
  ...["Processes", "Workers", "Signals", "Files", "Terminal", "Observing"],
  ...["Simulation", "Virtual network", "Memory streams", "Assertions", "Conformance", "Low level", "Seams"],
];

/** The categories that there are, in their order. */
export function categoriesOf(all: readonly Export[]): string[] {
  const place = (category: string) =>
    (CATEGORIES.indexOf(category) + CATEGORIES.length + 1) %
    (CATEGORIES.length + 1);
  return [...new Set(all.map(({ category }) => category))].sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
}

/** Where the documentation of an entry point is on the site, by what is imported: `@trefoil/io/core`. */
export function entryPageOf(name: string): string {
  return `api/${name.replace(/^.*?\//, "").replaceAll("/", "-")}.md`;
}

/** The pages of the API that list others: of all, by category, and of each category. */
export function apiIndexesOf(
  all: readonly Export[],
  categories: readonly string[],
  pageOfName: ReadonlyMap<string, string>,
  entries: readonly string[],
): Map<string, string> {
  const pages = new Map<string, string>();
  const parts: string[] = [
    "# API\n\n_Everything that is exported, by what it is for._\n",
    `By import: ${
      entries.map((name) => `[\`${name}\`](${relativePath("api/index.md", entryPageOf(name))})`).join(", ")
    }.\n`,
  ];
  for (const category of categories) {
    const own = byKind(all.filter((one) => one.category === category));
    if (own.length === 0) continue;
    const [folder = ""] = /^.*\//.exec(pageOfName.get(own[0]?.name ?? "") ?? "") ?? [];
    const table = (from: string) => {
      const rows = own.map(({ name, kind, sentence }) => {
        const link = relativePath(from, pageOfName.get(name) ?? "");
        return `| [\`${name}${kind === "function" ? "()" : ""}\`](${link}) | ${sentence.replaceAll("|", "\\|")} |`;
      });
      return `| name | what it is |\n| --- | --- |\n${rows.join("\n")}\n`;
    };
    pages.set(`${folder}index.md`, `# ${category}\n\n${table(`${folder}index.md`)}`);
    const links = own.filter(({ kind }) => kind === "function" || kind === "class").map(({ name, kind }) =>
      `[\`${name}${kind === "function" ? "()" : ""}\`](${relativePath("api/index.md", pageOfName.get(name) ?? "")})`
    );
    parts.push(`## [${category}](${relativePath("api/index.md", `${folder}index.md`)})\n\n${links.join(", ")}\n`);
  }
  pages.set("api/index.md", parts.join("\n"));
  return pages;
}

/** Functions first, then classes, then types. */
function byKind(exports: readonly Export[]): Export[] {
  const order = ["function", "class", "variable", "interface", "typeAlias"];
  return [...exports].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

/** An entry of a sidebar, as VitePress wants it. */
export interface SidebarItem {
  readonly text: string;
  readonly link?: string;
  readonly collapsed?: boolean;
  readonly items?: readonly SidebarItem[];
}

/**
 * The sidebars, by the path that they are for: one for the pages, and one for each category of the API, as a single one
 * with all names on every page made the site four times as large.
 */
export function sidebarsOf(
  sections: readonly Section[],
  all: readonly Export[],
  categories: readonly string[],
  pageOfName: ReadonlyMap<string, string>,
  entries: readonly string[],
): Record<string, readonly SidebarItem[]> {
  const linkOf = (path: string) => `/${path.replace(/(?:^|(?<=\/))index\.md$/, "").replace(/\.md$/, "")}`;
  const sidebars: Record<string, readonly SidebarItem[]> = {
    "/": sections.map(({ text, pages }, index) => ({
      text,
      collapsed: index > 2,
      items: pages.map(({ path, title }) => ({ text: title, link: linkOf(sitePathOf(path)) })),
    })),
  };
  const found = categories.flatMap((category) => {
    const own = byKind(all.filter((one) => one.category === category));
    const [folder] = /^.*\//.exec(pageOfName.get(own[0]?.name ?? "") ?? "") ??
      [];
    return folder === undefined ? [] : [{ category, own, folder }];
  });
  const list = found.map(({ category, folder }) => ({ text: category, link: `/${folder}` }));
  const imports = entries.map((name) => ({ text: name, link: linkOf(entryPageOf(name)) }));
  sidebars["/api/"] = [{ text: "API", items: list }, { text: "By import", items: imports }];
  for (const { category, own, folder } of found) {
    const items = own.map(({ name, kind }) => ({
      text: kind === "function" ? `${name}()` : name,
      link: linkOf(pageOfName.get(name) ?? ""),
    }));
    sidebars[`/${folder}`] = [{ text: "All of the API", link: "/api/" }, { text: category, items }];
  }
  return sidebars;
}

/** What is dead in pages of HTML, by their paths: links to pages and to places in them, and what is asked of elsewhere. */
export function deadOf(pages: ReadonlyMap<string, string>, files: ReadonlySet<string>, base = "/"): {
  readonly links: number;
  readonly anchors: number;
  readonly faults: readonly string[];
} {
  const idsOf = new Map<string, Set<string>>();
  for (const [path, html] of pages) {
    idsOf.set(path, new Set([...html.matchAll(/\s(?:id|name)="([^"]*)"/g)].map(([, id = ""]) => decode(id))));
  }
  let links = 0;
  let anchors = 0;
  const faults: string[] = [];
  for (const [path, html] of pages) {
    for (const [, tag = "", attribute = "", value = ""] of html.matchAll(/<(\w+)[^>]*?\s(href|src)="([^"]*)"/g)) {
      const target = decode(value);
      if (/^(?:data|mailto|javascript):/.test(target)) continue;
      const url = new URL(target, `http://site${base}${path}`);
      if (url.host !== "site") {
        if (attribute === "src" || tag === "link") {
          faults.push(`${path} asks for what is elsewhere: ${target}`);
        }
        continue;
      }
      links++;
      const inside = url.pathname.startsWith(base) ? decodeURIComponent(url.pathname.slice(base.length)) : null;
      const file = inside === null || inside === "" || inside.endsWith("/") ? `${inside ?? "?"}index.html` : inside;
      if (!files.has(file)) faults.push(`${path} leads nowhere: ${target}`);
      else if (url.hash.length > 1) {
        anchors++;
        if (idsOf.get(file)?.has(decodeURIComponent(url.hash.slice(1))) === false) {
          faults.push(`${path} leads to no place: ${target}`);
        }
      }
    }
  }
  return { links, anchors, faults };
}

function decode(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
}
