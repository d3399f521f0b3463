/** Links in Markdown, and what `deno publish --dry-run` lists: pure, so that they can be tested. */

import { linksOf } from "./_markdown.ts";

/** The links of a file that lead nowhere: relative ones whose target, as a path from the root, does not exist. */
export function deadLinksOf(
  file: string,
  text: string,
  exists: (path: string) => boolean,
): string[] {
  const faults: string[] = [];
  for (const { target, line } of linksOf(text)) {
    const path = pathOf(target, file);
    if (path !== null && !exists(path)) {
      faults.push(
        `${file}:${line} leads to no file that its readers have: ${target}`,
      );
    }
  }
  return faults;
}

/** Where a relative link of a file leads, as a path from the root; `null` if it is absolute, or a place in the file. */
export function pathOf(target: string, file: string): string | null {
  if (/^(?:[a-z][a-z+.-]*:|\/\/|#)/i.test(target)) return null;
  return decodeURIComponent(
    new URL(target.replace(/[#?].*$/, ""), `file:///${file}`).pathname.slice(1),
  );
}

/** The text of the module documentation of a source file: its first comment that says `@module`. */
export function moduleDocOf(source: string): string {
  const [, comment = ""] = /\/\*\*((?:(?!\*\/)[^])*?@module\b)/.exec(source) ??
    [];
  return comment.replace(/^[ \t]*\* ?/gm, "").replace(/@module\b/, "").trim();
}

/** The files of the list that `deno publish --dry-run` prints, as paths from the root. */
export function publishedFilesOf(output: string, root: URL): Set<string> {
  const files = new Set<string>();
  for (
    const [, url = ""] of output.matchAll(
      /^\s+(file:\S+) \([\d.]+ ?[kKMGT]?i?B\)$/gm,
    )
  ) {
    if (url.startsWith(root.href)) {
      files.add(decodeURIComponent(url.slice(root.href.length)));
    }
  }
  return files;
}
