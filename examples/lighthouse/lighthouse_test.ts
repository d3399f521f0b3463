import { assert, assertEquals } from "@std/assert";
import { serveTcp, simulated } from "@trefoil/io";
import { check } from "./1_one_check.ts";

const folder = new URL(".", import.meta.url);
const pages = new URL("../../docs/tutorial/", import.meta.url);

/** The pages of the tutorial, by name. */
async function readPages(): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for await (const { name } of Deno.readDir(pages)) {
    if (/^\d+-.*\.md$/.test(name)) texts.set(name, await Deno.readTextFile(new URL(name, pages)));
  }
  return texts;
}

Deno.test("each page shows its program as it is, and runs the code of all its blocks", async () => {
  const shown: string[] = [];
  for (const [page, text] of await readPages()) {
    for (const [, program = "", code = ""] of text.matchAll(/^```ts examples\/lighthouse\/(\S+)\n([^]*?)^```$/gm)) {
      assertEquals(program.split("_")[0], page.split("-")[0], page);
      // A block is a module beside its page, so it imports the other programs from there.
      const file = await Deno.readTextFile(new URL(program, folder));
      assertEquals(code.replaceAll('"../../examples/lighthouse/', '"./'), file, `${page} does not show ${program}`);
      shown.push(program);
    }
    assert(!/^ *`{3,}ts\{/m.test(text), `${page}: a fence without a space before its braces would not run`);
  }
  const programs: string[] = [];
  for await (const { name } of Deno.readDir(folder)) if (/^\d+_\w+\.ts$/.test(name)) programs.push(name);
  assertEquals(shown.sort(), programs.sort());
});

Deno.test(
  "1_one_check.ts tells who is up, down and silent",
  simulated(async (sim) => {
    sim.net.host("web").startSoon(() => serveTcp(() => {}, { port: 80 }));
    assertEquals([await check("web", 80), await check("web", 81), sim.now], ["up", "down", 0]);
    sim.net.partition("test", "web");
    assertEquals([await check("web", 80), sim.now], ["silent", 2_000]);
  }),
);
