/** A schedule that one process finds, run again in another, and what the command line says of simulations. */

import { assertEquals, assertStringIncludes } from "@std/assert";

Deno.test("the replay text gives the same run in another process, from the command line", async () => {
  const root = new URL("../../", import.meta.url);
  const script = `
    import { checkpoint, openNursery, simulated } from ${JSON.stringify(new URL("mod.ts", root).href)};
    const trace = [];
    await simulated(async () => {
      let balance = 100, taken = 0;
      const withdraw = async (name, before) => {
        for (let i = 0; i < before; i++) await checkpoint();
        const seen = balance;
        trace.push(name + seen);
        if (seen < 60) return;
        await checkpoint();
        balance = seen - 60;
        taken++;
      };
      await openNursery((nursery) => {
        nursery.startSoon(() => withdraw("A", 0), { name: "A" });
        nursery.startSoon(() => withdraw("B", 2), { name: "B" });
      });
      if (taken !== 1) throw new RangeError("taken " + taken);
    })().then(() => console.log("passed", trace.join()), (error) => console.log(error.replay, error.cause.name, trace.join()));
  `;
  const runScript = async (...args: string[]): Promise<string> => {
    await using child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", "--no-config", "-", ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(script));
    await writer.close();
    const { stdout, stderr } = await child.output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  };
  assertEquals(await runScript(), "passed A100,B40\n");
  // Twice: the run, and the one for the report.
  assertEquals(await runScript("--sim=replay:0/2.2.3"), "0/2.2.3 RangeError A100,B100,A100,B100\n");
  assertStringIncludes(await runScript("--sim=runs:50"), "0/2.2.3 RangeError");
  assertStringIncludes(
    await runScript("--sim=fast"),
    'TypeError: Cannot simulate as the command line must say "--sim=',
  );
});
