import { assertEquals } from "@std/assert";
import { exportsOf, namesOf } from "./_exports.ts";
import { deadAnchorsOf, tightFencesOf, titleFaultsOf, unexplainedOf, unknownNamesOf, unnamedOf } from "./_pages.ts";
import { anchorsOfText, withoutColumnsOfOthers } from "./_pages.ts";
import { sectionsOf, titleOf } from "./_sidebar.ts";

const page = (text: string, path = "docs/guides/x.md") => ({ path, text });
const names = {
  exported: new Set(["sleep", "Lock", "Nursery"]),
  toBeNamed: new Set(["sleep", "Lock"]),
  members: new Set(["acquire", "startSoon"]),
};
const unknown = (text: string, code = "") => unknownNamesOf(page(text), names, code);

Deno.test("a fence whose lines touch its language is a fault, as it would not be run", () => {
  assertEquals(tightFencesOf(page("# X\n\n```ts{1}\nx;\n```\n\n```ts {1}\n```\n")), [
    'docs/guides/x.md:3 is not run as "{" touches the language: ts{1}',
  ]);
  assertEquals(tightFencesOf(page("> ```js{2,3}\n> x;\n> ```\n\n```text\n```ts{1}\n```\n")).length, 1);
});

Deno.test("a block that does not run says why: in brackets, or in the line before", () => {
  const fault = (text: string) => unexplainedOf(page(text)).length;
  assertEquals(fault("# X\n\n```ts ignore\nx;\n```\n"), 1);
  assertEquals(fault("Do not write this:\n\n```ts ignore\nx;\n```\n"), 0);
  assertEquals(fault("# X\n\n```ts ignore (it never ends)\nx;\n```\n"), 0);
  assertEquals(fault("Why.\n\n```ts\nx;\n```\n\n```ts ignore name.ts\nx;\n```\n"), 1);
  assertEquals(fault("# X\n\n```ts ignored.ts\nx;\n```\n\n```sh\nignore\n```\n"), 0);
});

Deno.test("a link leads to a file, and to a heading of it, by the anchors of forges", () => {
  const files = new Map([
    ["docs/guides/x.md", "# X\n\n## One, `two()` and *three*\n\n## Same\n\n## Same\n\n```md\n## Not\n```\n"],
    ["README.md", '# R\n\n<a id="by-hand"></a>\n'],
    ["examples/a.ts", ""],
  ]);
  const dead = (text: string) =>
    deadAnchorsOf(page(text), (path) => files.has(path), (path) => anchorsOfText(files.get(path) ?? ""));
  assertEquals(
    dead("[a](#one-two-and-three) [b](x.md#same-1) [c](../../README.md#by-hand) [d](../../examples/a.ts#L1)"),
    [],
  );
  assertEquals(dead("[a](https://x.example/#y) `[b](none.md)`\n\n```md\n[c](none.md)\n```\n"), []);
  assertEquals(dead("[a](#same-2)\n[b](../../README.md#Not)\n[c](y.md#z)\n[d](x.md#not)"), [
    "docs/guides/x.md:1 leads to no heading: #same-2",
    "docs/guides/x.md:2 leads to no heading: ../../README.md#Not",
    "docs/guides/x.md:3 leads to no file: y.md#z",
    "docs/guides/x.md:4 leads to no heading: x.md#not",
  ]);
});

Deno.test("a name() in prose is exported, or a member, or of the host, or in code beside it", () => {
  assertEquals(unknown("`sleep()`, `lock.acquire()`, `new Lock()`, `.startSoon()`, `Promise.race()`, `f(x)`"), []);
  assertEquals(unknown("`Deno.serve()`, `crypto.randomUUID()`, `Deno.stderr.isTerminal()`, `array.push()`"), []);
  assertEquals(unknown("`check()`", "async function check() {}"), []);
  assertEquals(unknown("A line.\n`start_soon()` and `slep()`"), [
    "docs/guides/x.md:2 names what nothing has: start_soon()",
    "docs/guides/x.md:2 names what nothing has: slep()",
  ]);
  assertEquals(unknown("```ts\nslep();\n```\n"), []);
});

Deno.test("names of others stand where it is said whose they are", () => {
  assertEquals(unknown("In Trio this is\n`start_soon()`.\n\nHere: `start_soon()`").length, 1);
  assertEquals(unknown("There is no `kill()`; a `halt()` would lie; `AsyncLocalStorage.snapshot()`"), []);
  assertEquals(unknown("| Go | here |\n| -- | ---- |\n| `wg.Wait()` | `sleep()` |\n"), []);
  assertEquals(unknown("| Go | here |\n| -- | ---- |\n| `a()` | `wgWait()` |\n"), [
    "docs/guides/x.md:3 names what nothing has: wgWait()",
  ]);
  assertEquals(unknown("| name | what |\n| -- | ---- |\n| `wgWait()` | x |\n").length, 1);
  assertEquals(withoutColumnsOfOthers("|a|b|here|\n|-|-|-|\n|1|2|3|\n\n|4|"), "| | |here|\n| | |-|\n| | |3|\n\n|4|");
});

Deno.test("every function and class is named on some page, in prose or in code", () => {
  assertEquals(unnamedOf([page("`sleepForever()`"), page("```ts\nnew Lock();\n```")], names), ["sleep"]);
});

Deno.test("a page begins with its title, and has one", () => {
  assertEquals(titleFaultsOf(page("# A `b()`\n\n## C\n\n```sh\n# no title\n```\n")), []);
  assertEquals(titleFaultsOf(page("Text\n\n# A\n")), ['docs/guides/x.md:1 has to begin with its title, as "# Title"']);
  assertEquals(titleFaultsOf(page("# A\n\n# B\n")), ["docs/guides/x.md has to have one title: found 2"]);
  assertEquals(titleOf("# A `b()` and [c](d.md)\n"), "A b() and c");
});

Deno.test("the sidebar is made of the pages that are there, in the order of reading", () => {
  const paths = [
    ...["README.md", "docs/guides/zebra.md", "docs/guides/tasks.md", "docs/guides/cancellation.md", "docs/start.md"],
    ...["docs/tutorial/10-z.md", "docs/tutorial/2-a.md", "docs/tutorial/index.md", "docs/elsewhere/x.md"],
  ];
  const { sections, lost } = sectionsOf(paths.map((path) => ({ path, title: path })));
  assertEquals(sections.map(({ text, pages }) => [text, pages.map(({ path }) => path.replace("docs/", ""))]), [
    ["First steps", ["start.md"]],
    ["Tutorial: Lighthouse", ["tutorial/index.md", "tutorial/2-a.md", "tutorial/10-z.md"]],
    ["Guides", ["guides/cancellation.md", "guides/tasks.md", "guides/zebra.md"]],
    ["The project", ["README.md"]],
  ]);
  assertEquals(lost.map(({ path }) => path), ["docs/elsewhere/x.md"]);
});

Deno.test("exportsOf() takes what is exported at several places once, with all of these", () => {
  const jsDoc = {
    doc: "Waits, e.g. `a. b`, for a time. Then goes on.\n\nMore.",
    tags: [{ kind: "category", doc: "Time\n" }],
  };
  const member = (name: string, accessibility?: string) => ({ name, ...(accessibility ? { accessibility } : {}) });
  const doc = {
    nodes: {
      "mod.ts": { symbols: [{ name: "sleep", declarations: [{ kind: "reference" }] }] },
      "core.ts": {
        symbols: [
          { name: "sleep", declarations: [{ kind: "function", jsDoc }] },
          {
            name: "Lock",
            declarations: [{ kind: "class", jsDoc, def: { methods: [member("acquire"), member("x", "private")] } }],
          },
          { name: "Options", declarations: [{ kind: "interface", jsDoc, def: { properties: [member("grace")] } }] },
        ],
      },
    },
  };
  assertEquals(exportsOf(doc).find(({ name }) => name === "sleep"), {
    name: "sleep",
    kind: "function",
    category: "Time",
    sentence: "Waits, e.g. `a. b`, for a time.",
    entries: ["mod.ts", "core.ts"],
  });
  assertEquals(namesOf(doc), {
    exported: new Set(["Lock", "Options", "sleep"]),
    toBeNamed: new Set(["Lock", "sleep"]),
    members: new Set(["acquire", "grace"]),
  });
});
