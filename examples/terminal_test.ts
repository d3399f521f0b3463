import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  BufferedReceiver,
  BufferedStream,
  openFile,
  openProcess,
  openTempDir,
  run,
  runProcess,
  simulated,
  StapledStream,
  WorkerCrashedError,
  writeFileAtomic,
} from "@trefoil/io";
import { currentRun } from "@trefoil/io/lowlevel";
import { bar, hashFiles } from "./hash_pool.ts";
import { repl, storeCommands } from "./repl.ts";
import { tail } from "./tail.ts";

/** What the program of an example is run by. */
const deno = (...args: string[]): [string, ...string[]] => [Deno.execPath(), "run", "--no-lock", ...args];
const root = new URL("..", import.meta.url);
const inRoot = { cwd: root, stdout: "pipe", stderr: "null" } as const;

// hash_pool.ts

/** That of no bytes, and of "abc": FIPS 180-2. */
const [EMPTY, ABC] = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
];

Deno.test(
  "hash_pool.ts hashes all files in their order, and tells how far it is",
  simulated(async () => {
    await using dir = await openTempDir();
    const paths = ["a", "b", "c"].map((name) => `${dir.path}/${name}`);
    for (const [index, text] of ["abc", "", "abc"].entries()) await writeFileAtomic(paths[index]!, text);
    const reports: string[] = [];
    assertEquals(await hashFiles(paths, (done, size) => reports.push(`${done}/${size}`), 2), [ABC, EMPTY, ABC]);
    assertEquals(reports, ["3/6", "6/6"]);
    assertEquals([bar(0, 0), bar(1, 2)], [`[${"#".repeat(30)}] 100 %`, `[${"#".repeat(15)}${" ".repeat(15)}] 50 %`]);
  }),
);

Deno.test(
  "hash_pool.ts ends when a worker crashes, and leaves none behind",
  simulated(async (sim) => {
    sim.workers.crashNext("hashFile");
    await assertRejects(
      () => hashFiles([new URL("../LICENSE", import.meta.url).pathname], () => {}, 1),
      WorkerCrashedError,
    );
  }),
);

Deno.test("hash_pool.ts prints what sha256sum prints, with real threads", async () => {
  await using program = await openProcess(deno("--allow-read", "examples/hash_pool.ts", "LICENSE", "mod.ts"), inRoot);
  const lines = await Array.fromAsync(new BufferedReceiver(program.stdout!).lines());
  const { stdout } = await new Deno.Command("sha256sum", { args: ["LICENSE", "mod.ts"], cwd: root }).output();
  assertEquals(`${lines.join("\n")}\n`, new TextDecoder().decode(stdout));
});

Deno.test("hash_pool.ts ends at Ctrl-C, amid a file without an end", () =>
  run(async () => {
    await using dir = await openTempDir();
    const path = `${dir.path}/pipe`;
    await runProcess(["mkfifo", path]);
    await using program = await openProcess(deno("--allow-read", "examples/hash_pool.ts", path), {
      cwd: root,
      stdout: "null",
      stderr: "null",
    });
    // Ends when somebody reads, and fails when nobody does any more.
    using file = await openFile(path, { write: true });
    await assertRejects(async () => {
      for (let n = 0;; n++) {
        await file.sendAll(new Uint8Array(1024 * 1024));
        if (n === 3) program.kill("SIGINT");
      }
    });
    assertEquals((await program.wait()).code, 130);
  }, { handleSignals: false }));

// tail.ts

/** A look at a file that was given up is over on the host a little later, and would count as a leak of the next test. */
async function hostIsQuiet(): Promise<void> {
  while (currentRun().statistics().hostOperations.length > 0) await new Promise((resolve) => setImmediate(resolve));
}

Deno.test("tail.ts gives the last lines, and those that are added, in a file that is replaced as well", () =>
  run(async () => {
    await using dir = await openTempDir();
    const path = `${dir.path}/log`;
    await writeFileAtomic(path, "one\ntwo\nthree\n");
    const lines = tail(path, { lines: 2 });
    const next = async () => (await lines.next()).value;
    assertEquals([await next(), await next()], ["two", "three"]);
    await Deno.writeTextFile(path, "fo", { append: true });
    await Deno.writeTextFile(path, "ur\n", { append: true });
    assertEquals(await next(), "four");
    await Deno.rename(path, `${path}.1`);
    await Deno.writeTextFile(`${path}.1`, "five\n", { append: true });
    await Deno.writeTextFile(path, "six\n");
    assertEquals([await next(), await next()], ["five", "six"]);
    await Deno.writeTextFile(path, "7\n");
    assertEquals(await next(), "7");
    await lines.return(undefined);
    await hostIsQuiet();
  }, { handleSignals: false }));

Deno.test("tail.ts misses no final state of a file that is rewritten atomically again and again", () =>
  run(async () => {
    await using dir = await openTempDir();
    const path = `${dir.path}/log`;
    await writeFileAtomic(path, "0\n");
    const lines = tail(path);
    assertEquals((await lines.next()).value, "0");
    for (let round = 1; round <= 50; round++) {
      const last = round * 20;
      for (let n = last - 19; n <= last; n++) await writeFileAtomic(path, `${n}\n`);
      let seen = "";
      while (seen !== `${last}`) seen = (await lines.next()).value as string;
    }
    await lines.return(undefined);
    await hostIsQuiet();
  }, { handleSignals: false }));

Deno.test("tail.ts follows as a program, and ends at Ctrl-C", async () => {
  await using dir = await openTempDir();
  const path = `${dir.path}/log`;
  await writeFileAtomic(path, "one\n");
  await using program = await openProcess(deno("--allow-read", "examples/tail.ts", path), inRoot);
  const lines = new BufferedReceiver(program.stdout!);
  assertEquals(await lines.receiveLine(), "one");
  await Deno.writeTextFile(path, "two\n", { append: true });
  assertEquals(await lines.receiveLine(), "two");
  program.kill("SIGINT");
  assertEquals((await program.wait()).code, 130);
});

// repl.ts

Deno.test(
  "repl.ts does what it is told, and says what is wrong",
  simulated(async (sim) => {
    let said = "";
    const say = (text: string): Promise<void> => Promise.resolve(void (said += text));
    sim.stdin.send("set a 1 2\nget a\n\nget b\nfly\nsleep x\nquit\nget a\n");
    await repl(storeCommands(), say);
    assertEquals(said.split("\n"), [
      "> > 1 2",
      '> > Cannot get "b" as it must have been set',
      '> There is no "fly": get, set, sleep, quit',
      "> Cannot sleep as the time must be in seconds: x",
      "> ",
    ]);
  }),
);

Deno.test(
  "repl.ts cancels a command at Ctrl-C, and ends at the prompt",
  simulated(async (sim) => {
    const said: string[] = [];
    const say = (text: string): Promise<void> => Promise.resolve(void said.push(`${sim.now} ${text}`));
    sim.background.startSoon(() => repl(storeCommands(), say));
    sim.stdin.send("sleep 60\n");
    await sim.advance(1_000);
    sim.signal("SIGINT");
    await sim.advance(1_000);
    sim.stdin.send("sleep 1\n");
    await sim.advance(2_000);
    sim.signal("SIGINT");
    await sim.advance(1);
    assertEquals(said, ["0 > ", "1000 cancelled\n> ", "3000 > "]);
    sim.stdin.send("get a\n");
    await sim.advance(1_000);
    assertEquals(said.length, 3);
  }),
);

Deno.test("repl.ts talks over pipes, and ends with its input", async () => {
  await using program = await openProcess(deno("examples/repl.ts"), { ...inRoot, stdin: "pipe" });
  const stream = new BufferedStream(new StapledStream(program.stdin!, program.stdout!));
  await stream.sendText("set a b\nget a\n");
  assertStringIncludes(await stream.receiveLine() ?? "", "b");
  program.stdin!.close();
  const { code } = await program.wait();
  assert(code === 0);
});
