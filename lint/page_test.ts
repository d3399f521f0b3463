import { assertEquals } from "@std/assert";
import { makePage } from "../tools/make_lint_page.ts";

Deno.test("docs/lint.md is what the test data and the rules say now", async () => {
  assertEquals(
    await Deno.readTextFile(new URL("../docs/lint.md", import.meta.url)),
    await makePage(),
    "run tools/make_lint_page.ts",
  );
});
