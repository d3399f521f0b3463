// deno-lint-ignore-file no-console
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { BrokenResourceError, CancelScope, currentTime, moveOnAfter, openNursery, run, sleep } from "../../core/mod.ts";
import { currentRun } from "../../core/lowlevel.ts";
import { streamFromReadable, streamFromWritable } from "../../net/mod.ts";
import { inTime, until } from "../_fixtures/in_time.ts";
import { ProcessError } from "./process_error.ts";
import { runProcess } from "./run_process.ts";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("P1: bad options are refused before anything is started", async () => {
  await inTime((process) => process.exit(0), async (processes) => {
    const wrong: [Record<string, unknown>, typeof TypeError, string][] = [
      [
        { stdin: 7 },
        TypeError,
        '"stdin" must be "null", "inherit", a string, a Uint8Array or a ReceiveStream: received 7',
      ],
      [
        { stdin: "pipe" },
        TypeError,
        '"stdin" must not be "pipe", which is for openProcess(): to send that text, give its bytes',
      ],
      [
        { stdout: "pipe" },
        TypeError,
        '"stdout" must be "inherit", "null", "text", "bytes", a function or a SendStream',
      ],
      [{ stdout: "tail" }, TypeError, '"stdout"'],
      [{ stderr: "all" }, TypeError, '"stderr"'],
      [{ check: 1 }, TypeError, '"check"'],
      [{ maxOutput: 1.5 }, RangeError, '"maxOutput"'],
      [{ grace: -1 }, RangeError, '"grace" must be >= 0: received -1'],
      [{ grace: NaN }, RangeError, '"grace"'],
      [{ drain: "1" }, TypeError, '"drain"'],
      [{ group: 1 }, TypeError, '"group"'],
      [{ group: true, stdin: "inherit" }, TypeError, "a group of its own has no terminal"],
      [{ deliverCancel: true }, TypeError, '"deliverCancel"'],
      [{ onShutdown: "SIGFOO" }, TypeError, '"onShutdown" must be the name of a signal'],
      [{ cwd: 1 }, TypeError, '"cwd"'],
      [{ env: { A: undefined } }, TypeError, 'variable "A" in "env" must be a string: received undefined'],
      [{ env: { "A=B": "" } }, TypeError, 'must have no "="'],
      [{ env: 1 }, TypeError, '"env" must be an object'],
      [{ clearEnv: "no" }, TypeError, '"clearEnv"'],
      [{ uid: -1 }, RangeError, '"uid"'],
      [{ gid: 0.5 }, RangeError, '"gid"'],
      [{ name: 1 }, TypeError, '"name"'],
    ];
    for (const [options, Class, text] of wrong) await assertRejects(() => runProcess("true", options), Class, text);
    await assertRejects(() => runProcess("true", 1 as never), TypeError, '"options" must be an object');
    assertEquals(processes.spawned.length, 0);
  });
});

Deno.test("P1: in a cancelled scope nothing is started", async () => {
  await inTime((process) => process.exit(0), async (processes) => {
    const scope = new CancelScope();
    scope.cancel();
    const outcome = await scope.run(() => runProcess("true"));
    assertEquals([outcome.cancelledCaught, processes.spawned.length], [true, 0]);
  });
});

Deno.test("a program runs with its arguments, input, folder and environment", async () => {
  const { stdout, stderr, ...rest } = await runProcess(["sh", "-c", 'cat; echo "$0 $A" $(pwd)', "a b"], {
    stdin: "in\n",
    stdout: "text",
    cwd: new URL("file:///"),
    env: { A: "1" },
  });
  assertEquals([stdout, stderr], ["in\na b 1 /\n", ""]);
  assertEquals(rest, { code: 0, signal: null, success: true, leftOpen: [] });
  const bytes = await runProcess(["sh", "-c", "printf '\\377'; printf x >&2"], { stdout: "bytes", stderr: "text" });
  assertEquals([bytes.stdout, bytes.stderr], [new Uint8Array([255]), "x"]);
  assertEquals((await runProcess(["printf", "\\377"], { stdout: "text" })).stdout, "\ufffd");
  assertEquals((await runProcess(["echo"], { stdout: "null" })).stdout, null);
});

Deno.test("P2: what cannot be started says why, and leaves nothing open", async () => {
  const cases: [string | [string, ...string[]], { cwd?: string; name?: string }, string][] = [
    [
      "no-such-program",
      {},
      'Cannot start "no-such-program" as its program must be there: "no-such-program" was not found (is it installed, and on PATH?)',
    ],
    [
      "git log",
      {},
      `Cannot start "'git log'" as its program must be there, and no shell takes a command apart: "git log" was not found (write ["git", "log"], or ["sh", "-c", "git log | wc"])`,
    ],
    ["true", { cwd: "/no/such" }, 'Cannot start "true" as its "cwd" must be a folder: there is no "/no/such"'],
    [
      "/etc/passwd",
      {},
      'Cannot start "/etc/passwd" as its program must be a file that may be run: "/etc/passwd" is not executable',
    ],
    [
      ["true", "x".repeat(3_000_000)],
      { name: "it" },
      'Cannot start "it" as its arguments and environment must fit into what the system has room for: they are too long',
    ],
    [
      "no-such-program",
      { name: "it" },
      'Cannot start "it" as its program must be there: the program was not found (is it installed, and on PATH?)',
    ],
  ];
  for (const [command, options, message] of cases) {
    const error = await assertRejects(
      () => runProcess(command, { ...options, stdin: "x", stdout: "text" }),
      ProcessError,
    );
    assertEquals([error.message, error.reason, error.code], [message, "spawn", null]);
    assert(error.cause instanceof Error);
  }
});

Deno.test("P4: after the exit what is there is read, and an idle pipe is waited for no longer than drain", async () => {
  const begun = await withHint(() => runProcess(["sh", "-c", "sleep 600 & echo $!"], { stdout: "text", drain: 0 }));
  Deno.kill(Number(begun.stdout), "SIGKILL");
  assertEquals(begun.leftOpen, ["stdout", "stderr"]);
  // More than a pipe holds, all of which has to be read after the exit of the shell.
  const all = await runProcess(["sh", "-c", "head -c 1000000 /dev/zero & exit 0"], {
    stdout: "bytes",
    drain: Infinity,
  });
  assertEquals([all.stdout.length, all.leftOpen], [1_000_000, []]);
});

Deno.test("P4: a descendant that never stops writing is not read for ever", async () => {
  let size = 0;
  const count = (line: string) => void (size += line.length + 1);
  const { leftOpen } = await withHint(() =>
    runProcess(["sh", "-c", "yes & exit 0"], { stdout: count, stderr: "null", drain: 0 })
  );
  assertEquals(leftOpen, ["stdout"]);
  assert(size < 64 * 1024 * 1024);
});

Deno.test("P4: a descendant that says something now and then cannot begin the time anew", async () => {
  await inTime((process) => process.exit(0), async ({ spawned }) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        while (true) {
          await sleep(50);
          await spawned[0]!.write("x");
        }
      }, { daemon: true });
      const { stdout, leftOpen } = await withHint(() => runProcess("it", { stdout: "text", drain: 220 }));
      assertEquals([stdout, leftOpen, currentTime()], ["xxxx", ["stdout", "stderr"], 220]);
    });
  });
});

Deno.test("P4: a slow receiver of the output uses up none of the time", async () => {
  await inTime((process) => process.exit(0), async ({ spawned }) => {
    const taken: string[] = [];
    const slow = {
      async sendAll(bytes: Uint8Array) {
        await sleep(1_000);
        taken.push(new TextDecoder().decode(bytes));
      },
      close() {},
      [Symbol.dispose]() {},
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(10);
        await spawned[0]!.write("one");
        await sleep(500);
        await spawned[0]!.write("two");
        await sleep(1_000);
        spawned[0]!.closeOutputs();
      });
      const { leftOpen } = await runProcess("it", { stdout: slow, stderr: "null", drain: 100 });
      assertEquals([taken, leftOpen], [["one", "two"], []]);
    });
  });
});

Deno.test("P12: a failure carries what is known, and its message the last lines of stderr", async () => {
  const error = await assertRejects(
    () =>
      runProcess([
        "sh",
        "-c",
        "echo out; for i in 1 2 3 4 5 6 7 8 9 10 11; do echo $i >&2; done; printf 'x\\033[1m' >&2; exit 128",
      ], {
        stdout: "text",
        name: "git push origin",
      }),
    ProcessError,
  );
  assertEquals(
    error.message,
    'Cannot complete "git push origin" as it must exit with code 0: it exited with code 128\n' +
      "3\n4\n5\n6\n7\n8\n9\n10\n11\nx\\x1b[1m",
  );
  assertEquals([error.name, error.reason, error.command, error.code, error.signal, error.stdout], [
    "ProcessError",
    "exit",
    "git push origin",
    128,
    null,
    "out\n",
  ]);
  const killed = await assertRejects(() => runProcess(["sh", "-c", "kill -9 $$"]), ProcessError);
  assertEquals([killed.reason, killed.signal, killed.code], ["signal", "SIGKILL", 137]);
  assertStringIncludes(killed.message, "it was ended by SIGKILL");
  const { code, success } = await runProcess(["sh", "-c", "exit 3"], { check: false });
  assertEquals([code, success], [3, false]);
});

Deno.test("a process that writes more than maxOutput is ended, with what there was", async () => {
  const error = await assertRejects(() => runProcess("yes", { stdout: "text", maxOutput: 1_001 }), ProcessError);
  assertEquals([error.reason, (error.stdout as string).length, error.message], [
    "output",
    1_001,
    'Cannot complete "yes" as its stdout must not exceed "maxOutput": it wrote more than 1001 bytes',
  ]);
});

Deno.test("lines go to a function, whose error ends the process and is thrown", async () => {
  const lines: string[] = [];
  await runProcess(["printf", "a\\nb\\r\\nc"], { stdout: (line) => void lines.push(line) });
  assertEquals(lines, ["a", "b", "c"]);
  const mine = new Error("mine");
  const error = await assertRejects(() =>
    runProcess("yes", {
      stdout() {
        throw mine;
      },
    })
  );
  assert(error === mine);
});

Deno.test("output goes to a stream that is lent, and its failure ends the process", async () => {
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
  const text = new Response(readable).text();
  const to = streamFromWritable(writable);
  await runProcess(["echo", "one"], { stdout: to });
  await runProcess(["echo", "two"], { stdout: to });
  await to.sendEof();
  assertEquals(await text, "one\ntwo\n");
  await assertRejects(() => runProcess("yes", { stdout: to }), Error, "sendEof() was called before");
});

Deno.test("P8: input that the process does not want is no failure, whatever it is given as", async () => {
  const much = new Uint8Array(1_000_000);
  assertEquals((await runProcess("true", { stdin: much })).code, 0);
  const stream = streamFromReadable(
    new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(encode("line\n")) }, {
      highWaterMark: 0,
    }),
  );
  assertEquals((await runProcess(["head", "-n", "2"], { stdin: stream, stdout: "text" })).stdout, "line\nline\n");
  // Lent: it is still there, and nobody waits for it.
  assertEquals(await stream.receiveSome(), encode("line\n"));
  stream.close();
});

Deno.test("P8: a source that fails ends the process, and its error is thrown", async () => {
  const source = streamFromReadable(
    new ReadableStream<Uint8Array>({ start: (controller) => controller.error(new Error("mine")) }),
  );
  await assertRejects(() => runProcess(["sleep", "600"], { stdin: source }), BrokenResourceError, "mine");
});

Deno.test("P8: the end of a source that never ends is not waited for when the process has exited", async () => {
  const source = streamFromReadable(new ReadableStream<Uint8Array>({}));
  assertEquals((await runProcess("true", { stdin: source })).code, 0);
  source.close();
});

Deno.test("P15: a process is an operation of the host until its exit is seen, and its waits name it", async () => {
  await run(async () => {
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => runProcess(["sleep", "600"]), { name: "sleeper" });
      await until("it waits", () => /wait for "sleep 600" \(pid \d+\)/.test(currentRun().taskTree().toString()));
      const [operation] = currentRun().statistics().hostOperations;
      assert(/^process "sleep 600" \(pid \d+\)$/.test(operation!), operation);
      task.cancel();
    });
    assertEquals(currentRun().statistics().hostOperations, []);
  }, { handleSignals: false });
});

Deno.test("a timeout ends a real process, however deep", async () => {
  const outcome = await moveOnAfter(1, () => runProcess(["sleep", "600"], { stdout: "text" }));
  assert(outcome.cancelledCaught);
});

Deno.test("the types say what is captured", async () => {
  const text: string = (await runProcess("true", { stdout: "text" })).stdout;
  const tail: string = (await runProcess("true", { stdout: "text" })).stderr;
  const bytes: Uint8Array = (await runProcess("true", { stdout: "bytes", stderr: "null" })).stdout;
  const nothing: null = (await runProcess("true")).stdout;
  const lines = (await runProcess("true", { stdout: (line) => void line.trim() })).stdout;
  // @ts-expect-error: nothing was captured
  const wrong: string = (await runProcess("true", { stdout: "null" })).stdout;
  // @ts-expect-error: a pipe is for those who open a process
  await assertRejects(() => runProcess("true", { stdout: "pipe" }), TypeError);
  assertEquals([text, tail, bytes, nothing, lines, wrong], ["", "", new Uint8Array(), null, null, null as never]);
});

/** Runs what may print that a pipe is still held, as whatever is first to leave one open in this process does. */
async function withHint<T>(fn: () => Promise<T>): Promise<T> {
  const { error } = console;
  console.error = (line: string) => assertStringIncludes(line, "{ drain: Infinity } waits");
  try {
    return await fn();
  } finally {
    console.error = error;
  }
}
