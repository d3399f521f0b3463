/** Links in Markdown, and what `deno publish --dry-run` lists: pure, so that they can be tested. */

/** A link, an image, or the definition of a link. */
const LINK = /\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)|^\s*\[[^\]]+\]:\s*<?([^\s>]+)>?/gm;
/** Code, in which brackets are no links. */
const CODE = /^ *(`{3,})[^]*?^ *\1|`[^`\n]+`/gm;

/** The links of a file that lead nowhere: relative ones whose target, as a path from the root, does not exist. */
export function deadLinksOf(file: string, text: string, exists: (path: string) => boolean): string[] {
  const faults: string[] = [];
  const blank = text.replace(CODE, (code) => code.replace(/[^\n]/g, " "));
  for (const { 1: inline, 2: defined, index } of blank.matchAll(LINK)) {
    const target = inline ?? defined ?? "";
    if (/^(?:[a-z][a-z+.-]*:|\/\/|#)/i.test(target)) continue;
    const path = new URL(target.replace(/[#?].*$/, ""), `file:///${file}`).pathname.slice(1);
    const line = blank.slice(0, index).split("\n").length;
    if (!exists(decodeURIComponent(path))) {
      faults.push(`${file}:${line} leads to no file that its readers have: ${target}`);
    }
  }
  return faults;
}

/** The files of the list that `deno publish --dry-run` prints, as paths from the root. */
export function publishedFilesOf(output: string, root: URL): Set<string> {
  const files = new Set<string>();
  for (const [, url = ""] of output.matchAll(/^\s+(file:\S+) \([\d.]+ ?[kKMGT]?i?B\)$/gm)) {
    if (url.startsWith(root.href)) files.add(decodeURIComponent(url.slice(root.href.length)));
  }
  return files;
}
