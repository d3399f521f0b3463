/** Runs rules over the files beside this one, and over texts: for tests, and for the page that is made of them. */

import { DEFAULT_RULES } from "../_default_rules.ts";
import { pluginOf, type Rule } from "../_rule.ts";
import { STRICT_RULES } from "../_strict_rules.ts";

/** Above this line a file is what the page shows, below it are the cases that are hard. */
const CUT = "// ---\n";
const IGNORE = "// deno-lint-ignore-file\n";

/** The folder of a rule. */
export interface Folder {
  readonly rule: Rule;
  readonly isStrict: boolean;
  /** Why the rule is there. */
  readonly about: string;
  readonly bad: string;
  readonly good: string;
}

/** All rules with what is said of them, in the order of the page. */
export function folders(): Folder[] {
  const read = (rule: Rule, file: string) =>
    Deno.readTextFileSync(new URL(`./${rule.name}/${file}`, import.meta.url)).replace(IGNORE, "");
  return [...DEFAULT_RULES, ...STRICT_RULES].map((rule) => ({
    rule,
    isStrict: STRICT_RULES.includes(rule),
    about: read(rule, "about.md"),
    bad: read(rule, "bad.ts"),
    good: read(rule, "good.ts"),
  }));
}

/** The part of a file that the page shows. */
export function shownPart(text: string): string {
  return text.split(CUT)[0] ?? text;
}

/** What rules find in a text. */
export function lint(
  rules: readonly Rule[],
  text: string,
  { name = "program.ts", modules }: { readonly name?: string; readonly modules?: RegExp } = {},
): Deno.lint.Diagnostic[] {
  return Deno.lint.runPlugin(pluginOf("trefoil", rules, modules === undefined ? {} : { modules }), name, text)
    .sort((a, b) => a.range[0] - b.range[0]);
}

/** The number of the line that a place is in, the first being 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** The lines that a file says to be bad: by number, with what it says about the fix. */
export function marked(text: string): Map<number, "BAD" | "BAD, no fix"> {
  const lines = new Map<number, "BAD" | "BAD, no fix">();
  for (const [index, line] of text.split("\n").entries()) {
    const mark = /\/\/ (BAD(?:, no fix)?)$/.exec(line)?.[1];
    if (mark !== undefined) lines.set(index + 1, mark as "BAD");
  }
  return lines;
}

/** A text after all fixes, one pass after the other as `deno lint --fix` does it, and what is found then. */
export function fixed(rules: readonly Rule[], text: string): { text: string; left: Deno.lint.Diagnostic[] } {
  for (let pass = 0; pass < 5; pass++) {
    const found = lint(rules, text);
    const edits = found.flatMap(({ fix = [] }) => fix).sort((a, b) => a.range[0] - b.range[0]);
    if (edits.length === 0) return { text, left: found };
    let result = "";
    let at = 0;
    let last = -1;
    for (const { range: [start, end], text: replacement = "" } of edits) {
      // Of changes at one place the host makes one.
      if (start < at || start === last) continue;
      result += text.slice(at, start) + replacement;
      at = end;
      last = start;
    }
    text = result + text.slice(at);
  }
  return { text, left: lint(rules, text) };
}
