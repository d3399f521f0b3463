/** What `os` does to, and at the end of, a whole program. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { gone } from "./_gone.ts";
import { Program } from "./_program.ts";

/** Sends Ctrl-C again and again, until nobody is there. */
async function again(program: Program): Promise<void> {
  try {
    while (true) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      program.signal("SIGINT");
    }
  } catch (error) {
    assert(error instanceof TypeError);
  }
}

/** The number that a program has printed after a word. */
const numberAfter = (word: string, { stdout }: Program): number =>
  Number(new RegExp(`${word} (\\d+)`).exec(stdout)?.[1]);

/** A program with a child that ignores all polite signals. */
const withChild = (more: string) => `
  import { openProcess, run, runProcess, sleep } from "@trefoil/io";
  const sleeper = ["sh", "-c", "trap '' TERM INT HUP; echo child $$; exec sleep 600"];
  ${more}
`;

Deno.test("P14: a child ends with a program that calls Deno.exit()", async () => {
  const program = Program.start(withChild(`
    await openProcess(["sleep", "600"]).then((process) => console.log("child", process.pid));
    Deno.exit(7);
  `));
  assertEquals(await program.end(), 7);
  await gone(numberAfter("child", program));
});

Deno.test("P14: a child ends with a program whose second Ctrl-C ends it at once", async () => {
  const program = Program.start(withChild(`run(() => runProcess(sleeper, { grace: 600_000 }));`));
  await program.prints("child ");
  await program.prints("\n");
  program.signal("SIGINT");
  // Nothing shows from outside that the first one has begun to end the child.
  const end = program.end();
  await again(program);
  assertEquals(await end, 130);
  await gone(numberAfter("child", program));
});

Deno.test("P13: Ctrl-C, which the child gets as well, is a cancellation of the run: exit code 130, and no error", async () => {
  const program = Program.start(withChild(`
    run(async () => {
      const child = ["sh", "-c", "echo child $$; exec sleep 600"];
      await runProcess(child, { stdout: (line) => console.log(line) });
    });
  `));
  await program.prints("child ");
  await program.prints("\n");
  const child = numberAfter("child", program);
  program.signal("SIGINT");
  Deno.kill(child, "SIGINT");
  assertEquals([await program.end(), program.stderr], [130, ""]);
  await gone(child);
});

Deno.test("P5: SIGTERM of a program ends its children first, and its cleanup runs", async () => {
  const program = Program.start(withChild(`
    run(async () => {
      try {
        await runProcess(sleeper, { grace: 0, stdout: (line) => console.log(line) });
      } finally {
        console.log("cleaned up");
      }
    });
  `));
  await program.prints("child ");
  await program.prints("\n");
  program.signal("SIGTERM");
  assertEquals([await program.end(), program.stderr], [143, ""]);
  assertStringIncludes(program.stdout, "cleaned up");
  await gone(numberAfter("child", program));
});

Deno.test("P2: with no files left to open, a start fails cleanly, and works again later", async () => {
  const program = Program.startLimited(
    60,
    `
    import { run, runProcess } from "@trefoil/io";
    await run(async () => {
      const files = [];
      try {
        while (true) files.push(await Deno.open("/dev/null"));
      } catch {}
      console.log(await runProcess("true", { stdout: "text" }).catch((error) => error.message));
      for (const file of files) file.close();
      console.log((await runProcess(["echo", "well"], { stdout: "text" })).stdout);
    });
  `,
  );
  assertEquals([await program.end(), program.stderr], [0, ""]);
  assertStringIncludes(program.stdout, "too many are open");
  assertStringIncludes(program.stdout, "well");
});

Deno.test("P15: runs of a program leave no descriptor behind", async () => {
  const program = Program.startLimited(
    200,
    `
    import { run, runProcess } from "@trefoil/io";
    const count = () => [...Deno.readDirSync("/proc/self/fd")].length;
    await run(async () => {
      await runProcess("true", { stdin: "x", stdout: "text" });
      const before = count();
      for (let i = 0; i < 300; i++) await runProcess("true", { stdin: "x", stdout: "text" });
      console.log("more", count() - before);
    });
  `,
  );
  assertEquals([await program.end(), program.stderr], [0, ""]);
  assert(numberAfter("more", program) <= 2, program.stdout);
});

Deno.test("P11: what is read until a child is ready is passed on to where it goes anyway", async () => {
  const program = Program.start(`
    import { childProcess, openNursery, run } from "@trefoil/io";
    await run(() => openNursery(async (nursery) => {
      await nursery.start(childProcess(["sh", "-c", "echo one; echo two >&2; echo ready; echo last"], { ready: /ready/ }));
    }));
  `);
  assertEquals([await program.end(), program.stdout, program.stderr], [0, "one\nready\nlast\n", "two\n"]);
});

Deno.test("S3: a task that waits for a signal is no deadlock", async () => {
  const program = Program.start(`
    import { openSignals, run } from "@trefoil/io";
    run(async () => {
      using signals = openSignals("SIGHUP");
      console.log("up");
      console.log(await signals.receive());
    });
  `);
  await program.prints("up");
  program.signal("SIGHUP");
  assertEquals([await program.end(), program.stdout, program.stderr], [0, "up\nSIGHUP\n", ""]);
});

Deno.test("S4: a claimed Ctrl-C cancels nothing, however often; given back, it ends the run", async () => {
  const program = Program.start(`
    import { openSignals, run, sleep } from "@trefoil/io";
    run(async () => {
      {
        using signals = openSignals("SIGINT");
        for (let i = 1; i <= 3; i++) {
          console.log("up", i);
          console.log(await signals.receive());
        }
      }
      console.log("given back");
      await sleep(600_000);
    });
  `);
  for (let i = 1; i <= 3; i++) {
    await program.prints(`up ${i}`);
    program.signal("SIGINT");
  }
  await program.prints("given back");
  program.signal("SIGINT");
  assertEquals([await program.end(), program.stderr], [130, ""]);
});

Deno.test("S4: a signal that was not received goes to the run, or does what it does to any program", async () => {
  const script = (call: string) => `
    import { openSignals, run, sleep } from "@trefoil/io";
    ${call}(async () => {
      {
        using signals = openSignals("SIGTERM");
        console.log("up");
        while (signals.statistics().pending.length === 0) await sleep(1);
      }
      console.log("closed");
      await sleep(600_000);
    }${call === "run" ? "" : ")("});
  `;
  for (const [call, stderr] of [["run", ""], ["", ""]] as const) {
    const program = Program.start(script(call));
    await program.prints("up");
    program.signal("SIGTERM");
    assertEquals([await program.end(), program.stderr], [143, stderr]);
  }
});

/**
 * Runs a program at a terminal, on which Ctrl-C is pressed until it ends; returns its exit code, and what it has shown.
 */
async function atTerminal(program: string, presses: number): Promise<[code: number, shown: string]> {
  const mod = new URL("../../mod.ts", import.meta.url).href;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, program.replaceAll("@trefoil/io", mod));
  const command = `${Deno.execPath()} run --no-lock --no-check --allow-all ${file}`;
  const terminal = new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", command, "/dev/null"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    env: { NO_COLOR: "1" },
  }).spawn();
  const keys = terminal.stdin.getWriter();
  let shown = "";
  let pressed = 0;
  const reading = (async () => {
    for await (const text of terminal.stdout.pipeThrough(new TextDecoderStream())) {
      shown += text;
      // Each press is shown as ^C; the next one follows when the program has said that it has noticed the last.
      const noticed = shown.split("up").length - 1;
      while (pressed < Math.min(noticed, presses)) {
        pressed++;
        await keys.write(new Uint8Array([3]));
      }
    }
  })();
  const { code } = await terminal.status;
  await reading;
  await keys.close().catch(() => {});
  await Deno.remove(file);
  return [code, shown];
}

Deno.test("P13: Ctrl-C at a terminal, which the child gets as well, ends both with exit code 130", async () => {
  const [code, shown] = await atTerminal(
    `
    import { run, runProcess } from "@trefoil/io";
    run(() => runProcess(["sh", "-c", "echo child $$ up; exec sleep 600"]));
  `,
    1,
  );
  assertEquals(code, 130, shown);
  assert(!/Error/.test(shown), shown);
  await gone(Number(/child (\d+)/.exec(shown)?.[1]));
});

Deno.test("P14: the second Ctrl-C at a terminal ends a program at once, and a child that is deaf with it", async () => {
  const [code, shown] = await atTerminal(
    `
    import { run, runProcess } from "@trefoil/io";
    const deaf = ["sh", "-c", "trap '' TERM INT; echo child $$ up; exec sleep 600"];
    run(() => runProcess(deaf, { grace: 600_000, deliverCancel: () => (console.log("up"), new Promise(() => {})) }));
  `,
    2,
  );
  assertEquals(code, 130, shown);
  await gone(Number(/child (\d+)/.exec(shown)?.[1]));
});
