import { assertEquals } from "@std/assert";
import { deadLinksOf, moduleDocOf, publishedFilesOf } from "./_links.ts";

const files = ["README.md", "testing/README.md", "core/mod.ts"];
const dead = (text: string, file = "README.md") => deadLinksOf(file, text, (path) => files.includes(path));

Deno.test("deadLinksOf() finds relative links to files that are not there, with their lines", () => {
  assertEquals(dead("[a](core/mod.ts), [b](./testing/README.md#there)\n\n[c](examples/x.ts)"), [
    "README.md:3 leads to no file that its readers have: examples/x.ts",
  ]);
  assertEquals(dead("[a](../README.md) ![b](mod.ts)", "testing/README.md"), [
    "testing/README.md:1 leads to no file that its readers have: mod.ts",
  ]);
  assertEquals(dead("[a]: core/none.ts\n[b]: core/mod.ts"), [
    "README.md:1 leads to no file that its readers have: core/none.ts",
  ]);
});

Deno.test("deadLinksOf() lets absolute links, places in the same file and code be", () => {
  assertEquals(dead("[a](https://jsr.io/x) [b](#here) `[c](d)`\n```ts\nf[0](x);\n```\n<b>"), []);
});

Deno.test("publishedFilesOf() reads what deno publish --dry-run lists", () => {
  const output =
    "Simulating publish of @a/b with files:\n   file:///w/core/mod.ts (1.2KB)\n   file:///w/LICENSE (10B)\n";
  assertEquals([...publishedFilesOf(output, new URL("file:///w/"))], ["core/mod.ts", "LICENSE"]);
});

Deno.test("moduleDocOf() gives the text of the first comment that says @module", () => {
  const source =
    "// @module\n/** Not this. */\n/**\n * One.\n *\n * | a | [b](c.md) |\n *\n * @module\n */\n/** @module */\n";
  assertEquals(moduleDocOf(source), "One.\n\n| a | [b](c.md) |");
  assertEquals(moduleDocOf("export {};\n"), "");
});
