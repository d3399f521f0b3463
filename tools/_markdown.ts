/** Markdown as far as the checks of pages and the site look into it: pure, so that it can be tested. */

/** A fenced block. */
export interface Fence {
  /** What stands behind the opening marks: `ts ignore (why)`. */
  readonly info: string;
  readonly code: string;
  /** The line of the opening marks, from 1. */
  readonly line: number;
}

/** A link, an image, or the definition of a link. */
export interface Link {
  readonly target: string;
  /** Where the target begins, and where it ends. */
  readonly start: number;
  readonly end: number;
  /** Where all of it begins (`[` or `![`) and ends, and the text in brackets; of a definition the target alone. */
  readonly outer: readonly [start: number, end: number];
  readonly text: string;
  readonly line: number;
}

/** The marks of a fence, behind what quotes and lists put before them. */
const FENCE = /^((?:[ \t]|>|[-*+][ \t]|\d+[.)][ \t])*)(`{3,}|~{3,})([^\n]*)$/;
/** A title in quotes, in brackets or within apostrophes may follow a target. */
const LINK = /(!?)\[([^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)/g;
const DEFINITION = /^[ \t]*\[[^\]\n]+\]:[ \t]*<?([^\s>]+)>?/gm;
/** Does not reach beyond its paragraph. */
const INLINE_CODE = /(?<!`)(`+)(?!`)((?:(?!\n[ \t]*\n)[^])*?[^`])\1(?!`)/g;

/** Takes fenced blocks out: what is left has the same length, with spaces in their places. */
export function splitFences(text: string): { readonly prose: string; readonly fences: readonly Fence[] } {
  const fences: Fence[] = [];
  const prose: string[] = [];
  let open: { marks: string; indent: number; info: string; line: number; code: string[] } | null = null;
  for (const [index, line] of text.split("\n").entries()) {
    const [, before = "", marks = "", info = ""] = FENCE.exec(line) ?? [];
    if (open !== null) {
      if (marks.startsWith(open.marks) && info.trim() === "") {
        fences.push({ info: open.info, code: open.code.join("\n"), line: open.line });
        open = null;
      } else {
        const quoted = /^[\s>]*/.exec(line)?.[0].length ?? 0;
        open.code.push(line.slice(Math.min(open.indent, quoted)));
      }
    } else if (marks !== "" && !(marks.startsWith("`") && info.includes("`"))) {
      open = { marks, indent: before.length, info: info.trim(), line: index + 1, code: [] };
    } else {
      prose.push(line);
      continue;
    }
    prose.push(blank(line));
  }
  if (open !== null) {
    fences.push({ info: open.info, code: open.code.join("\n"), line: open.line });
  }
  return { prose: prose.join("\n"), fences };
}

/** The code in a line of prose: what is between the marks, and where all of it begins. */
export function inlineCodeOf(prose: string): { readonly code: string; readonly index: number; readonly all: string }[] {
  return [...prose.matchAll(INLINE_CODE)].map(({ 0: all, 2: code = "", index }) => ({ code: code.trim(), index, all }));
}

/** The links of a text, in their order; code has none. */
export function linksOf(text: string): Link[] {
  const { prose } = splitFences(text);
  const plain = prose.replace(INLINE_CODE, blank);
  const links: Link[] = [];
  for (const { 0: all, 3: target = "", index } of plain.matchAll(LINK)) {
    const start = index + all.indexOf(target, all.lastIndexOf("]("));
    const outer = [index, index + all.length] as const;
    const inner = text.slice(index + all.indexOf("[") + 1, index + all.lastIndexOf("]("));
    links.push({ target, start, end: start + target.length, outer, text: inner, line: lineAt(text, index) });
    // An image may be the text of a link.
    for (const nested of linksOf(inner)) {
      const by = index + all.indexOf("[") + 1;
      links.push({
        ...nested,
        start: nested.start + by,
        end: nested.end + by,
        outer: [nested.outer[0] + by, nested.outer[1] + by],
        line: lineAt(text, nested.start + by),
      });
    }
  }
  for (const { 0: all, 1: target = "", index } of plain.matchAll(DEFINITION)) {
    const start = index + all.lastIndexOf(target);
    const end = start + target.length;
    links.push({ target, start, end, outer: [start, end], text: target, line: lineAt(text, start) });
  }
  return links.sort((a, b) => a.outer[0] - b.outer[0]);
}

/** Replaces the targets of links; where `null` is returned, the text of the link alone is left. */
export function replaceLinks(text: string, replace: (target: string) => string | null): string {
  let result = "";
  let done = 0;
  for (const { target, start, end, outer, text: inner } of linksOf(text)) {
    // One in the text of another has been done with that.
    if (outer[0] < done) continue;
    const other = replace(target);
    const before = text.slice(outer[0], start);
    result += text.slice(done, outer[0]);
    if (other === null) result += replaceLinks(inner, replace);
    else {result += before.replace(inner, () => replaceLinks(inner, replace)) +
        other + text.slice(end, outer[1]);}
    done = outer[1];
  }
  return result + text.slice(done);
}

/** The headings of a text, with the anchors that forges, and the site, give them. */
export function headingsOf(text: string): {
  readonly level: number;
  readonly text: string;
  readonly anchor: string;
}[] {
  const seen = new Map<string, number>();
  return [...splitFences(text).prose.matchAll(/^(#{1,6})[ \t]+(.+?)[ \t]*#*$/gm)].map(([, marks = "", words = ""]) => {
    const plain = plainText(words);
    const slug = slugOf(plain);
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    return { level: marks.length, text: plain, anchor: times === 0 ? slug : `${slug}-${times}` };
  });
}

/** What a heading's anchor is: the rule of forges, which the site follows. */
export function slugOf(heading: string): string {
  return heading.trim().toLowerCase().replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "").replaceAll(" ", "-");
}

/** Text without marks of code, links and emphasis. */
export function plainText(markdown: string): string {
  return markdown.replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/`([^`]*)`/g, "$1")
    .replace(/(\*\*|\b_|_\b|\*)(?=\S)([^*]*?\S)\1/g, "$2").replace(/\\([!-/:-@[-`{-~])/g, "$1").trim();
}

/** The number of the line at an index, from 1. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** Spaces of the same length; lines stay. */
export function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}
