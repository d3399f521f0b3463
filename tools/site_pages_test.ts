import { assertEquals, assertStringIncludes } from "@std/assert";
import { inlineCodeOf, linksOf, replaceLinks, splitFences } from "./_markdown.ts";
import {
  apiIndexesOf,
  apiPageOf,
  categoriesOf,
  codePageOf,
  deadOf,
  joinThrows,
  linkNames,
  linkThrows,
  nameOfApiPage,
  pageOf,
  plainDefaults,
  relativePath,
  sidebarsOf,
  sitePathOf,
  withoutBareTypes,
  wrapSignatures,
} from "./_site.ts";

const SLEEP = {
  name: "sleep",
  kind: "function",
  category: "Time",
  sentence: "Waits | a while.",
  entries: ["mod.ts"],
};
const CLOCK = { ...SLEEP, name: "Clock", kind: "interface", sentence: "A clock." };
const PAGE_OF = new Map([["sleep", "api/Time/sleep.md"], ["Clock", "api/Time/Clock.md"], ["map", "api/X/map.md"]]);

Deno.test("splitFences() takes blocks out, also of lists and quotes, and keeps the length of the rest", () => {
  const text = "a\n```ts x.ts\n1;\n  2;\n```\n> ~~~\n> 3;\n> ~~~\n- ````md\n  ```ts\n  4;\n  ```\n  ````\nb `c`\n";
  const { prose, fences } = splitFences(text);
  assertEquals(prose.length, text.length);
  assertEquals(prose.trim().split(/\s+/), ["a", "b", "`c`"]);
  assertEquals(fences, [
    { info: "ts x.ts", code: "1;\n  2;", line: 2 },
    { info: "", code: "3;", line: 6 },
    { info: "md", code: "```ts\n4;\n```", line: 9 },
  ]);
});

Deno.test("inlineCodeOf() takes code with any number of marks, within a paragraph", () => {
  assertEquals(inlineCodeOf("`a` ``b ` c`` `d\ne` `f\n\ng`").map(({ code }) => code), ["a", "b ` c", "d\ne"]);
});

Deno.test("linksOf() sees titles, images in links and definitions; replaceLinks() leaves the rest as it is", () => {
  const text = 'A [b](c.md "title"), [![d](e.svg)](<f.md>), `[g](h)`\n\n[i]: j.md\n';
  assertEquals(linksOf(text).map(({ target }) => target), ["c.md", "f.md", "e.svg", "j.md"]);
  assertEquals(
    replaceLinks(text, (target) => target === "c.md" ? null : `x/${target}`),
    "A b, [![d](x/e.svg)](<x/f.md>), `[g](h)`\n\n[i]: x/j.md\n",
  );
});

Deno.test("a page of docs/ is at the root of the site, what it links to outside is there as well", () => {
  assertEquals(["docs/a/b.md", "README.md", "examples/x.ts", "docs/d.svg"].map(sitePathOf), [
    "a/b.md",
    "repository/README.md",
    "repository/examples/x.ts.md",
    "d.svg",
  ]);
  assertEquals(relativePath("a/b.md", "a/c/d.md"), "./c/d.md");
  assertEquals(relativePath("a/b/c.md", "a/d.md"), "../d.md");
  const files = ["docs/start.md", "README.md", "examples/x.ts"];
  const text =
    "[a](../start.md#b) [c](../../README.md) [d](../../examples/x.ts) [`e`](../../examples/) [f](#g) [h](https://i.example)";
  assertEquals(pageOf("docs/guides/x.md", text, (path) => files.includes(path)), {
    text:
      "[a](../start.md#b) [c](../repository/README.md) [d](../repository/examples/x.ts.md) `e` [f](#g) [h](https://i.example)",
    linked: ["docs/start.md", "README.md", "examples/x.ts"],
  });
});

Deno.test("a file of code is a page, however many marks are in it", () => {
  const code = "/**\n * ```ts\n * ````\n */\nexport {};\n";
  assertStringIncludes(codePageOf("examples/x.ts", code), `# examples/x.ts\n\n\`\`\`\`\`ts\n${code}\`\`\`\`\`\n`);
});

Deno.test("linkNames() links the first mention of a name, in prose, where it can be no other", () => {
  const link = (text: string) => linkNames("guides/x.md", text, PAGE_OF);
  assertEquals(
    link("# `sleep()`\n\n`sleep()` and `sleep()`"),
    "# `sleep()`\n\n[`sleep()`](../api/Time/sleep.md) and `sleep()`",
  );
  assertEquals(
    link("`Clock`, `sleep`, `map()`, `sleep(1)`"),
    "[`Clock`](../api/Time/Clock.md), `sleep`, `map()`, `sleep(1)`",
  );
  assertEquals(link("[`sleep()`](y.md)\n\n```ts\n`sleep()`\n```\n"), "[`sleep()`](y.md)\n\n```ts\n`sleep()`\n```\n");
  assertEquals(
    link("```ts\nasync function sleep() {}\n```\n`sleep()`"),
    "```ts\nasync function sleep() {}\n```\n`sleep()`",
  );
  assertEquals(linkNames("api/Time/sleep.md", "`sleep()`", PAGE_OF), "`sleep()`");
});

Deno.test("linkThrows() keeps the classes that TypeDoc drops, ours as links", () => {
  assertEquals(
    linkThrows("@throws {TooSlowError} If\n@throws {Deno.errors.NotFound} If", (name) => name === "TooSlowError"),
    "@throws {@linkcode TooSlowError}: If\n@throws `Deno.errors.NotFound`: If",
  );
});

Deno.test("a page of the API says what it is, where it comes from, and its errors in one list", () => {
  const made = "# Function: sleep()\n\n```ts\nfunction sleep(ms: number): void;\n```\n\nWaits.\n";
  assertEquals(nameOfApiPage(made), "sleep");
  assertEquals(nameOfApiPage("# Type Alias: Fn\\<T\\>\n"), "Fn");
  assertEquals(
    apiPageOf(made, SLEEP, ["@trefoil/io", "@trefoil/io/core"]),
    "# sleep()\n\nFunction in [Time](./index.md), from `@trefoil/io` or `@trefoil/io/core`.\n\n" +
      "```ts\nfunction sleep(ms: number): void;\n```\n\nWaits.\n",
  );
  const throws = "## A\n\n### Throws\n\nOne,\ntwo.\n\n### Throws\n\nThree.\n\n***\n\n### B\n\n#### Throws\n\nFour.\n";
  assertEquals(
    joinThrows(throws),
    "## A\n\n### Throws\n\n- One,\n  two.\n- Three.\n\n***\n\n### B\n\n#### Throws\n\n- Four.\n\n",
  );
});

Deno.test("tables of bare types go, defaults lose their braces, long signatures get lines", () => {
  const table = (head: string) => `## Type Parameters\n\n| ${head} |\n| ------ |\n| <a id="t"></a> \`T\` |\n\n## B\n`;
  assertEquals(withoutBareTypes(table("Type Parameter")), "## B\n");
  assertEquals(withoutBareTypes(table("Type Parameter | What")), table("Type Parameter | What"));
  assertEquals(
    plainDefaults("| x | How long. **Default** `{{ a: 1 }}` |\n\n#### Default Value\n\n```ts\n{20}\n```\n"),
    "| x | How long. Default: `{ a: 1 }`. |\n\nDefault: `20`.\n",
  );
  const long =
    "function f<A, B>(one: (a: A) => Promise<B>, two?: { a: number, b: B[] }, ...rest: string[]): Promise<B>;";
  assertEquals(
    wrapSignatures(`\`\`\`ts\n${long}\n\`\`\`\n\n\`\`\`ts\nf(a, b);\n\`\`\``),
    "```ts\nfunction f<A, B>(\n  one: (a: A) => Promise<B>,\n  two?: { a: number, b: B[] },\n  ...rest: string[],\n): Promise<B>;\n" +
      "```\n\n```ts\nf(a, b);\n```",
  );
});

Deno.test("the API has a page that lists all, and one for each category; so have the sidebars", () => {
  assertEquals(categoriesOf([{ ...SLEEP, category: "Zoo" }, SLEEP, { ...SLEEP, category: "Tasks" }]), [
    "Tasks",
    "Time",
    "Zoo",
  ]);
  const pages = apiIndexesOf([CLOCK, SLEEP], ["Time"], PAGE_OF, ["@trefoil/io/core"]);
  assertEquals([...pages.keys()], ["api/Time/index.md", "api/index.md"]);
  assertStringIncludes(
    pages.get("api/Time/index.md") ?? "",
    "| [`sleep()`](./sleep.md) | Waits \\| a while. |\n| [`Clock`]",
  );
  assertStringIncludes(pages.get("api/index.md") ?? "", "## [Time](./Time/index.md)\n\n[`sleep()`](./Time/sleep.md)\n");
  assertStringIncludes(pages.get("api/index.md") ?? "", "By import: [`@trefoil/io/core`](./io-core.md).");
  const section = {
    text: "Guides",
    pages: [{ path: "docs/guides/x.md", title: "X" }, { path: "docs/index.md", title: "I" }],
  };
  const sidebars = sidebarsOf([section], [CLOCK, SLEEP], ["Time"], PAGE_OF, ["@trefoil/io"]);
  assertEquals(sidebars["/"], [
    { text: "Guides", collapsed: false, items: [{ text: "X", link: "/guides/x" }, { text: "I", link: "/" }] },
  ]);
  assertEquals(sidebars["/api/"], [{ text: "API", items: [{ text: "Time", link: "/api/Time/" }] }, {
    text: "By import",
    items: [{ text: "@trefoil/io", link: "/api/io" }],
  }]);
  assertEquals(sidebars["/api/Time/"], [
    { text: "All of the API", link: "/api/" },
    {
      text: "Time",
      items: [{ text: "sleep()", link: "/api/Time/sleep" }, { text: "Clock", link: "/api/Time/Clock" }],
    },
  ]);
});

Deno.test("deadOf() finds links and anchors that lead nowhere, and what is asked of elsewhere", () => {
  const html =
    '<a id="x&amp;y" href="b/c.html#z">1</a><a class="q" href="/b/">2</a><a href="https://other.example/">3</a>';
  const pages = new Map([["a.html", html], ["b/c.html", '<h1 id="z"><a href="../a.html#x&amp;y">4</a>']]);
  const files = new Set(["a.html", "b/c.html", "b/index.html", "s.js"]);
  assertEquals(deadOf(pages, files), { links: 3, anchors: 2, faults: [] });
  const bad = new Map([[
    "a.html",
    '<a href="none.html">1</a><a href="#no">2</a><script src="https://cdn.example/x.js"></script><link rel="icon" href="s.js"><link href="//f.example/">',
  ]]);
  assertEquals(deadOf(bad, files).faults, [
    "a.html leads nowhere: none.html",
    "a.html leads to no place: #no",
    "a.html asks for what is elsewhere: https://cdn.example/x.js",
    "a.html asks for what is elsewhere: //f.example/",
  ]);
  assertEquals(deadOf(new Map([["a.html", '<a href="/x/a.html"></a><a href="/a.html"></a>']]), files, "/x/").faults, [
    "a.html leads nowhere: /a.html",
  ]);
});
