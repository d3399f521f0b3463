/** What the host prints of errors that nobody catches, and of what was forgotten: the first that a user sees. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Program } from "./_program.ts";

const UNCAUGHT = `
  import { failAfter, openNursery, run, sleep } from "@trefoil/io";
  async function query() {
    await sleep(60_000);
  }
  run(() => openNursery((nursery) => void nursery.startSoon(() => failAfter(5, () => query()), { name: "load user" })));
  // A place in a script like this one ends as it does, and with a bracket it would not be known as one.
`;

Deno.test("E1, E2, E3: the report of an uncaught error says what was slow, where, and whose it is, in no frame of the library", async () => {
  const program = Program.start(UNCAUGHT);
  assertEquals(await program.end(), 1);
  const { stderr } = program;
  assertMatch(stderr, /ErrorGroup: 1 error: TooSlowError: /);
  assertStringIncludes(stderr, "it waited for sleep until t=");
  assertMatch(stderr, /in task "load user" #2 at query \(/);
  assertMatch(stderr, /\(in task "load user" #2, started at \S+:6:\d+\)/);
  assert(!/\n\s+at .*\/core\/(?:kernel|scopes|time|tasks)\//.test(stderr), stderr);
});

Deno.test("E3: TREFOIL_STACKS=full shows the frames of the library", async () => {
  const program = Program.startInShell('TREFOIL_STACKS=full exec "$@"', UNCAUGHT);
  assertEquals(await program.end(), 1);
  assertMatch(program.stderr, /\n\s+at .*\/core\/(?:kernel|scopes|time|tasks)\//);
});

Deno.test("E4: outside any run, a wait that was forgotten is warned of, too", async () => {
  const program = Program.start(`
    import { moveOnAfter, sleep } from "@trefoil/io";
    await moveOnAfter(1_000, () => {
      sleep(5_000);
    });
    console.log("went on");
    // See above: the end of a script without a bracket.
  `);
  assertEquals(await program.end(), 0);
  assertStringIncludes(program.stdout, "went on");
  assertMatch(
    program.stderr,
    /^Trefoil: a wait was forgotten: sleep until t=\S+ in task "main" #1 was open when a scope ended, and was cancelled; an "await" is missing at \S+:4:7, or/,
  );
});
