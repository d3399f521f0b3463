import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { currentTime, Event, moveOnAfter, openNursery, shielded, sleep, sleepForever } from "../../core/mod.ts";
import { BufferedReceiver } from "../../net/mod.ts";
import { simulate, simulated, type Simulation } from "../../testing/mod.ts";
import { childProcess } from "./child_process.ts";
import { openProcess } from "./open_process.ts";
import { ProcessError } from "./process_error.ts";
import { runPipeline } from "./run_pipeline.ts";
import { runProcess } from "./run_process.ts";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test(
  "M2: a script says something and exits, after its time",
  simulated(async (sim) => {
    sim.processes.define("git", { stdout: "abc\n", stderr: "hint\n", after: 3_000 });
    const { stdout, stderr, code } = await runProcess(["git", "log"], { stdout: "text" });
    assertEquals([stdout, stderr, code, sim.now], ["abc\n", "hint\n", 0, 3_000]);
    sim.processes.define("git", { stderr: "fatal\n", code: 128 });
    const error = await assertRejects(() => runProcess(["git", "log"], { stdout: "text" }), ProcessError);
    assertEquals([error.code, error.stderr], [128, "fatal\n"]);
    assertEquals(sim.processes.log(), [
      "0.000s start git log (pid 1)",
      "3.000s pid 1 exits with code 0",
      "3.000s start git log (pid 2)",
      "3.000s pid 2 exits with code 128",
    ]);
  }),
);

Deno.test(
  "M2: a program gets its arguments, environment, folder and input, and returns its exit code",
  simulated(async (sim) => {
    sim.processes.define("tr", async ({ args, env, cwd, stdin, stdout }) => {
      let text = "";
      for await (const chunk of stdin) text += new TextDecoder().decode(chunk);
      await stdout.sendText(`${text.toUpperCase()} ${args} ${env["A"]} ${cwd}`);
      return 7;
    });
    const { stdout, code } = await runProcess(["tr", "a", "b"], {
      stdin: "hello",
      stdout: "text",
      env: { A: "1" },
      cwd: "/tmp",
      check: false,
    });
    assertEquals([stdout, code], ["HELLO a,b 1 /tmp", 7]);
  }),
);

Deno.test(
  "M2: SIGTERM cancels a program, whose cleanup takes its time; the grace is exact",
  simulated(async (sim) => {
    const log: string[] = [];
    sim.processes.define("polite", async () => {
      try {
        await sleepForever();
      } finally {
        await shielded(() => sleep(300));
        log.push(`cleaned up at ${sim.now}`);
      }
    });
    await moveOnAfter(100, () => runProcess("polite"));
    assertEquals([sim.now, log], [400, ["cleaned up at 400"]]);
    sim.processes.define("deaf", async ({ signals }) => {
      for await (const signal of signals) log.push(`${signal} at ${sim.now}`);
    });
    await moveOnAfter(100, () => runProcess("deaf"));
    assertEquals([sim.now, log.slice(1)], [5_500, ["SIGTERM at 500"]]);
    assertEquals(sim.processes.log().slice(-3), [
      "0.500s SIGTERM to pid 2",
      "5.500s SIGKILL to pid 2",
      "5.500s pid 2 is ended by SIGKILL",
    ]);
  }),
);

Deno.test(
  "M2: SIGKILL ends a program without cleanup, and one that awaits what nobody knows",
  simulated(async (sim) => {
    let cleanedUp = false;
    sim.processes.define("it", async ({ signals }) => {
      try {
        await openNursery(async (nursery) => {
          nursery.startSoon(() => sleepForever());
          await signals.receive();
          await sleepForever();
        });
      } finally {
        await sleep(1).then(() => cleanedUp = true);
      }
    });
    await using it = await openProcess("it");
    await sleep(10);
    it.kill("SIGKILL");
    assertEquals([await it.wait(), cleanedUp], [{ success: false, code: 137, signal: "SIGKILL" }, false]);
    sim.processes.define("foreign", ({ signals }) => (signals.statistics(), new Promise(() => {})));
    await using foreign = await openProcess("foreign");
    foreign.kill("SIGKILL");
    assertEquals((await foreign.wait()).signal, "SIGKILL");
  }),
);

Deno.test(
  "M2: programs talk over pipes, and one that nobody reads ends by SIGPIPE",
  simulated(async (sim) => {
    sim.processes.define("cat", async ({ stdin, stdout }) => {
      for await (const chunk of stdin) await stdout.sendAll(chunk);
    });
    sim.processes.define("yes", async ({ stdout }) => {
      while (true) await stdout.sendText("y\n");
    });
    sim.processes.define("head", async ({ stdin, stdout }) => {
      await stdout.sendAll((await stdin.receiveSome(2))!);
    });
    assertEquals((await runPipeline([["yes"], ["cat"], ["head"]], { stdout: "text" })).stdout, "y\n");
    await using cat = await openProcess("cat", { stdin: "pipe", stdout: "pipe" });
    await cat.stdin!.sendAll(encode("hello\n"));
    assertEquals(await new BufferedReceiver(cat.stdout!).receiveLine(), "hello");
    cat.stdin!.close();
    assertEquals((await cat.wait()).code, 0);
  }),
);

Deno.test(
  "M2: a server says when it is ready, and a sidecar ends with the rest",
  simulated(async (sim) => {
    sim.processes.define("db", async ({ stdout }) => {
      await sleep(2_000);
      await stdout.sendText("ready to accept connections\n");
      await sleepForever();
    });
    await openNursery(async (nursery) => {
      await nursery.start(childProcess("db", { stdout: "null", ready: /ready to accept/ }), { daemon: true });
      assertEquals(currentTime(), 2_000);
    });
    assertEquals(sim.processes.log().at(-1), "2.000s pid 1 is ended by SIGTERM");
  }),
);

Deno.test("M2: a program of which nothing was said is not there, and the message says what to do", async () => {
  await simulate(async (sim) => {
    const error = await assertRejects(() => runProcess(["git", "log"]), ProcessError);
    assertEquals(error.reason, "spawn");
    assertStringIncludes(error.message, 'call sim.processes.define("git", …)');
    const define = sim.processes.define.bind(sim.processes) as (...args: unknown[]) => void;
    assertThrows(() => define("", {}), TypeError);
    assertThrows(() => define("git", 7), TypeError, '"does" must be a function');
    assertThrows(() => define("git", { exit: 1 }), TypeError, '"exit"');
  });
});

Deno.test("M2: an error of a program fails the test, and so does an exit code that is none", async () => {
  const run = (program: () => number) =>
    simulate(async (sim) => {
      sim.processes.define("it", program);
      await runProcess("it");
    });
  await assertRejects(() =>
    run(() => {
      throw new Error("mine");
    }), Error);
  await assertRejects(() => run(() => 256), Error);
});

Deno.test("M1: real processes stop the time of a simulation, and live in that of the host", async () => {
  await simulate(async (sim) => {
    assertThrows(() => sim.processes, TypeError, "must be those in memory");
    const { stdout } = await runProcess(["sh", "-c", "sleep 0.01; echo hi"], { stdout: "text" });
    assertEquals([stdout, sim.now], ["hi\n", 0]);
    // One that is deaf, with a grace in real time: on the clock of the run it would never be over.
    const up = new Event();
    await openNursery(async (nursery) => {
      const deaf = ["sh", "-c", "trap '' TERM; echo up; exec sleep 600"] as const;
      const task = nursery.startSoon(() => runProcess(deaf, { grace: 20, stdout: () => up.set() }));
      await up.wait();
      task.cancel();
    });
    assertEquals(sim.now, 0);
  }, { processes: "host" });
});

Deno.test("M2: a process that is left behind fails the test; one in the background is ended", async () => {
  const program = ({ processes }: Simulation) => processes.define("it", () => sleepForever());
  await assertRejects(
    () =>
      simulate(async (sim) => {
        program(sim);
        await openProcess("it");
      }),
    Error,
    "process it (pid 1)",
  );
  await simulate(async (sim) => {
    program(sim);
    sim.background.startSoon(childProcess("it"));
    await sleep(10);
  });
});

Deno.test(
  "M2: SIGKILL ends a program with its timers, and those of its tasks",
  simulated(async (sim) => {
    const log: string[] = [];
    sim.processes.define("ticking", async () => {
      setInterval(() => log.push("tick"), 10);
      await openNursery((nursery) => {
        nursery.startSoon(async () => {
          setTimeout(() => log.push("late"), 100);
          await sleepForever();
        });
      });
    });
    const process = await openProcess("ticking");
    await sleep(25);
    process.kill("SIGKILL");
    await process.wait();
    await sleep(1_000);
    assertEquals(log, ["tick", "tick"]);
  }),
);
