/** Hosts that do what they like: errors where none are expected, options as they come in. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CancelScope, openNursery, run } from "../../core/mod.ts";
import type { HostProcess, ProcessHost, ProcessSpawnOptions } from "../../core/lowlevel.ts";
import { inTime, until } from "../_fixtures/in_time.ts";
import { guard } from "../base/exit_guard.ts";
import { openProcess } from "./open_process.ts";
import { ProcessError } from "./process_error.ts";
import { runProcess } from "./run_process.ts";

/** Runs a test over a host that makes one process of its own. */
function over<T>(
  process: Partial<HostProcess>,
  body: () => Promise<T>,
  spawned: ProcessSpawnOptions[] = [],
): Promise<T> {
  const processes: ProcessHost = {
    inMemory: true,
    spawn(options) {
      spawned.push(options);
      const status = Promise.resolve({ success: true, code: 0, signal: null });
      return { pid: 7, stdin: null, stdout: null, stderr: null, status, kill() {}, ...process };
    },
  };
  return run(body, { processes, handleSignals: false });
}

Deno.test("what the host is told is what was given, and nothing that was not", async () => {
  const spawned: ProcessSpawnOptions[] = [];
  const env = { A: "1" };
  await over(
    {},
    () => runProcess(["it", "x"], { uid: 5, gid: 6, clearEnv: true, env, cwd: "/", group: true }),
    spawned,
  );
  await over({}, () => runProcess("it", { stdin: "null", stdout: "null", stderr: "null" }), spawned);
  assertEquals(spawned, [
    {
      command: ["it", "x"],
      group: true,
      stdin: "null",
      stdout: "inherit",
      stderr: "inherit",
      cwd: "/",
      env: { A: "1" },
      clearEnv: true,
      uid: 5,
      gid: 6,
    },
    { command: ["it"], group: false, stdin: "null", stdout: "null", stderr: "null" },
  ]);
});

Deno.test("a host that cannot say how a process has exited fails the waits for it, and the process is gone", async () => {
  const broken = {
    get status() {
      return Promise.reject<never>(new Error("lost"));
    },
  };
  await over(broken, () => assertRejects(() => runProcess("it"), Error, "lost"));
  await over(broken, async () => {
    const process = await openProcess("it");
    await assertRejects(() => process.wait(), Error, "lost");
    assertEquals([process.status, process.kill()], [null, false]);
    await assertRejects(() => process.end(), Error, "lost");
  });
});

Deno.test("a signal that is refused as the process is gone is no error, any other refusal is", async () => {
  const refusing = (error: Error) => ({
    status: new Promise<never>(() => {}),
    kill() {
      throw error;
    },
  });
  for (const error of [new TypeError("Child process has already terminated"), new Deno.errors.NotFound("ESRCH")]) {
    await over(refusing(error), async () => assertEquals((await openProcess("it")).kill(), false));
  }
  for (const error of [new TypeError("Invalid signal: SIGEMT"), new Deno.errors.NotCapable("no")]) {
    await over(refusing(error), async () => {
      const process = await openProcess("it");
      assertThrows(() => process.kill("SIGEMT"), Error, error.message);
    });
  }
});

Deno.test("P2: what the system says of a start is passed on, except for a command with a name", async () => {
  const failing = (error: Error): ProcessHost => ({
    inMemory: true,
    spawn() {
      throw error;
    },
  });
  const messageOf = (error: Error, name?: string) =>
    run(() => assertRejects(() => runProcess(["it", "secret"], name === undefined ? {} : { name }), ProcessError), {
      processes: failing(error),
      handleSignals: false,
    }).then(({ message }) => message);
  const strange = new Error("Failed to spawn 'it secret': it rains");
  assertEquals(
    await messageOf(strange),
    `Cannot start "it secret" as the system must be able to: Error: ${strange.message}`,
  );
  assertEquals(await messageOf(strange, "login"), 'Cannot start "login" as the system must be able to: Error');
  const full = Object.assign(new Error(), { code: "EMFILE" });
  assert((await messageOf(full)).endsWith("there must be files left to open for its pipes: too many are open"));
});

Deno.test("P14: what lives when the program ends is killed, whatever the others do", () => {
  const killed: string[] = [];
  const stops = [
    guard({
      kill() {
        throw new Error("gone");
      },
    }),
    guard({ kill: (signal) => killed.push(signal) }),
    guard({ kill: () => killed.push("nobody") }),
  ];
  stops[2]!();
  dispatchEvent(new Event("unload"));
  assertEquals(killed, ["SIGKILL"]);
  for (const stop of stops) stop();
  stops[1]!();
  dispatchEvent(new Event("unload"));
  assertEquals(killed, ["SIGKILL"]);
});

Deno.test("P13: an exit that looks like a signal from outside is judged a moment later", async () => {
  const interrupted = ["sh", "-c", "kill -INT $$"] as const;
  assertEquals((await assertRejects(() => runProcess(interrupted), ProcessError)).signal, "SIGINT");
  // As a program does that handles it.
  assertEquals((await assertRejects(() => runProcess(["sh", "-c", "exit 130"]), ProcessError)).code, 130);
  const scope = new CancelScope();
  const outcome = await scope.run(() =>
    openNursery(async (nursery) => {
      await using process = await openProcess(["sh", "-c", "read line"], { stdin: "pipe" });
      nursery.startSoon(() => runProcess(interrupted));
      await process.stdin!.sendAll(new Uint8Array([10]));
      await process.wait();
      scope.cancel();
    })
  );
  assert(outcome.cancelledCaught);
});

Deno.test("a grace without end is no timer", async () => {
  await inTime((process) => process.onSignal = () => void setTimeout(() => process.exit(0), 5), async ({ spawned }) => {
    await using process = await openProcess("it", { grace: Infinity });
    assertEquals([(await process.end()).code, spawned[0]!.signals], [0, ["SIGTERM"]]);
  });
  await using real = await openProcess(["sh", "-c", "trap 'exit 3' TERM; echo; while :; do sleep 0.01; done"], {
    grace: Infinity,
    stdout: "pipe",
  });
  await real.stdout!.receiveSome();
  assertEquals((await real.end()).code, 3);
  await until("it is gone", () => real.status !== null);
});
