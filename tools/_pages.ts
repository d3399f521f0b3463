/** The rules of pages: what `deno fmt` and `deno test --doc` cannot see. Pure, so that they can be tested. */

import { blank, headingsOf, inlineCodeOf, lineAt, linksOf, splitFences } from "./_markdown.ts";
import { pathOf } from "./_links.ts";

/** A page, by its path from the root. */
export interface PageText {
  readonly path: string;
  readonly text: string;
}

/** The names that pages may speak of. */
export interface Names {
  /** Everything exported: functions and classes, types and interfaces. */
  readonly exported: ReadonlySet<string>;
  /** The functions and classes among them: each has to be on some page. */
  readonly toBeNamed: ReadonlySet<string>;
  /** Members of exported classes and interfaces, and options. */
  readonly members: ReadonlySet<string>;
}

/** Whose names a paragraph may tell, beside ours. */
const OTHERS =
  /\b(?:Trio|asyncio|AnyIO|Python|Go|Effect|Effection|FakeTime|TC39|Postgres|PostgreSQL|p-map|[Ff]ake timers)\b/;

/** Fences whose highlighted lines touch the language: `deno test --doc` passes them over in silence. */
export function tightFencesOf({ path, text }: PageText): string[] {
  return splitFences(text).fences.filter(({ info }) => /^[A-Za-z]+\{/.test(info)).map(({ info, line }) =>
    `${path}:${line} is not run as "{" touches the language: ${info}`
  );
}

/** Blocks that do not run, and do not say why: in brackets behind `ignore`, or in the paragraph before. */
export function unexplainedOf({ path, text }: PageText): string[] {
  const { prose, fences } = splitFences(text);
  const lines = prose.split("\n");
  return fences.flatMap(({ info, line }) => {
    if (!/^(?:ts|tsx|js|jsx|typescript|javascript)\s(?:.*\s)?ignore\b/.test(info) || /\(\S.*\S\)/.test(info)) return [];
    let before = line - 2;
    while (before >= 0 && lines[before]?.trim() === "" && lineIsEmpty(text, before)) before--;
    const reason = lines[before]?.trim() ?? "";
    // Blank in the prose, but not in the text: another block.
    if (reason !== "" && !reason.startsWith("#")) return [];
    return [`${path}:${line} does not run, and does not say why: write a line before it, or "ignore (why)"`];
  });
}

function lineIsEmpty(text: string, index: number): boolean {
  return (text.split("\n")[index] ?? "").trim() === "";
}

/** Links that lead to no file, or to no heading of it. `anchorsOf` gives those of a Markdown file, or `null`. */
export function deadAnchorsOf(
  { path, text }: PageText,
  exists: (path: string) => boolean,
  anchorsOf: (path: string) => ReadonlySet<string> | null,
): string[] {
  return linksOf(text).flatMap(({ target, line }) => {
    if (/^(?:[a-z][a-z+.-]*:|\/\/)/i.test(target)) return [];
    const file = pathOf(target, path) ?? path;
    if (!exists(file)) return [`${path}:${line} leads to no file: ${target}`];
    const [, anchor] = /#(.*)$/.exec(target) ?? [];
    if (anchor === undefined || !file.endsWith(".md")) return [];
    return anchorsOf(file)?.has(decodeURIComponent(anchor)) ? [] : [`${path}:${line} leads to no heading: ${target}`];
  });
}

/** The anchors of a page: of its headings, and what HTML gives a name. */
export function anchorsOfText(text: string): Set<string> {
  const named = [...splitFences(text).prose.matchAll(/<a\s[^>]*\b(?:id|name)="([^"]+)"/g)].map(([, name = ""]) => name);
  return new Set([...headingsOf(text).map(({ anchor }) => anchor), ...named]);
}

/**
 * Names that a page writes as `name()`, and nobody has: neither this package, nor the language and the host, nor a block
 * of code of the page or of one beside it. Those of others stand in the columns of a table before the one that is called
 * "here", or in a paragraph that says whose they are.
 */
export function unknownNamesOf(page: PageText, { exported, members }: Names, code: string): string[] {
  const { prose } = splitFences(page.text);
  const own = withoutColumnsOfOthers(prose);
  return inlineCodeOf(own).flatMap(({ code: name, index, all }) => {
    const [, dotted] = /^(?:new )?\.?([A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)\(\)$/.exec(name) ?? [];
    // "No such thing", and "that would": what is not there is spoken of, too.
    if (dotted === undefined || /\b(?:no|without)\s+$/i.test(own.slice(0, index))) return [];
    if (/^\s+would\b/.test(own.slice(index + all.length))) return [];
    const last = dotted.slice(dotted.lastIndexOf(".") + 1);
    const isKnown = dotted === last && exported.has(last) ||
      members.has(last) || isOfTheHost(dotted) ||
      isOfAnotherClass(dotted, exported) ||
      new RegExp(`\\b${last.replaceAll("$", "\\$")}\\b`).test(code) ||
      OTHERS.test(paragraphAt(own, index));
    return isKnown ? [] : [`${page.path}:${lineAt(own, index)} names what nothing has: ${name}`];
  });
}

/** `AsyncLocalStorage.snapshot()`: of a class that is not ours. */
function isOfAnotherClass(dotted: string, exported: ReadonlySet<string>): boolean {
  const [root = "", member] = dotted.split(".");
  return member !== undefined && /^[A-Z]/.test(root) && !exported.has(root) &&
    !(root in globalThis);
}

function paragraphAt(text: string, index: number): string {
  const start = text.lastIndexOf("\n\n", index);
  const end = text.indexOf("\n\n", index);
  return text.slice(start === -1 ? 0 : start, end === -1 ? undefined : end);
}

/** Members of what is global: of the values themselves, and of what they make. */
let membersOfTheHost: Set<string> | null = null;

function isOfTheHost(dotted: string): boolean {
  if (membersOfTheHost === null) {
    membersOfTheHost = new Set(["raw", "next", "return", "throw", "import"]);
    for (const name of Object.getOwnPropertyNames(globalThis)) {
      membersOfTheHost.add(name);
      const value: unknown = Reflect.get(globalThis, name);
      const { prototype } = Object(value) as { prototype?: unknown };
      for (const holder of [value, prototype]) {
        if (typeof holder !== "object" && typeof holder !== "function" || holder === null) continue;
        // What it inherits, too: `crypto` and `performance` have everything from there.
        for (let at: unknown = holder; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
          for (const member of Object.getOwnPropertyNames(at)) {
            membersOfTheHost.add(member);
          }
        }
      }
    }
  }
  const names = dotted.split(".");
  let at: unknown = globalThis;
  for (const name of names) {
    at = at === null || at === undefined ? undefined : Reflect.get(Object(at), name);
  }
  return at !== undefined || membersOfTheHost.has(names.at(-1) ?? "");
}

/** Blanks the cells before the column that is called "here", or as we are, in tables that have one. */
export function withoutColumnsOfOthers(prose: string): string {
  let foreign = 0;
  const lines = prose.split("\n");
  return lines.map((line, index) => {
    if (!line.trimStart().startsWith("|")) {
      foreign = 0;
      return line;
    }
    const cells = line.split(/(?<!\\)\|/);
    if (/^[\s|:-]+$/.test(lines[index + 1] ?? "")) {
      foreign = Math.max(cells.findIndex((cell) => /^\s*(?:here|Trefoil)\s*$/.test(cell)), 0);
    }
    return cells.map((cell, at) => at < foreign ? blank(cell) : cell).join("|");
  }).join("\n");
}

/** Which functions and classes no page names, in prose or in code. */
export function unnamedOf(pages: readonly PageText[], { toBeNamed }: Names): string[] {
  const words = new Set(pages.flatMap(({ text }) => text.match(/[A-Za-z_$][\w$]*/g) ?? []));
  return [...toBeNamed].filter((name) => !words.has(name)).sort();
}

/** What a page begins with: one title, alone at its level. */
export function titleFaultsOf({ path, text }: PageText): string[] {
  const titles = headingsOf(text).filter(({ level }) => level === 1);
  if (!/^# \S/.test(text)) {
    return [`${path}:1 has to begin with its title, as "# Title"`];
  }
  return titles.length === 1 ? [] : [`${path} has to have one title: found ${titles.length}`];
}
