// deno-lint-ignore-file no-console
/**
 * The tables of docs/reference/options-and-units.md, made of the code: all options, what they say, and their defaults.
 * What stands above them is written by hand, and stays.
 *
 * Usage: deno run --allow-read --allow-run --allow-write tools/options_page.ts [--write]
 */

import { ENTRIES } from "./promised_names.ts";

const root = new URL("../", import.meta.url);
const PAGE = new URL("docs/reference/options-and-units.md", root);
/** Below this line the page is made. */
const MADE = "## All options";

interface Doc {
  readonly doc?: string;
  readonly tags?: readonly { readonly kind: string; readonly value?: string; readonly doc?: string }[];
}

interface Property {
  readonly name: string;
  readonly optional?: boolean;
  readonly jsDoc?: Doc;
}

interface Declaration {
  readonly kind: string;
  readonly jsDoc?: Doc;
  readonly def?: {
    readonly properties?: readonly Property[];
    readonly extends?: readonly { readonly repr?: string }[];
  };
}

/** A symbol, as `deno doc --json` prints it. */
export interface OptionsSymbol {
  readonly name: string;
  readonly declarations: readonly Declaration[];
}

/** The first sentence of a text. */
function firstSentence(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return /^.*?[.](?= |$)/.exec(flat)?.[0] ?? flat;
}

/** What is taken for an option that is left out. */
function defaultOf({ optional, jsDoc }: Property): string {
  const tag = jsDoc?.tags?.find(({ kind }) => kind === "default");
  // "250", or a text such as "unless `write` or `append` is" after the value.
  if (tag !== undefined) {
    return [tag.value, tag.doc].filter((part) => part).map((part, i) => i === 0 && tag.value ? `\`${part}\`` : part)
      .join(" ");
  }
  const said = /\b[Bb]y default ([^.]+?)(?:\.|$)/.exec((jsDoc?.doc ?? "").replace(/\s+/g, " "))?.[1];
  return said ?? (optional === true ? "" : "must be given");
}

const inCell = (text: string) => text.replace(/\s+/g, " ").replace(/\|/g, "\\|").trim();

/** The tables, in the order of their categories and names. */
export function tablesOf(symbols: readonly OptionsSymbol[]): string {
  const categories = new Map<string, Map<string, string>>();
  for (const { name, declarations } of symbols) {
    const declaration = declarations.find(({ kind }) => kind === "interface");
    const properties = declaration?.def?.properties ?? [];
    // What errors are made of is not for users to give.
    if (!/(?:Options|Backoff)$/.test(name) || /ErrorOptions$/.test(name) || properties.length === 0) continue;
    const { jsDoc, def } = declaration!;
    const category = jsDoc?.tags?.find(({ kind }) => kind === "category")?.doc?.trim() ?? "";
    const others = (def?.extends ?? []).flatMap(({ repr }) => repr === undefined || repr === "Omit" ? [] : [repr]);
    const rows = properties.map((property) =>
      `| \`${property.name}\` | ${inCell(defaultOf(property))} | ${inCell(firstSentence(property.jsDoc?.doc ?? ""))} |`
    );
    const also = others.length === 0 ? "" : ` Also those of ${others.map((other) => `\`${other}\``).join(" and ")}.`;
    const text = [
      `### ${name}`,
      "",
      `${firstSentence(jsDoc?.doc ?? "")}${also}`,
      "",
      "| option | default | what it says |",
      "| --- | --- | --- |",
      ...rows,
      "",
    ].join("\n");
    const own = categories.get(category) ?? new Map<string, string>();
    categories.set(category, own.set(name, text));
  }
  return [...categories.keys()].sort().map((category) => {
    const own = categories.get(category)!;
    return `## ${category}\n\n${[...own.keys()].sort().map((name) => own.get(name)).join("\n")}`;
  }).join("\n");
}

async function output(args: string[], input = ""): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { stdout, success } = await child.output();
  if (!success) throw new Error(`Cannot make the page of options as deno ${args[0]} failed`);
  return new TextDecoder().decode(stdout);
}

/** The page as it is, and as it should be. */
export async function optionsPage(): Promise<{ readonly found: string; readonly wanted: string }> {
  const { nodes } = JSON.parse(await output(["doc", "--json", ...ENTRIES])) as {
    nodes: Record<string, { symbols: OptionsSymbol[] }>;
  };
  const found = await Deno.readTextFile(PAGE);
  const byHand = found.slice(0, found.indexOf(MADE));
  const intro = "What `@default` says in the code, and the first sentence of each. In the editor the rest is there.";
  const made = tablesOf(Object.values(nodes).flatMap(({ symbols }) => symbols));
  return { found, wanted: await output(["fmt", "--ext=md", "-"], `${byHand}${MADE}\n\n${intro}\n\n${made}`) };
}

if (import.meta.main) {
  const { found, wanted } = await optionsPage();
  if (Deno.args.includes("--write")) await Deno.writeTextFile(PAGE, wanted);
  else if (found !== wanted) {
    console.error("docs/reference/options-and-units.md is not what the code says: run tools/options_page.ts --write");
    Deno.exit(1);
  }
}
