import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CancelScope, currentTime, ErrorGroup, moveOnAfter, openNursery, sleep, sleepForever } from "../../core/mod.ts";
import { BufferedReceiver } from "../../net/mod.ts";
import { childProcess } from "./child_process.ts";
import { inTime } from "../_fixtures/in_time.ts";
import { ProcessError } from "./process_error.ts";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("P11: nursery.start() gives the process once a line matches, wherever it is said", async () => {
  for (const to of ["", ">&2"]) {
    const program = `echo starting ${to}; echo ready to accept ${to}; exec sleep 600`;
    await openNursery(async (nursery) => {
      const process = await nursery.start(
        childProcess(["sh", "-c", program], { stdout: "null", stderr: "null", ready: /^ready to accept$/g }),
      );
      assertEquals(process.status, null);
      assertEquals(nursery.childTasks.length, 1);
      nursery.cancel();
    });
  }
});

Deno.test("P11: what is read for the line is passed on, for good", async () => {
  const lines: string[] = [];
  await openNursery(async (nursery) => {
    const process = await nursery.start(
      childProcess(
        ["sh", "-c", "echo one; echo ready; read x; head -c 300000 /dev/zero | tr '\\0' a; echo; echo last"],
        {
          stdin: "pipe",
          stdout: (line) => void lines.push(line.slice(0, 5)),
          stderr: "null",
          ready: /ready/,
        },
      ),
    );
    assertEquals(lines, ["one", "ready"]);
    await process.stdin!.sendAll(encode("\n"));
  });
  assertEquals([lines.length, lines.at(-1)], [8, "last"]);
});

Deno.test("P11: a function says when it is ready, and by default it is at once", async () => {
  await inTime(() => {}, async ({ spawned }) => {
    await openNursery(async (nursery) => {
      const process = await nursery.start(childProcess("it", { ready: () => sleep(70) }));
      assertEquals([currentTime(), process.pid], [70, 1_000]);
      await nursery.start(childProcess("it"));
      assertEquals(currentTime(), 70);
      for (const each of spawned) each.exit(0);
    });
  });
});

Deno.test("P11: an exit before it is ready fails the start, with what it has said", async () => {
  await openNursery(async (nursery) => {
    const start = (program: string) =>
      assertRejects(
        () =>
          nursery.start(
            childProcess(["sh", "-c", program], { stdout: "null", stderr: "null", ready: /ready/, name: "db" }),
          ),
        ProcessError,
      );
    const error = await start("echo no space left >&2; exit 0");
    assertEquals(
      error.message,
      'Cannot start "db" as it must be ready before it exits: it exited with code 0\nno space left',
    );
    assertEquals([error.reason, error.stderr], ["exit", "no space left\n"]);
    assertEquals((await start("kill -9 $$")).signal, "SIGKILL");
    await assertRejects(() => nursery.start(childProcess("false", { ready: () => sleepForever() })), ProcessError);
  });
});

Deno.test("P11: a ready that fails ends the process, and is thrown", async () => {
  await inTime(() => {}, async ({ spawned }) => {
    await openNursery(async (nursery) => {
      await assertRejects(
        () => nursery.start(childProcess("it", { ready: () => Promise.reject(new Error("mine")) })),
        Error,
        "mine",
      );
    });
    assertEquals(spawned[0]!.signals, ["SIGTERM"]);
  });
});

Deno.test("P11: a start that is cancelled ends the process", async () => {
  await inTime(() => {}, async ({ spawned }) => {
    await openNursery(async (nursery) => {
      const start = () => nursery.start(childProcess("it", { ready: () => sleepForever() }));
      assert((await moveOnAfter(50, start)).cancelledCaught);
    });
    assertEquals([spawned[0]!.signals, currentTime()], [["SIGTERM"], 50]);
  });
});

Deno.test("P11: an exit with another code than 0 fails the nursery, one with 0 ends the task", async () => {
  await openNursery((nursery) => void nursery.startSoon(childProcess("true")));
  const group = await assertRejects(
    () =>
      openNursery(async (nursery) => {
        await nursery.start(childProcess(["sh", "-c", "exit 3"], { name: "db" }));
        await sleepForever();
      }),
    ErrorGroup,
  );
  assertEquals(group.errors.map(String), [
    'ProcessError: Cannot complete "db" as it must exit with code 0: it exited with code 3',
  ]);
  await openNursery((nursery) => void nursery.startSoon(childProcess("false", { check: false })));
});

Deno.test("P11: one that is ended by Process.end() is no failure; as a daemon it ends with the rest", async () => {
  await openNursery(async (nursery) => {
    const process = await nursery.start(childProcess(["sleep", "600"]));
    assertEquals((await process.end()).signal, "SIGTERM");
  });
  await openNursery(async (nursery) => {
    await nursery.start(childProcess(["sleep", "600"]), { daemon: true });
  });
});

Deno.test("P11: its pipes are for whoever started it", async () => {
  await openNursery(async (nursery) => {
    await using process = await nursery.start(childProcess("cat", { stdin: "pipe", stdout: "pipe" }));
    await process.stdin!.sendAll(encode("hello\n"));
    assertEquals(await new BufferedReceiver(process.stdout!).receiveLine(), "hello");
  });
});

Deno.test("bad options of a child are refused at once", () => {
  const wrong: [Parameters<typeof childProcess>[1], string][] = [
    [{ ready: "x" as never }, '"ready" must be a function'],
    [
      { ready: /x/, stdout: "pipe" },
      'Cannot make a child process as "stdout" must not be "pipe" where "ready" is a RegExp',
    ],
    [{ ready: /x/, stderr: "pipe" }, '"stderr" must not be "pipe"'],
    [{ stdout: "text" as never }, '"stdout" must be "inherit", "null", "pipe"'],
  ];
  for (const [options, text] of wrong) assertThrows(() => childProcess("it", options), TypeError, text);
});

Deno.test("in a cancelled scope a child is not started", async () => {
  await inTime(() => {}, async ({ spawned }) => {
    const scope = new CancelScope();
    scope.cancel();
    await scope.run(() => childProcess("it")());
    assertEquals(spawned.length, 0);
  });
});

Deno.test("P11: a line that was written before the exit counts, whichever of the two is noticed first", async () => {
  for (let i = 0; i < 5; i++) {
    await openNursery(async (nursery) => {
      const process = await nursery.start(
        childProcess(["sh", "-c", "echo ready"], { stdout: "null", stderr: "null", ready: /ready/ }),
      );
      assertEquals((await process.wait()).code, 0);
    });
    await openNursery(async (nursery) => {
      // Ready, and then a failure of the nursery: not of the start.
      const start = () =>
        nursery.start(
          childProcess(["sh", "-c", "echo ready; exit 3"], { stdout: "null", stderr: "null", ready: /ready/ }),
        );
      await start();
      await sleepForever();
    }).catch((error) => assert(error instanceof ErrorGroup));
  }
});
