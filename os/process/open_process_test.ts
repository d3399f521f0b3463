// deno-lint-ignore-file no-console
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BrokenResourceError, CancelScope, currentTime, moveOnAfter, openNursery, sleep } from "../../core/mod.ts";
import { BufferedReceiver, BufferedStream, StapledStream } from "../../net/mod.ts";
import { inTime, until } from "../_fixtures/in_time.ts";
import { openProcess } from "./open_process.ts";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("P1: options that are for others are refused before anything is started", async () => {
  await inTime(() => {}, async (processes) => {
    for (const options of [{ stdin: "text of mine" }, { stdout: "text" }, { stderr: "tail" }, { stdout: () => {} }]) {
      // deno-lint-ignore no-explicit-any -- the types refuse it as well
      await assertRejects(() => openProcess("it", options as any), TypeError, 'must be "null", "inherit", "pipe"');
    }
    const scope = new CancelScope();
    scope.cancel();
    assert((await scope.run(() => openProcess("it"))).cancelledCaught);
    assertEquals(processes.spawned.length, 0);
  });
});

Deno.test("P3: a wait ends at the exit, whoever holds the pipes, and many may wait", async () => {
  await using process = await openProcess(["sh", "-c", "sleep 600 & echo $!; read line"], {
    stdin: "pipe",
    stdout: "pipe",
  });
  const sleeper = Number(await new BufferedReceiver(process.stdout!).receiveLine());
  await openNursery(async (nursery) => {
    const waits = [1, 2, 3].map(() => nursery.startSoon(() => process.wait()));
    const [first] = waits;
    await until("they wait", () => process.status === null);
    first!.cancel();
    await process.stdin!.sendAll(encode("go\n"));
    for (const wait of waits.slice(1)) assertEquals((await wait.join()).code, 0);
    assertEquals(first!.state, "cancelled");
  });
  assertEquals([process.status?.code, (await process.wait()).code], [0, 0]);
  Deno.kill(sleeper, "SIGKILL");
});

Deno.test("P5: kill() says whether there was a process", async () => {
  await using process = await openProcess(["sleep", "600"]);
  assertThrows(() => process.kill("SIGFOO" as never), TypeError, '"signal" must be the name of a signal');
  assertEquals(process.kill("SIGCONT"), true);
  assertEquals(process.kill(), true);
  assertEquals((await process.wait()).signal, "SIGTERM");
  assertEquals([process.kill("SIGKILL"), (await process.end()).signal], [false, "SIGTERM"]);
});

Deno.test("P8: what the process does not read any more is broken, and end() closes its input", async () => {
  await using process = await openProcess(["sh", "-c", "exec <&-; echo; exec sleep 600"], {
    stdin: "pipe",
    stdout: "pipe",
  });
  await process.stdout!.receiveSome();
  await assertRejects(() => process.stdin!.sendAll(encode("x")), BrokenResourceError);
  await using filter = await openProcess(["sh", "-c", "trap '' TERM; echo; cat"], {
    stdin: "pipe",
    stdout: "pipe",
    grace: Infinity,
  });
  const out = new BufferedReceiver(filter.stdout!);
  await out.receiveLine();
  await filter.stdin!.sendAll(encode("all of it"));
  // It ignores SIGTERM: it is the end of its input that ends it.
  assertEquals((await filter.end()).code, 0);
  assertEquals(await out.receiveSome(), encode("all of it"));
});

Deno.test("P8: a send that was cancelled leaves its write behind, and closing still ends the input", async () => {
  await using process = await openProcess("cat", { stdin: "pipe", stdout: "pipe" });
  // More than the two pipes hold, so it must wait.
  assert((await moveOnAfter(1, () => process.stdin!.sendAll(new Uint8Array(10_000_000)))).cancelledCaught);
  process.stdin!.close();
  let size = 0;
  for await (const chunk of process.stdout!) size += chunk.length;
  assert(size > 0 && size <= 10_000_000);
  await process.wait();
});

Deno.test("P9: receives that are cancelled lose no byte", async () => {
  await using process = await openProcess(
    ["sh", "-c", "i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); done"],
    { stdout: "pipe" },
  );
  let text = "";
  const decoder = new TextDecoder();
  for (let turn = 0;; turn++) {
    const outcome = await new CancelScope().run(async (scope) => {
      const received = process.stdout!.receiveSome(7);
      if (turn % 2 === 0) queueMicrotask(() => scope.cancel());
      return await received;
    });
    if (outcome.cancelledCaught) continue;
    if (outcome.value === null) break;
    text += decoder.decode(outcome.value, { stream: true });
  }
  assertEquals(text, Array.from({ length: 300 }, (_, i) => `${i}\n`).join(""));
});

Deno.test("P10: leaving the block ends the process, quietly, and within its times", async () => {
  await inTime(
    (process) => process.onSignal = (signal) => void (signal === "SIGKILL" && process.exit(null, signal)),
    async (processes) => {
      await using _process = await openProcess("deaf", { grace: 100 });
      await sleep(10);
      queueMicrotask(() => assertEquals(processes.spawned[0]!.signals, ["SIGTERM"]));
    },
  );
  await inTime(
    (process) => process.onSignal = (signal) => void (signal === "SIGKILL" && process.exit(null, signal)),
    async (processes) => {
      const scope = new CancelScope();
      const outcome = await scope.run(async () => {
        await using _process = await openProcess("deaf", { grace: 100 });
        scope.cancel();
        await sleep(10);
      });
      // Also when it is cancelled: cleanup is shielded.
      assertEquals([outcome.cancelledCaught, currentTime(), processes.spawned[0]!.signals], [true, 100, [
        "SIGTERM",
        "SIGKILL",
      ]]);
    },
  );
});

Deno.test("P10: a cleanup that fails is reported, and not thrown over the error of the body", async () => {
  const { error: print } = console;
  const printed: unknown[] = [];
  console.error = (...args: unknown[]) => void printed.push(...args);
  const mine = new Error("mine");
  try {
    await inTime((process) => process.onSignal = () => {}, async () => {
      const error = await assertRejects(async () => {
        await using _process = await openProcess("stuck", { grace: 0 });
        throw mine;
      });
      assert(error === mine);
    });
  } finally {
    console.error = print;
  }
  assertEquals(printed.map(String), ['Error: Cannot end "stuck" as it should']);
  assert(String((printed[0] as Error).cause).startsWith('ProcessError: Cannot end "stuck" as it must be gone'));
});

Deno.test("its pipes make one stream to talk over in frames", async () => {
  await using process = await openProcess("cat", { stdin: "pipe", stdout: "pipe" });
  const stream = new BufferedStream(new StapledStream(process.stdin!, process.stdout!));
  await stream.sendAll(encode("one\ntwo\n"));
  assertEquals([await stream.receiveLine(), await stream.receiveLine()], ["one", "two"]);
  assertEquals([process.command, process.stderr], ["cat", null]);
  assertEquals(Deno.inspect(process), `Process { pid: ${process.pid}, command: "cat" }`);
});

Deno.test("10 MB go through cat, both ways at once, with what the two pipes hold in between", async () => {
  await using process = await openProcess("cat", { stdin: "pipe", stdout: "pipe" });
  const chunk = new Uint8Array(100_000).fill(7);
  let size = 0;
  await openNursery((nursery) => {
    nursery.startSoon(async () => {
      for (let i = 0; i < 100; i++) await process.stdin!.sendAll(chunk);
      process.stdin!.close();
    });
    nursery.startSoon(async () => {
      for await (const part of process.stdout!) size += part.length;
    });
  });
  assertEquals([size, (await process.wait()).code], [10_000_000, 0]);
});
