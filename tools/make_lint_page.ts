// deno-lint-ignore-file no-console
/**
 * Writes `docs/lint.md`, the page of the lint plugin, from what its tests use: `lint/_testdata`. A test makes it anew and
 * compares.
 *
 * Usage: deno run --allow-read --allow-write --allow-run tools/make_lint_page.ts
 */

import { formatted } from "./_formatted.ts";
// deno-lint-ignore trefoil/import-direction -- the page is part of the plugin, and tools are in this folder
import { type Folder, folders, shownPart } from "../lint/_testdata/_harness.ts";

const root = new URL("../", import.meta.url);

const HEAD = `# Lint

_What you learn: which mistakes a machine finds before your program runs, why each of them is one, and how to switch off
what you do not want to hear._

Some mistakes with this library are silent. A wait without \`await\` type-checks, and so does a \`catch\` that swallows a
cancellation; both work in every test that cancels nothing. The plugin for \`deno lint\` finds such places. Write this
into \`deno.json\`:

\`\`\`json
{ "lint": { "plugins": ["jsr:@trefoil/io/lint"] } }
\`\`\`

Then \`deno lint\` knows ${"%DEFAULT%"} more rules, the editor underlines what they find, and \`deno lint --fix\` mends what can be
mended without a doubt.

## What it sees, and what it does not

The plugin looks at one file at a time, and only at files that import the library. It knows every function and class
that the library exports, what they take, and what they give. From there it goes by evidence: what \`new Lock()\` gave, what a parameter is
declared to be, what \`openNursery()\` hands to its function, and which of your own functions in the same file reach a wait. Where
there is no evidence, it is silent. So it overlooks things: a function that another file exports may wait, and nothing here says
so. What it does report, you can believe.

It needs no permission and reads no file.

> [!NOTE]
> Deno (2.9) shows plugins nothing that follows an empty statement in its block: \`;;\` hides the rest. \`deno fmt\` takes
> such semicolons away.

## Switching off

A line, with the reason for whoever reads it next. Deno tells you when the comment is no longer needed:

\`\`\`ts
import { shielded, sleep } from "@trefoil/io";

// deno-lint-ignore trefoil/unbounded-shield -- it ends by itself
await shielded(() => sleep(1));
\`\`\`

A file: \`// deno-lint-ignore-file trefoil/library-sleep\` at its top. A rule, everywhere, in \`deno.json\`:

\`\`\`json
{
  "lint": {
    "plugins": ["jsr:@trefoil/io/lint"],
    "rules": { "exclude": ["trefoil/library-fetch"] }
  }
}
\`\`\`

## Another name for the library

The package is recognised as \`@trefoil/io\`, by \`jsr:\`, \`npm:\` and \`https:\`, with a version or without. If you import it under a
name of your own, or hand it on from a module of yours, say so in a file, and name that file in \`plugins\`. It imports from the
registry, so it is not run here:

\`\`\`ts ignore
import { plugin } from "jsr:@trefoil/io/lint";

export default plugin({ modules: /^@acme\\/concurrency$/ });
\`\`\`

\`strictPlugin()\`, of \`jsr:@trefoil/io/lint/strict\`, does the same for the strict rules.
`;

const STRICT = `## The strict plugin

These rules are a matter of taste, or right only most of the time. All rules of a plugin are on, so they have a plugin of their
own, in which they are called \`trefoil-strict/…\`:

\`\`\`json
{ "lint": { "plugins": ["jsr:@trefoil/io/lint", "jsr:@trefoil/io/lint/strict"] } }
\`\`\`
`;

/** The text of the page. */
export async function makePage(): Promise<string> {
  const all = folders();
  const defaults = all.filter(({ isStrict }) => !isStrict);
  const strict = all.filter(({ isStrict }) => isStrict);
  const parts = [
    HEAD.replace("%DEFAULT%", String(defaults.length)),
    "## The rules\n",
    tableOf(defaults),
    "Six more are in [the strict plugin](#the-strict-plugin).\n".replace("Six", inWords(strict.length)),
    ...defaults.map(sectionOf),
    STRICT,
    tableOf(strict),
    ...strict.map(sectionOf),
  ];
  return await formatted(parts.join("\n"), "md");
}

function inWords(count: number): string {
  return ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"][count] ?? String(count);
}

function tableOf(list: readonly Folder[]): string {
  const rows = list.map((folder) =>
    `| [\`${folder.rule.name}\`](#${folder.rule.name}) | ${summaryOf(folder)} | ${hasFix(folder) ? "yes" : ""} |`
  );
  return `| rule | what it finds | fix |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
}

function hasFix({ about }: Folder): boolean {
  return about.includes("**Fix:**");
}

/** What the header of the rule's file says. */
function summaryOf({ rule: { name } }: Folder): string {
  const text = Deno.readTextFileSync(new URL(`lint/_${name.replaceAll("-", "_")}.ts`, root));
  const summary = new RegExp(`^/\\*\\* \`${name}\`: (.*)\\. \\*/`).exec(text)?.[1];
  if (summary === undefined) throw new Error(`Cannot make the page as the file of "${name}" must say what it finds`);
  return summary;
}

function sectionOf({ rule, about, bad, good, isStrict }: Folder): string {
  const code = (text: string, tag: string) => `\`\`\`${tag}\n${shownPart(text).trim()}\n\`\`\`\n`;
  const [why = "", fix] = about.split(/(?=^\*\*Fix:\*\*)/m);
  const id = `${isStrict ? "trefoil-strict" : "trefoil"}/${rule.name}`;
  return [
    `## ${rule.name}\n`,
    why,
    "Wrong, so it is not run:\n",
    code(bad.replaceAll(/ \/\/ BAD(?:, no fix)?$/gm, " // here"), "ts ignore"),
    "Right:\n",
    code(good, "ts"),
    fix ?? "",
    `**Off:** \`// deno-lint-ignore ${id} -- why\` in the line before.\n`,
  ].join("\n");
}

if (import.meta.main) {
  const page = await makePage();
  await Deno.writeTextFile(new URL("docs/lint.md", root), page);
  console.log(`docs/lint.md: ${page.split("\n").length - 1} lines`);
}
