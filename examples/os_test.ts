// deno-lint-ignore-file no-console
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  BufferedReceiver,
  ErrorGroup,
  openNursery,
  openProcess,
  openTcpStream,
  ProcessError,
  simulated,
  sleep,
  sleepForever,
  type TcpAddress,
} from "@trefoil/io";
import { checkAll, commandOf } from "./check_all.ts";
import { echoServer } from "./echo_server.ts";
import { serveGreeting } from "./reload_on_sighup.ts";
import { echo, withSidecar } from "./sidecar.ts";

/** What the program of an example is run by. */
const deno = (...args: string[]): [string, ...string[]] => [Deno.execPath(), "run", "--no-lock", ...args];
const root = new URL("..", import.meta.url);

// check_all.ts

Deno.test(
  "check_all.ts runs all at the same time, and ends the rest when the first one fails",
  simulated(async (sim) => {
    sim.processes.define("lint", { stdout: "clean\n", after: 1_000 });
    sim.processes.define("test", { stderr: "1 failed\n", code: 1, after: 2_000 });
    sim.processes.define("slow", () => sleepForever());
    const lines: string[] = [];
    const checks = ["lint", "test", "slow"].map((name) => ({ name, command: name }));
    const error = await assertRejects(() => checkAll(checks, (line) => lines.push(line)), ProcessError);
    assertEquals([error.command, error.code, sim.now], ["test", 1, 2_000]);
    assertEquals(lines, ["lint: clean", "lint: well", "test: 1 failed"]);
    assertEquals(sim.processes.log().at(-1), "2.000s pid 3 is ended by SIGTERM");
  }),
);

Deno.test("check_all.ts runs what it is given, and its exit code says how it went", async () => {
  assertEquals(commandOf(" deno  lint -q"), ["deno", "lint", "-q"]);
  for (const [program, code] of [["true", 0], ["false", 1]] as const) {
    await using checks = await openProcess(deno("--allow-run", "examples/check_all.ts", "git --version", program), {
      cwd: root,
      stdout: "pipe",
      stderr: "null",
    });
    const lines = await Array.fromAsync(new BufferedReceiver(checks.stdout!).lines());
    assertEquals((await checks.wait()).code, code);
    if (code === 0) assert(lines.some((line) => /^git --version: git version/.test(line)), lines.join());
  }
});

// sidecar.ts

Deno.test(
  "sidecar.ts waits until its server is ready, and ends it afterwards",
  simulated(async (sim) => {
    sim.processes.define("server", async ({ stdout }) => {
      await sleep(3_000);
      await openNursery(async (nursery) => {
        const [address] = await nursery.start(echoServer({ port: 0 }));
        await stdout.sendText(`echoing on port ${address.port}\n`);
      });
    });
    assertEquals(await withSidecar("server", (port) => echo(port, "hello")), "hello");
    assertEquals(sim.processes.log().at(-1)?.split(" ").slice(1).join(" "), "pid 1 is ended by SIGTERM");
    assert(sim.now >= 3_000 && sim.now < 4_000);
  }),
);

Deno.test(
  "sidecar.ts fails with what its server has said last, if that dies",
  simulated(async (sim) => {
    sim.processes.define("server", async ({ stdout, stderr }) => {
      await stdout.sendText("echoing on port 1\n");
      await sleep(500);
      await stderr.sendText("out of memory\n");
      return 1;
    });
    const group = await assertRejects(() => withSidecar("server", () => sleepForever()), ErrorGroup);
    assertStringIncludes(
      String(group.errors[0]),
      '"sidecar" as it must exit with code 0: it exited with code 1\nout of memory',
    );
    assertEquals(sim.now, 500);
  }),
);

Deno.test("sidecar.ts talks to a real server, and leaves nothing behind", async () => {
  await using program = await openProcess(
    deno("--allow-run=deno", "--allow-net", "examples/sidecar.ts", "well met"),
    { cwd: root, stdout: "pipe", stderr: "null" },
  );
  const lines = await Array.fromAsync(new BufferedReceiver(program.stdout!).lines());
  assertEquals([lines, (await program.wait()).code], [["well met"], 0]);
});

// reload_on_sighup.ts

Deno.test(
  "reload_on_sighup.ts reads its greeting anew, and keeps the old one if there is none",
  simulated(async (sim) => {
    let file: string | null = "hello\n";
    const load = async () => {
      await sleep(10);
      if (file === null) throw new Deno.errors.NotFound("no such file");
      return file;
    };
    // What it says is of no interest here.
    const { log, error } = console;
    console.log = console.error = () => {};
    try {
      await openNursery(async (nursery) => {
        const [address] = await nursery.start<readonly [TcpAddress, ...TcpAddress[]]>((status) =>
          serveGreeting(load, { port: 0 }, status)
        );
        const greeting = async (): Promise<string> => {
          using stream = new BufferedReceiver(await openTcpStream("127.0.0.1", address.port));
          return await stream.receiveLine() ?? "";
        };
        assertEquals(await greeting(), "hello");
        for (const next of ["good evening\n", null]) {
          file = next;
          sim.signal("SIGHUP");
          await sim.advance(100);
          assertEquals(await greeting(), "good evening");
        }
        nursery.cancel();
      });
    } finally {
      Object.assign(console, { log, error });
    }
  }),
);

Deno.test("reload_on_sighup.ts survives a real SIGHUP, and ends at Ctrl-C", async () => {
  await using server = await openProcess(
    deno("--allow-net", "--allow-read", "examples/reload_on_sighup.ts", "LICENSE", "0"),
    { cwd: root, stdout: "pipe", stderr: "null" },
  );
  const lines = new BufferedReceiver(server.stdout!);
  assertStringIncludes(await lines.receiveLine() ?? "", `process ${server.pid}`);
  server.kill("SIGHUP");
  assertEquals(await lines.receiveLine(), "SIGHUP: read anew");
  server.kill("SIGINT");
  assertEquals((await server.wait()).code, 130);
});
