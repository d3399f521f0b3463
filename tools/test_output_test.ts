import { assertEquals } from "@std/assert";
import { countsOf, failuresOf, noticesOf } from "./_test_output.ts";

const framed = (text: string, kind = "") => `------- ${kind}output -------\n${text}\n----- ${kind}output end -----\n`;

Deno.test("countsOf() reads the closing line", () => {
  assertEquals(countsOf("a ... ok (1ms)\n\nok | 12 passed (3 steps) | 0 failed (1s)\n"), { passed: 12, failed: 0 });
  assertEquals(countsOf("FAILED | 2 passed (1 step) | 3 failed | 1 ignored (79ms)\n"), { passed: 2, failed: 3 });
  assertEquals(countsOf("error: it does not load"), { passed: 0, failed: 0 });
});

Deno.test("noticesOf() gives what nobody expected with the name of its test, alone or side by side", () => {
  const alone = `a test ...\n${framed("look\nhere")}a test ... ok (1ms)\n`;
  assertEquals(noticesOf(alone), { unexpected: ["a test:\nlook\nhere"], skipped: [] });
  const side =
    "------- output -------\nlook\n./a_test.ts => a test ...----- output end -----\n./a_test.ts => a test ... ok\n";
  assertEquals(noticesOf(side).unexpected, ["./a_test.ts => a test:\nlook"]);
});

Deno.test("noticesOf() leaves out what the host says of itself, and lists what was skipped", () => {
  const host = "Deno.serve: request.signal aborts on successful responses (legacy behavior). More";
  const text = framed(`${host}\nSKIPPED: no redis`, "post-test ");
  assertEquals(noticesOf(`t ...\n${text}t ... ok (1ms)\n`), { unexpected: [], skipped: ["SKIPPED: no redis"] });
  assertEquals(noticesOf(`t ...\n${framed(`${host}\nmine`)}t ... ok (1ms)\n`).unexpected, ["t:\nmine"]);
});

Deno.test("failuresOf() gives the report on failures, in full", () => {
  const output =
    "a ... FAILED\n\n ERRORS \n\na => ./a_test.ts:1:1\nerror: Error: x\n\n FAILURES \n\na\n\nFAILED | 0 passed";
  assertEquals(failuresOf(output), "a => ./a_test.ts:1:1\nerror: Error: x");
  assertEquals(failuresOf("ok"), "");
});
