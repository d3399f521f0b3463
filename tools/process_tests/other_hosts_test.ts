import { assertEquals } from "@std/assert";

// JSR serves the package to Node and Bun as well; core and testing need nothing of Deno, and the rest loads.

/** The lives of a few programs that use what differs between hosts: signals of errors, timers, contexts, the end. */
const SCRIPT = `
const { all, CancelledElsewhereError, failAfter, moveOnAfter, openMemoryChannel, openNursery, run, simulate, sleep, sleepForever,
  TooSlowError } = await import(process.argv[2]);
const log = [];
const error = await run(() => openNursery((n) => {
  n.startSoon(() => sleepForever());
  n.startSoon(() => { throw new Error("boom"); }, { name: "child" });
}), { handleSignals: false }).catch((e) => e);
log.push(error.name, error.message.replace(/, started at .*/, ")"));
log.push((await moveOnAfter(5, () => sleepForever())).cancelledCaught);
log.push((await failAfter(5, () => sleepForever()).catch((e) => e)) instanceof TooSlowError);
const [send, receive] = openMemoryChannel(0);
log.push((await all([() => send.send(7), () => receive.receive()]))[1]);
const joined = await openNursery(async (n) => {
  const task = n.startSoon(() => sleepForever());
  task.cancel();
  return await task.join().catch((e) => e instanceof CancelledElsewhereError);
});
log.push(joined);
await simulate(async (sim) => { await sleep(3_600_000); log.push(sim.now); });
console.log(JSON.stringify(log));
`;

const EXPECTED = ["ErrorGroup", '1 error: Error: boom (in task "child")', true, true, 7, true, 3_600_000];

async function output(command: string, args: string[]): Promise<string | null> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(command, { args, env: { NO_COLOR: "1" } }).output();
    const text = new TextDecoder().decode(stdout).trim();
    return code === 0 ? text : `${text}${new TextDecoder().decode(stderr)}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

for (const host of ["node", "bun"]) {
  Deno.test(`core and testing work on ${host}`, async () => {
    // deno-lint-ignore no-console -- so that nobody takes it for tried
    const skip = (why: string) => console.log(`SKIPPED: ${why}`);
    if (await output(host, ["--version"]) === null) return skip(`this test needs ${host}`);
    const folder = await Deno.makeTempDir({ prefix: "trefoil_hosts_" });
    try {
      const root = new URL("../../", import.meta.url);
      const entry = `${folder}/entry.ts`;
      await Deno.writeTextFile(
        entry,
        `export * from "${new URL("mod.ts", root)}";\n`,
      );
      const bundled = await output(Deno.execPath(), [
        "bundle",
        "--no-lock",
        "--quiet",
        "--platform=deno",
        "--output",
        `${folder}/bundle.mjs`,
        entry,
      ]);
      // The bundler comes from npm.
      if (bundled !== "") return skip(`nothing can be bundled here: ${bundled}`);
      await Deno.writeTextFile(`${folder}/program.mjs`, SCRIPT);
      const text = await output(host, [`${folder}/program.mjs`, `${folder}/bundle.mjs`]);
      assertEquals(text, JSON.stringify(EXPECTED));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
