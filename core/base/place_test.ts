import { assertEquals } from "@std/assert";
import { isOurs, placeOf } from "./place.ts";

Deno.test("placeOf() finds the first place of the user's in the stacks of V8, with URLs, and of Bun, with paths", () => {
  const library = new URL("../../core/time/sleep.ts:1:2", import.meta.url).href;
  for (const prefix of ["file://", ""]) {
    const ours = library.replace("file://", prefix);
    const stack = [
      "Error",
      `    at sleep (${ours})`,
      `    at ${ours}`,
      "    at async node:internal/process:1:1",
      `    at #body (${prefix}/home/me/program.ts:3:4)`,
      `    at ${prefix}/home/me/other.ts:5:6`,
    ].join("\n");
    assertEquals(placeOf({ stack }), "file:///home/me/program.ts:3:4");
    assertEquals([isOurs(`    at sleep (${ours})`), isOurs(stack.split("\n")[4]!)], [true, false]);
    const anonymous = `Error\n    at ${ours}\n    at ${prefix}/home/me/other.ts:5:6`;
    assertEquals(placeOf({ stack: anonymous }), "file:///home/me/other.ts:5:6");
  }
});

Deno.test("isOurs() knows all folders of the library, and none of its tests", () => {
  const root = new URL("../../", import.meta.url).href;
  for (const folder of ["core", "net", "os", "testing"]) {
    for (const [file, expected] of [["a.ts", true], ["room/_a.ts", true], ["room/a_test.ts", false]] as const) {
      assertEquals([folder, file, isOurs(`    at f (${root}${folder}/${file}:1:2)`)], [folder, file, expected]);
    }
  }
});
