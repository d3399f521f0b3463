import { assertEquals } from "@std/assert";
import plugin from "../lint/mod.ts";
import { type Block, blocksOf, blocksOfComments, isProgram } from "./_blocks.ts";

const root = new URL("../", import.meta.url);

/** What pages do on purpose, to show what comes of it. */
const ON_PURPOSE: Readonly<Record<string, readonly string[]>> = {
  "docs/compare.md": ["unshielded-cleanup"],
  "docs/design/time.md": ["library-sleep"],
  "docs/from/promises.md": ["promise-combinator"],
  "docs/guides/cancellation.md": ["unshielded-cleanup", "shared-promise"],
  "docs/guides/observing.md": ["missing-await"],
  "docs/guides/tasks.md": ["resource-outlives-nursery"],
  "docs/guides/timeouts.md": ["timeout-without-wait"],
  "docs/tutorial/1-one-check.md": ["promise-combinator"],
  "docs/tutorial/2-many-at-once.md": ["promise-combinator"],
  "docs/tutorial/8-winding-down.md": ["unshielded-cleanup"],
  "observe/README.md": ["missing-await"],
  "testing/REFERENCE.md": ["library-sleep"],
};

/** What the lint plugin for users has to say of the programs in a file. */
function findingsIn(file: string, blocks: readonly Block[]): string[] {
  return blocks.filter(isProgram).flatMap(({ code, line }) =>
    Deno.lint.runPlugin(plugin, `${file}.ts`, code).filter(({ id }) =>
      !ON_PURPOSE[file]?.includes(id.slice("trefoil/".length))
    ).map(({ id, message, range }) =>
      `${file}:${line + code.slice(0, range[0]).split("\n").length - 1} ${id}: ${message}`
    )
  );
}

async function filesIn(folder: string, ending: RegExp): Promise<string[]> {
  const files: string[] = [];
  for await (const { name, isDirectory, isFile } of Deno.readDir(new URL(folder, root))) {
    const path = `${folder}${name}`;
    if (path === "docs/api" || name.startsWith(".") || name === "node_modules") continue;
    if (isDirectory) files.push(...await filesIn(`${path}/`, ending));
    else if (isFile && ending.test(name)) files.push(path);
  }
  return files.sort();
}

Deno.test("the programs on the pages do nothing that the lint plugin warns of", async () => {
  const files = ["README.md"];
  for (const folder of ["testing/", "observe/", "docs/"]) files.push(...await filesIn(folder, /\.md$/));
  let programs = 0;
  const findings: string[] = [];
  for (const file of files) {
    const blocks = blocksOf(await Deno.readTextFile(new URL(file, root)));
    programs += blocks.filter(isProgram).length;
    findings.push(...findingsIn(file, blocks));
  }
  assertEquals(findings, []);
  assertEquals(programs > 20, true, `${programs} programs`);
});

Deno.test("the programs in the documentation of the sources do nothing that the lint plugin warns of", async () => {
  const findings: string[] = [];
  let programs = 0;
  for (const folder of ["core/", "net/", "os/", "observe/", "testing/", "lint/"]) {
    for (const file of await filesIn(folder, /(?<!_test)\.ts$/)) {
      const blocks = blocksOfComments(await Deno.readTextFile(new URL(file, root)));
      programs += blocks.filter(isProgram).length;
      findings.push(...findingsIn(file, blocks));
    }
  }
  assertEquals(findings, []);
  assertEquals(programs > 150, true, `${programs} programs`);
});

Deno.test("blocks are found in lists, in quotes and in comments, with their lines", () => {
  const page = [
    "# Title",
    "```ts",
    "one();",
    "```",
    "- a list",
    "  ```ts file.ts",
    "  two();",
    "    three();",
    "  ```",
    "> ```ts ignore",
    "> bad();",
    "> ```",
    "````md",
    "```ts",
    "inner();",
    "```",
    "````",
    "1. ```json",
    "   {}",
    "   ```",
    "`` ` `` and ```inline```",
  ].join("\n");
  assertEquals(blocksOf(page).map(({ tag, code, line }) => [tag, code, line]), [
    ["ts", "one();\n", 3],
    ["ts file.ts", "two();\n  three();\n", 7],
    ["ts ignore", "bad();\n", 11],
    ["md", "```ts\ninner();\n```\n", 14],
    ["json", "{}\n", 19],
  ]);
  assertEquals(blocksOf(page).filter(isProgram).map(({ line }) => line), [3, 7]);
  const source = "const a = 1;\n/**\n * Text.\n *\n * ```ts\n * f();\n *   g();\n * ```\n */\nexport {};\n/** `x` */\n";
  assertEquals(blocksOfComments(source), [{ tag: "ts", code: "f();\n  g();\n", line: 6 }]);
});
