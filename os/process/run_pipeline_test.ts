import { assert, assertEquals, assertRejects } from "@std/assert";
import { CancelScope, moveOnAfter } from "../../core/mod.ts";
import { inTime } from "../_fixtures/in_time.ts";
import { ProcessError } from "./process_error.ts";
import { runPipeline } from "./run_pipeline.ts";

Deno.test("P16: the bytes pass through all programs, and the last one gives the result", async () => {
  const { stdout, code, leftOpen } = await runPipeline([["sort"], ["uniq", "-c"], ["tr", "-d", " "]], {
    stdin: "b\na\nb\n",
    stdout: "text",
  });
  assertEquals([stdout, code, leftOpen], ["1a\n2b\n", 0, []]);
  assertEquals((await runPipeline([["echo", "one"]], { stdout: "text" })).stdout, "one\n");
});

Deno.test("P16: a program that does not read to the end closes the output of the one before", async () => {
  for (let i = 0; i < 5; i++) {
    const { stdout } = await runPipeline([["yes"], ["cat"], ["head", "-n", "1"]], { stdout: "text" });
    assertEquals(stdout, "y\n");
  }
});

Deno.test("P16: any other failure ends all", async () => {
  const failing: [readonly (readonly [string, ...string[]])[], string][] = [
    [[["false"], ["cat"]], "false"],
    [[["yes"], ["sh", "-c", "exit 3"]], "sh -c 'exit 3'"],
    [[["yes"], ["no-such-program"]], "no-such-program"],
    [[["sleep", "600"], ["sh", "-c", "exit 3"], ["cat"]], "sh -c 'exit 3'"],
    // The last one may not end so.
    [[["echo"], ["sh", "-c", "kill -PIPE $$"]], "sh -c 'kill -PIPE $$'"],
  ];
  for (const [commands, name] of failing) {
    const error = await assertRejects(() => runPipeline(commands, { stdout: "text" }), ProcessError);
    assertEquals(error.command, name);
  }
  const { code } = await runPipeline([["false"], ["sh", "-c", "exit 4"]], { check: false });
  assertEquals(code, 4);
});

Deno.test("P16: a pipeline is cancelled as a whole", async () => {
  assert(
    (await moveOnAfter(1, () => runPipeline([["yes"], ["cat"], ["sleep", "600"]], { stdout: "text" }))).cancelledCaught,
  );
  await inTime((process) => process.exit(0), async ({ spawned }) => {
    const scope = new CancelScope();
    scope.cancel();
    assert((await scope.run(() => runPipeline([["a"], ["b"]]))).cancelledCaught);
    await assertRejects(
      () => runPipeline([["a"], ["b", 1 as never]]),
      TypeError,
      'part 1 of "command" must be a string',
    );
    await assertRejects(
      () => runPipeline([]),
      TypeError,
      '"commands" must be an array of commands: received an empty one',
    );
    await assertRejects(() => runPipeline("a | b" as never), TypeError, 'received "a | b"');
    assertEquals(spawned.length, 0);
  });
});

Deno.test("P16: pipes are between the programs, and not for others", async () => {
  await inTime((process) => process.exit(0), async ({ spawned }) => {
    await assertRejects(() => runPipeline([["a"]], { stdin: "pipe" }), TypeError, '"stdin" must not be "pipe"');
    await assertRejects(() => runPipeline([["a"], ["b"]], { stdout: "pipe" as never }), TypeError, '"stdout" must be');
    assertEquals(spawned.length, 0);
  });
});
