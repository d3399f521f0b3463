/** The monitor over whole programs: it shows them, and changes nothing. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Program } from "./_program.ts";

const OBSERVE = new URL("../../observe/mod.ts", import.meta.url).href;
const IMPORTS = `import { Event, openNursery, run, shielded, sleep, sleepForever } from "@trefoil/io";
  import { openMonitor } from ${JSON.stringify(OBSERVE)};`;
const OPENED = `const monitor = openMonitor({ interval: 20, allowCancel: true }); console.log(monitor.url);`;

/** A line that shall come. */
const URL_LINE = /(http:\/\/127\.0\.0\.1:\d+)\/#(\w+)\n/;

interface Opened {
  readonly url: string;
  ask(path: string, init?: RequestInit): Promise<Response>;
}

async function opened(program: Program, where: "stdout" | "stderr" = "stdout"): Promise<Opened> {
  await program.prints("\n", where);
  const [, origin, token] = URL_LINE.exec(program[where]) ?? [];
  assert(origin !== undefined, program.stdout + program.stderr);
  return {
    url: `${origin}/#${token}`,
    ask: (path, init = {}) => fetch(`${origin}${path}`, { ...init, headers: { authorization: `Bearer ${token}` } }),
  };
}

/** The first line that a viewer gets, which goes then. */
async function firstLine(ask: Opened["ask"]): Promise<string> {
  const { body } = await ask("/events");
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += part.value;
    if (text.includes("\n")) break;
  }
  await reader.cancel();
  return text.split("\n")[0] as string;
}

/** A viewer that asks for something and never reads. */
async function stuckViewer(url: string, path: string): Promise<Deno.Conn> {
  const { hostname, port, hash } = new URL(url);
  const conn = await Deno.connect({ hostname, port: Number(port) });
  const request = `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${hash.slice(1)}\r\n\r\n`;
  await conn.write(new TextEncoder().encode(request));
  return conn;
}

for (const path of ["/snapshot", "/events"]) {
  Deno.test(`M1: a program ends when it is done, though somebody has asked its monitor for ${path} and does not read`, async () => {
    const program = Program.start(`${IMPORTS}
      const monitor = openMonitor({ interval: 0 });
      console.log(monitor.url);
      await run(() => openNursery(async (nursery) => {
        for (let n = 0; n < 2_000; n++) nursery.startSoon(() => sleepForever(), { name: "x".repeat(190) + n });
        await sleep(2_000);
        nursery.cancel();
      }));
      console.log("over");
    `);
    const { url, ask } = await opened(program);
    using _ = await stuckViewer(url, path);
    assertStringIncludes(await firstLine(ask), '"tasks":2001');
    assertEquals([await program.end(), program.stdout.endsWith("over\n"), program.stderr], [0, true, ""]);
  });
}

for (const [what, start] of [["a run that is awaited", "await run"], ["one that is not", "run"]] as const) {
  Deno.test(`M1: a deadlock of ${what} is told of as it is without a monitor, also while somebody looks`, async () => {
    const main = `(() => openNursery(async (nursery) => {
      nursery.startSoon(() => new Event({ name: "never" }).wait(), { name: "stuck" });
    }));`;
    const without = Program.start(`${IMPORTS} ${start}${main}`);
    const code = await without.end();
    const program = Program.start(`${IMPORTS} ${OPENED} ${start}${main}`);
    const { url, ask } = await opened(program);
    // It may be over before.
    using _ = await stuckViewer(url, "/snapshot").catch(() => null);
    await ask("/tree").then((answer) => answer.text()).catch(() => {});
    assertEquals(await program.end(), code);
    const plain = ({ stderr }: Program) => stderr.replace(/data:\S+|t=\d+ms/g, "…").replace(/:\d+:\d+/g, "");
    assertEquals(plain(program).includes("stuck"), plain(without).includes("stuck"), plain(program));
    assertStringIncludes(program.stderr, "never");
  });
}

Deno.test("M1: Ctrl-C ends a program as it does without a monitor, and one that hangs in it can be looked at", async () => {
  const program = Program.start(`${IMPORTS}
    ${OPENED}
    await run(() => openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        try {
          await sleepForever();
        } finally {
          await shielded(() => sleep(600_000));
        }
      }, { name: "slow goodbye" });
      await sleepForever();
    }));
  `);
  const { ask } = await opened(program);
  await firstLine(ask);
  program.signal("SIGINT");
  let tree = "";
  // The signal is on its way.
  while (!tree.includes("being cancelled")) tree = await (await ask("/tree")).text();
  assertMatch(tree, /slow goodbye #\d+: sleep until .* being cancelled/);
  program.signal("SIGINT");
  assertEquals(await program.end(), 130);
});

Deno.test("M: a monitor that is asked while the loop is blocked answers after that, and says who it was", async () => {
  const program = Program.start(`${IMPORTS}
    ${OPENED}
    await run(() => openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(1);
        console.log("blocks");
        for (const end = performance.now() + 700; performance.now() < end;);
        await sleep(600_000);
      }, { name: "greedy" });
    }));
  `);
  const { ask } = await opened(program);
  await program.prints("blocks");
  const { findings, numbers } = await (await ask("/snapshot")).json();
  assert(numbers.worstLag > 100, `${numbers.worstLag}`);
  const [finding] = findings.filter(({ kind }: { kind: string }) => /blocked loop|busy machine/.test(kind));
  assertStringIncludes(finding.message, 'task "greedy" #');
  await program.kill();
});

Deno.test("M: viewers that never read hold nobody up: neither the program, nor others, nor closing", async () => {
  const program = Program.start(`${IMPORTS}
    const monitor = openMonitor({ interval: 0 });
    console.log(monitor.url);
    await run(() => openNursery(async (nursery) => {
      for (let n = 0; n < 1_000; n++) nursery.startSoon(() => sleepForever(), { name: "x".repeat(150) + n });
      await sleep(1_500);
      const before = Deno.memoryUsage().rss;
      await sleep(1_500);
      console.log("grown by", Math.round((Deno.memoryUsage().rss - before) / 1e6));
      await monitor.close();
      console.log("closed");
      nursery.cancel();
    }));
  `);
  const { url, ask } = await opened(program);
  using _ = await stuckViewer(url, "/events");
  using _more = await stuckViewer(url, "/events");
  assertStringIncludes(await firstLine(ask), '"tasks":1001');
  assertEquals(await program.end(), 0, program.stderr);
  const [, grown] = /grown by (-?\d+)\nclosed\n$/.exec(program.stdout) ?? [];
  assert(Number(grown) < 60, program.stdout);
});

Deno.test("M7: a task is cancelled by a viewer that may, as by a signal", async () => {
  const program = Program.start(`${IMPORTS}
    ${OPENED}
    await run(() => openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        try {
          await sleepForever();
        } catch (error) {
          console.log(error.source, error.reason);
          throw error;
        }
      }, { name: "victim" });
    }));
    console.log("over");
  `);
  const { ask } = await opened(program);
  let found: { id: number } | undefined;
  while (found === undefined) {
    const { tasks } = await (await ask("/snapshot")).json();
    found = tasks.find(({ name, waits }: { name: string; waits: unknown[] }) => name === "victim" && waits.length > 0);
  }
  assertEquals(await (await ask(`/cancel?task=${found.id}`, { method: "POST" })).json(), {
    cancelled: { id: found.id, name: "victim" },
  });
  assertEquals([await program.end(), program.stderr], [0, ""]);
  assertStringIncludes(program.stdout, "signal cancelled in the monitor\nover\n");
});

Deno.test("M2: a profile is taken where that is allowed, and says what is missing where not", async () => {
  const script = `${IMPORTS}
    ${OPENED}
    await run(async () => {
      for (;;) {
        for (const end = performance.now() + 20; performance.now() < end;);
        await sleep(5);
      }
    });
  `;
  const program = Program.start(script);
  const { ask } = await opened(program);
  const profile = await (await ask("/profile?seconds=0.2")).json();
  assert(profile.nodes.length > 1 && profile.samples.length > 0);
  await program.kill();
});

Deno.test("M: a port that is taken is an error, and leaves nothing behind", async () => {
  using taken = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const program = Program.start(`${IMPORTS}
    try {
      openMonitor({ port: ${taken.addr.port} });
    } catch (error) {
      console.log(error.name);
    }
    await run(() => sleep(1));
  `);
  assertEquals([await program.end(), program.stdout, program.stderr], [0, "AddrInUse\n", ""]);
});

Deno.test("M: a Unix socket is for its user alone, and is gone when the monitor is closed", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/monitor.sock`;
  const program = Program.start(
    `${IMPORTS}
    const monitor = openMonitor({ path: ${JSON.stringify(path)} });
    console.log(monitor.url);
    await run(() => openNursery(async (nursery) => {
      nursery.startSoon(() => sleepForever(), { name: "behind a socket" });
      process.once("SIGUSR2", () => nursery.cancel());
      await sleepForever();
    }));
    await monitor.close();
  `.replace("openNursery,", "openNursery, ").replace("import {", `import process from "node:process"; import {`),
  );
  await program.prints("\n");
  assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
  const top = Program.startFile("observe/monitor/top.ts", program.stdout.trim());
  assertEquals([await top.end(), top.stderr], [0, ""]);
  assertStringIncludes(top.stdout, "behind a socket #");
  program.signal("SIGUSR2");
  assertEquals([await program.end(), program.stderr], [0, ""]);
  assertEquals((await Array.fromAsync(Deno.readDir(folder))).length, 0);
  await Deno.remove(folder);
});

Deno.test("M: a program is watched without a change to it", async () => {
  const preload = new URL("../../observe/monitor/preload.ts", import.meta.url).pathname;
  const script = `import { run, sleep } from "@trefoil/io"; await run(async function app() { await sleep(600_000); });`;
  const line = `TREFOIL_MONITOR=0 exec "$1" "$2" --preload=${preload} "\${@:3}"`;
  const program = Program.startInShell(line, script);
  await program.prints("\n", "stderr");
  assertMatch(program.stderr, /^Trefoil monitor: http/);
  const { ask } = await opened(program, "stderr");
  let tree = "";
  while (!tree.includes("main #1: sleep")) tree = await (await ask("/tree")).text();
  assertMatch(tree, /main #1: sleep until .* at app \(/);
  await program.kill();
  for (const setting of ["x", "99999", "9001,loud", "-1"]) {
    const wrong = Program.startInShell(line.replace("=0", `=${setting}`), script);
    assert(await wrong.end() !== 0);
    assertStringIncludes(wrong.stderr, "Cannot open a monitor");
    assertStringIncludes(wrong.stderr, setting.split(",").at(-1)!);
  }
  const off = Program.startInShell(line.replace("=0", "="), `console.log("runs");`);
  assertEquals([await off.end(), off.stdout, off.stderr], [0, "runs\n", ""]);
});

Deno.test("M9: top shows a program in a terminal, by its keys, and leaves the terminal as it was", async () => {
  const program = Program.start(`${IMPORTS}
    ${OPENED}
    await run(() => openNursery(async (nursery) => {
      nursery.startSoon(async function deep() { await sleepForever(); }, { name: "one \\x1b[31m" });
      nursery.startSoon(() => sleepForever(), { name: "victim" });
      await sleepForever();
    }));
  `);
  const { url } = await opened(program);
  const top = Program.startFileAtTerminal("observe/monitor/top.ts", url);
  // deno-lint-ignore no-control-regex -- what moves the cursor and colours
  const shown = () => top.stdout.replace(/\x1b\[[\d;?]*[A-Za-z]/g, "");
  await top.prints("victim #");
  assertStringIncludes(shown(), "one �[31m #");
  await top.write("/deep\r");
  await top.prints("filter: deep");
  await top.write("\x1b");
  await top.write("\x1b[B\r");
  await top.prints("    at deep (");
  await top.write("\x1b\x1b[B");
  await top.write("c");
  await top.prints("Cancel victim #");
  await top.write("y");
  await top.prints("cancelled victim #");
  await top.write("q");
  await top.prints("\x1b[?1049l");
  await top.endInput();
  assertEquals(await top.end(), 0);
  await program.kill();
});

Deno.test("M9: top says what is wrong with what it was given", async () => {
  const cases: readonly (readonly [args: string[], code: number, text: string])[] = [
    [[], 2, "Usage: "],
    [["nonsense"], 2, 'Cannot read the URL "nonsense"'],
    [["http://127.0.0.1:1/"], 2, "token is missing"],
    [["http://127.0.0.1:1/#x"], 1, "Cannot show the monitor at http://127.0.0.1:1"],
  ];
  for (const [args, code, text] of cases) {
    const top = Program.startFile("observe/monitor/top.ts", ...args);
    assertEquals([await top.end(), top.stdout], [code, ""]);
    assertStringIncludes(top.stderr, text);
  }
});

Deno.test("a monitor whose port is in use says which one it is", async () => {
  const program = Program.start(`${IMPORTS}
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    try {
      openMonitor({ port });
    } catch (error) {
      console.log(error instanceof Deno.errors.AddrInUse, error.message.replace(port, "PORT"));
    }
    listener.close();
  `);
  assertEquals(await program.end(), 0);
  assertEquals(program.stdout, "true Cannot open a monitor on 127.0.0.1:PORT as something else listens there\n");
});
