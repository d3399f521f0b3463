/** Standard input and output, and the terminal, of whole programs. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Program } from "./_program.ts";

const OS = new URL("../../os/mod.ts", import.meta.url).href;

/** The lines of a program at a terminal, which Deno clears before. */
const printed = ({ stdout }: Program): string[] =>
  // deno-lint-ignore no-control-regex -- what moves the cursor
  stdout.replace(/\x1b\[\d*[A-Z]/g, "").split("\r\n").map((line) => line.trim()).filter((line) => line !== "");

/** A program that says how many bytes of input it got, and how its lines begin. */
const COUNTS = `
  import { openStdin, run } from "@trefoil/io";
  await run(async () => {
    using stdin = openStdin();
    let bytes = 0, sum = 0, longest = 0;
    for await (const chunk of stdin) {
      bytes += chunk.length;
      longest = Math.max(longest, chunk.length);
      for (const byte of chunk) sum += byte;
    }
    console.log(bytes, sum % 1_000_003, longest <= 65_536);
  });
`;

for (
  const [what, line, printed] of [
    ["a pipe", `printf 'hello' | "$@"`, "5 532 true\n"],
    ["a file", `"$@" <<< "hello"`, "6 542 true\n"],
    ["/dev/null", `"$@" < /dev/null`, "0 0 true\n"],
    ["a closed one", `"$@" <&-`, "0 0 true\n"],
    ["a large pipe", `head -c 20000000 /dev/zero | tr '\\0' '\\1' | "$@"`, "20000000 999943 true\n"],
  ] as const
) {
  Deno.test(`T1: openStdin() receives ${what} to its end`, async () => {
    const program = Program.startInShell(line, COUNTS);
    assertEquals([await program.end(), program.stderr, program.stdout], [0, "", printed]);
  });
}

Deno.test("T1: cancelled receives lose no byte of a real pipe, and take no permission", async () => {
  const program = Program.startPiped(`
    import { moveOnAfter, openStdin, run } from "@trefoil/io";
    await run(async () => {
      using stdin = openStdin();
      let text = "", cancelled = 0;
      console.log("ready");
      while (true) {
        const { value, cancelledCaught } = await moveOnAfter(1, () => stdin.receiveSome(3));
        if (value === null) break;
        if (cancelledCaught) cancelled++;
        else text += new TextDecoder().decode(value);
        if (cancelled === 3) console.log("cancelled");
      }
      console.log(text);
    });
  `);
  let all = "";
  for (let i = 0; i < 200; i++) {
    all += `${i} `;
    await program.write(`${i} `);
    if (i === 100) await program.prints("cancelled");
  }
  await program.endInput();
  assertEquals([await program.end(), program.stderr], [0, ""]);
  assertStringIncludes(program.stdout, all);
});

Deno.test("T1: a program that is cancelled while it waits for input ends, although nobody has closed that", async () => {
  const program = Program.startPiped(`
    import { moveOnAfter, run, stdinLines } from "@trefoil/io";
    await run(async () => {
      const lines = stdinLines();
      console.log((await lines.next()).value);
      console.log((await moveOnAfter(20, () => lines.next())).cancelledCaught);
    });
  `);
  await program.write("first\nand a ha");
  assertEquals([await program.end(), program.stderr, program.stdout], [0, "", "first\ntrue\n"]);
  await program.endInput();
});

for (const size of [10, 10_000, 70_000]) {
  Deno.test(`T1: a program ends with ${size} bytes of input that nobody has read, and is not deadlocked before`, async () => {
    const program = Program.startPiped(`
      import { openStdin, run } from "@trefoil/io";
      await run(async () => {
        using stdin = openStdin();
        console.log("waits");
        console.log((await stdin.receiveSome(1)).length);
      });
    `);
    await program.prints("waits");
    // The program may have gone before the last of it.
    await program.write("x".repeat(size)).catch(() => {});
    assertEquals([await program.end(), program.stderr, program.stdout], [0, "", "waits\n1\n"]);
    await program.endInput();
  });
}

Deno.test("T1: a signal ends a program that waits for input", async () => {
  const program = Program.startPiped(`
    import { run, stdinLines } from "@trefoil/io";
    run(async () => {
      try {
        console.log("waits");
        for await (const _ of stdinLines());
      } finally {
        console.log("cleans up");
      }
    });
  `);
  await program.prints("waits");
  program.signal("SIGINT");
  assertEquals([await program.end(), program.stderr, program.stdout], [130, "", "waits\ncleans up\n"]);
  await program.endInput();
});

Deno.test("T2: what nobody reads any more is a BrokenResourceError, as with head -1", async () => {
  const program = Program.startInShell(
    `"$@" | head -1`,
    `
    import { BrokenResourceError, run } from "@trefoil/io";
    import { openStderr, openStdout } from "${OS}";
    await run(async () => {
      using stdout = openStdout();
      using stderr = openStderr();
      let lines = 0;
      try {
        while (true) {
          await stdout.sendText("line\\n".repeat(1_000));
          lines++;
        }
      } catch (error) {
        await stderr.sendText(error instanceof BrokenResourceError ? error.message : "another error: " + error);
      }
    });
  `,
  );
  assertEquals([await program.end(), program.stdout], [0, "line\n"]);
  assertEquals(program.stderr, "Cannot send as somebody must read stdout: nobody does any more");
});

Deno.test("T2: a task that writes to a full pipe waits, and others go on; a cancelled one leaves what is in flight", async () => {
  const program = Program.startInShell(
    `d=$(mktemp -d); mkfifo $d/go; GO=$d/go "$@" | { read -r _ < $d/go; wc -c; }; rm -r $d`,
    `
    import { moveOnAfter, run } from "@trefoil/io";
    import { openStdout } from "${OS}";
    await run(async () => {
      using stdout = openStdout();
      const { cancelledCaught } = await moveOnAfter(20, () => stdout.sendAll(new Uint8Array(1_000_000)));
      if (!cancelledCaught) throw new Error("it was not full");
      const last = stdout.sendText("x".repeat(100));
      await Deno.writeTextFile(Deno.env.get("GO"), "go\\n");
      await last;
    });
  `,
  );
  assertEquals([await program.end(), program.stderr, program.stdout.trim()], [0, "", "1000100"]);
});

Deno.test("T3, T4: in raw mode keys come as they are pressed, Ctrl-C as a byte, and the terminal is given back", async () => {
  const program = Program.startAtTerminal(`
    import { openStdin, run } from "@trefoil/io";
    import { openRawMode, runProcess, terminalSize } from "${OS}";
    const flags = async () => {
      const { stdout } = await runProcess(["stty", "-a"], { stdin: "inherit", stdout: "text" });
      return /(-?icanon).* (-?echo) /s.exec(stdout).slice(1).join(" ") + " " + /-?isig/.exec(stdout);
    };
    await run(async () => {
      console.log("size", terminalSize());
      console.log("before", await flags());
      using stdin = openStdin();
      const outer = openRawMode();
      console.log("raw", await flags());
      for (const name of ["first", "second"]) {
        console.log(name);
        console.log("byte", ...await stdin.receiveSome());
      }
      const inner = openRawMode({ cbreak: true });
      console.log("inner", await flags());
      outer[Symbol.dispose]();
      outer[Symbol.dispose]();
      console.log("still", await flags());
      inner[Symbol.dispose]();
      console.log("after", await flags());
      console.log("line");
      console.log("bytes", ...await stdin.receiveSome());
    });
  `);
  await program.prints("first");
  await program.write("x");
  await program.prints("byte 120");
  await program.prints("second");
  await program.write("\x03");
  await program.prints("line\r\n");
  await program.write("y\n");
  assertEquals(await program.end(), 0);
  await program.endInput();
  assertEquals(
    printed(program).filter((line) => !/^(first|second|line|y)$/.test(line)),
    [
      "size { columns: 100, rows: 30 }",
      "before icanon echo isig",
      "raw -icanon -echo -isig",
      "byte 120",
      "byte 3",
      "inner -icanon -echo isig",
      "still -icanon -echo isig",
      "after icanon echo isig",
      "bytes 121 10",
    ],
  );
});

Deno.test("T3: Ctrl-C with cbreak cancels the run, and the guard gives the terminal back", async () => {
  const program = Program.startAtTerminal(`
    import { openStdin, run } from "@trefoil/io";
    import { openRawMode, runProcess } from "${OS}";
    try {
      await run(async () => {
        using _raw = openRawMode({ cbreak: true });
        using stdin = openStdin();
        console.log("ready");
        await stdin.receiveSome();
      });
    } finally {
      const { stdout } = await runProcess(["stty", "-a"], { stdin: "inherit", stdout: "text" });
      console.log("after", ...stdout.match(/-?icanon|-?echo\\b/g));
    }
  `);
  await program.prints("ready");
  await program.write("\x03");
  assertEquals(await program.end(), 130);
  await program.endInput();
  assertStringIncludes(program.stdout, "after icanon echo");
});

Deno.test("T4: a window that changes its size wakes the task that waits for it, which is not deadlocked", async () => {
  const program = Program.startAtTerminal(`
    import { run, runProcess } from "@trefoil/io";
    import { openTerminalSize } from "${OS}";
    await run(async () => {
      using size = openTerminalSize();
      console.log(size.value);
      const changed = size.changed();
      await runProcess(["stty", "cols", "50"], { stdin: "inherit" });
      console.log(await changed);
    });
  `);
  assertEquals(await program.end(), 0);
  await program.endInput();
  assertEquals(printed(program), ["{ columns: 100, rows: 30 }", "{ columns: 50, rows: 30 }"]);
});
