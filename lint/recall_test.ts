import { assert } from "@std/assert";
import { DEFAULT_RULES } from "./_default_rules.ts";
import { missingAwait } from "./_missing_await.ts";
import { lint } from "./_testdata/_harness.ts";

const examples = new URL("../examples/", import.meta.url);
/** The examples import the library by the paths of this repository. */
const modules = /(?:^|\/)mod\.ts$/;

/** The programs of the examples, also those in folders. */
function* programs(folder = ""): Generator<readonly [name: string, text: string]> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, examples))) {
    const path = `${folder}${name}`;
    if (isDirectory) yield* programs(`${path}/`);
    else if (name.endsWith(".ts")) yield [path, Deno.readTextFileSync(new URL(path, examples))];
  }
}

Deno.test("no rule finds anything in the examples", () => {
  const found: string[] = [];
  for (const [name, text] of programs()) {
    for (const { id, message } of lint(DEFAULT_RULES, text, { name: `examples/${name}`, modules })) {
      found.push(`${name}: ${id}: ${message}`);
    }
  }
  assert(found.length === 0, found.join("\n"));
});

Deno.test("nine in ten awaits of the programs, each taken away in turn, are noticed to be missing", () => {
  const missed: string[] = [];
  let noticed = 0;
  for (const [name, text] of programs()) {
    // Tests await the assertions of others, and functions of other files, as the parts of a larger program do. `run()` at
    // the top need not be awaited.
    if (name.endsWith("_test.ts") || name.startsWith("cluster/")) continue;
    for (const { index: at } of text.matchAll(/(?<=^ *|\) |\belse )await (?!run\()(?=[\w.#]+\()/gm)) {
      const without = text.slice(0, at) + text.slice(at + "await ".length);
      const found = lint([missingAwait], without, { name: `examples/${name}`, modules });
      if (found.some(({ range }) => range[0] === at)) noticed++;
      else missed.push(`${name}: ${text.slice(at, text.indexOf("\n", at))}`);
    }
  }
  assert(noticed >= 100, String(noticed));
  assert(
    noticed / (noticed + missed.length) >= 0.9,
    `${noticed} noticed, ${missed.length} not:\n${missed.join("\n")}`,
  );
});
