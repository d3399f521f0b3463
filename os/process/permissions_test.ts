import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { openProcess } from "./open_process.ts";
import { ProcessError } from "./process_error.ts";
import { runProcess } from "./run_process.ts";

Deno.test({
  name: "P17: the permission for one program is enough to run it, and to end it",
  permissions: { run: ["sleep", "true"] },
  async fn() {
    assertEquals((await runProcess("true")).code, 0);
    await using process = await openProcess(["sleep", "600"]);
    assertEquals((await process.end()).signal, "SIGTERM");
  },
});

Deno.test({
  name: "P2: a missing permission passes as it is",
  permissions: { run: ["true"] },
  async fn() {
    const error = await assertRejects(() => runProcess(["cat"]), Deno.errors.NotCapable);
    assert(!(error instanceof ProcessError));
  },
});

Deno.test({
  name: "P7: a group takes the permission to run everything, and is refused before the start without it",
  permissions: { run: ["sleep"] },
  async fn() {
    const error = await assertRejects(() => runProcess(["sleep", "600"], { group: true }), Deno.errors.NotCapable);
    assertStringIncludes(error.message, "use --allow-run");
  },
});
