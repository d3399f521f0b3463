/** What the package exports, out of the JSON of `deno doc`: pure, so that it can be tested. */

import type { Names } from "./_pages.ts";

interface Tag {
  readonly kind: string;
  readonly doc?: string;
}

interface Member {
  readonly name: string;
  readonly accessibility?: string;
}

interface Documented {
  readonly nodes: Readonly<
    Record<string, {
      readonly symbols: readonly {
        readonly name: string;
        readonly declarations: readonly {
          readonly kind: string;
          readonly jsDoc?: { readonly doc?: string; readonly tags?: readonly Tag[] };
          readonly def?: { readonly methods?: readonly Member[]; readonly properties?: readonly Member[] };
        }[];
      }[];
    }>
  >;
}

/** Something exported. */
export interface Export {
  readonly name: string;
  /** As `deno doc` calls it: `function`, `class`, `interface`, `typeAlias`, `variable`. */
  readonly kind: string;
  readonly category: string;
  /** The first sentence of its documentation. */
  readonly sentence: string;
  /** The files that export it, as URLs, in the order of the documentation. */
  readonly entries: readonly string[];
}

/** Everything exported, by name. */
export function exportsOf(doc: Documented): Export[] {
  const found = new Map<
    string,
    { -readonly [K in keyof Export]: Export[K] } & { entries: string[] }
  >();
  for (const [entry, { symbols }] of Object.entries(doc.nodes)) {
    for (const { name, declarations } of symbols) {
      // What a module is by default has no name that a page could be found by.
      if (name === "default") continue;
      const own = found.get(name) ??
        { name, kind: "", category: "", sentence: "", entries: [] };
      own.entries.push(entry);
      found.set(name, own);
      for (const { kind, jsDoc } of declarations) {
        if (kind === "reference" || own.kind !== "") continue;
        own.kind = kind;
        own.category = jsDoc?.tags?.find((tag) => tag.kind === "category")?.doc?.trim() ?? "";
        own.sentence = firstSentenceOf(jsDoc?.doc ?? "");
      }
    }
  }
  return [...found.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}

/** What pages may name, and have to. */
export function namesOf(doc: Documented): Names {
  const all = exportsOf(doc);
  const members = Object.values(doc.nodes).flatMap(({ symbols }) => symbols)
    .flatMap(({ declarations }) => declarations)
    .flatMap(({ def }) => [...def?.methods ?? [], ...def?.properties ?? []])
    .filter(({ accessibility }) => accessibility !== "private").map(({ name }) => name);
  return {
    exported: new Set(all.map(({ name }) => name)),
    toBeNamed: new Set(all.filter(({ kind }) => kind === "function" || kind === "class").map(({ name }) => name)),
    members: new Set(members),
  };
}

/** Up to the first full stop that ends a sentence; a colon before a block of code ends one, too. */
function firstSentenceOf(doc: string): string {
  const [paragraph = ""] = doc.trim().split(/\n\s*\n/);
  const line = paragraph.replace(/\s+/g, " ");
  return /^.*?(?<!\b(?:e\.g|i\.e))[.!?](?=\s+[A-Z`(]|$)/.exec(line)?.[0] ?? line;
}
