import { assertEquals } from "@std/assert";
import { optionsPage, type OptionsSymbol, tablesOf } from "./options_page.ts";

Deno.test("docs/reference/options-and-units.md is what the code says (tools/options_page.ts --write)", async () => {
  const { found, wanted } = await optionsPage();
  assertEquals(found === wanted, true, "run tools/options_page.ts --write");
});

Deno.test("options are shown with their defaults, by tag or by text, and whether they must be given", () => {
  const symbol = (name: string, category: string, properties: readonly Record<string, unknown>[]): OptionsSymbol => ({
    name,
    declarations: [{
      kind: "interface",
      jsDoc: { doc: `Options of \`${name}\`. And more.`, tags: [{ kind: "category", doc: category }] },
      def: { properties: properties as never, extends: [{ repr: "NamedOptions" }, { repr: "Omit" }] },
    }],
  });
  const text = tablesOf([
    symbol("ZooOptions", "B", [
      { name: "size", optional: true, jsDoc: { doc: "How\nlarge.", tags: [{ kind: "default", value: "250" }] } },
      { name: "kind", optional: true, jsDoc: { doc: "One | two. By default one. Or not." } },
      { name: "port", jsDoc: { doc: "The port; 0.5 is none." } },
    ]),
    symbol("AntErrorOptions", "A", [{ name: "reason" }]),
    symbol("EmptyOptions", "A", []),
    symbol("AntOptions", "A", [{ name: "legs", optional: true }]),
  ]);
  assertEquals(text.split("\n").filter((line) => line !== "" && !line.startsWith("| ---") && !line.includes("says")), [
    "## A",
    "### AntOptions",
    "Options of `AntOptions`. Also those of `NamedOptions`.",
    "| `legs` |  |  |",
    "## B",
    "### ZooOptions",
    "Options of `ZooOptions`. Also those of `NamedOptions`.",
    "| `size` | `250` | How large. |",
    "| `kind` | one | One \\| two. |",
    "| `port` | must be given | The port; 0.5 is none. |",
  ]);
});
