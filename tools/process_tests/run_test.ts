import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Program } from "./_program.ts";

const script = (call: string) => `
  import { Event, openNursery, run, sleep, sleepForever } from "@trefoil/io";
  const stuck = Deno.args.includes("stuck");
  async function main() {
    try {
      console.log("up");
      if (Deno.args.includes("deadlock")) await openNursery((n) => void n.startSoon(() => new Event({ name: "never" }).wait(), { name: "waiter" }));
      else await sleep(1_000_000);
    } finally {
      if (stuck) { console.log("stuck"); await new Promise((resolve) => setTimeout(resolve, 1_000_000)); }
      console.log("cleaned up");
    }
  }
  ${call}
`;
const FLOATING = script("run(main);");
const AWAITED = script("try { await run(main); } finally { console.log('after run'); }");

for (const [form, text] of [["run(main)", FLOATING], ["await run(main)", AWAITED]] as const) {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    Deno.test(`${signal} ends ${form} after its cleanup, quietly, with exit code ${code}`, async () => {
      const program = Program.start(text);
      await program.prints("up");
      program.signal(signal);
      assertEquals(await program.end(), code);
      assertStringIncludes(program.stdout, "cleaned up");
      assertEquals(program.stderr, "");
      if (form === "await run(main)") assertStringIncludes(program.stdout, "after run");
    });
  }
}

Deno.test("a second Ctrl-C during a stuck cleanup exits at once", async () => {
  const program = Program.start(FLOATING, "stuck");
  await program.prints("up");
  program.signal("SIGINT");
  await program.prints("stuck");
  program.signal("SIGINT");
  assertEquals(await program.end(), 130);
  assert(!program.stdout.includes("cleaned up"));
});

const GRACEFUL = `
  import { run, sleep, untilShutdown } from "@trefoil/io";
  const work = Number(Deno.args[0]);
  async function main() {
    console.log("up");
    await untilShutdown(() => sleep(1_000_000));
    console.log("winding down");
    try {
      await sleep(work);
      console.log("finished");
    } finally {
      console.log("cleaned up");
      if (Deno.args[1] === "stuck") await new Promise((resolve) => setTimeout(resolve, 1_000_000));
    }
  }
  run(main, { grace: Number(Deno.args[2] ?? 1_000_000) });
`;

Deno.test("what a program does after a run that a signal ended is not cut short", async () => {
  const program = Program.start(`
    import { run, sleep } from "@trefoil/io";
    run(() => (console.log("up"), sleep(60_000))).catch(() => setTimeout(() => console.log("cleaned up"), 900));
  `);
  await program.prints("up\n");
  program.signal("SIGTERM");
  assertEquals([await program.end(), program.stdout, program.stderr], [143, "up\ncleaned up\n", ""]);
});

Deno.test("of two runs that a signal ends, none cuts the cleanup of the other", async () => {
  const program = Program.start(`
    import { run, shielded, sleep } from "@trefoil/io";
    run(async () => {
      try {
        await sleep(60_000);
      } finally {
        await shielded(() => sleep(100));
        console.log("cleaned up");
      }
    });
    run(() => (console.log("up"), sleep(60_000)));
  `);
  await program.prints("up\n");
  program.signal("SIGTERM");
  assertEquals([await program.end(), program.stdout, program.stderr], [143, "up\ncleaned up\n", ""]);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`with a grace ${signal} lets work in progress finish, and the exit code is 0`, async () => {
    const program = Program.start(GRACEFUL, "1");
    await program.prints("up");
    program.signal(signal);
    assertEquals(await program.end(), 0);
    assertStringIncludes(program.stdout, "winding down\nfinished\ncleaned up");
    assertEquals(program.stderr, "");
  });
}

Deno.test("with a grace the second signal cancels, and the third exits at once", async () => {
  const program = Program.start(GRACEFUL, "1000000", "stuck");
  await program.prints("up");
  program.signal("SIGINT");
  await program.prints("winding down");
  program.signal("SIGINT");
  await program.prints("cleaned up");
  program.signal("SIGTERM");
  assertEquals(await program.end(), 143);
  assert(!program.stdout.includes("finished"));
});

Deno.test("when the grace is over the run is cancelled", async () => {
  const program = Program.start(GRACEFUL, "1000000", "clean", "20");
  await program.prints("up");
  program.signal("SIGTERM");
  assertEquals(await program.end(), 143);
  assertStringIncludes(program.stdout, "winding down\ncleaned up");
});

Deno.test("SIGQUIT prints the task tree, and the program goes on", async () => {
  const program = Program.start(FLOATING);
  await program.prints("up");
  program.signal("SIGQUIT");
  await program.prints("main #1: sleep until t=", "stderr");
  program.signal("SIGINT");
  assertEquals(await program.end(), 130);
});

Deno.test("a deadlock under run(main) fails with DeadlockError and the tree, after cleanup", async () => {
  const program = Program.start(FLOATING, "deadlock");
  assertEquals(await program.end(), 1);
  assertStringIncludes(program.stderr, "DeadlockError: Cannot go on as nothing can ever wake up");
  assertStringIncludes(program.stderr, '└─ waiter #2: event "never"');
  assertStringIncludes(program.stdout, "cleaned up");
});

Deno.test("the report of a deadlock shows the tree once, and no line of the library", async () => {
  const run = Program.start(FLOATING, "deadlock");
  assertEquals(await run.end(), 1);
  assertMatch(run.stderr, /^error: .*DeadlockError: [^\n]*\nmain #1: [^\n]*\n└─ waiter #2: [^\n]*\n$/);

  const simulation = Program.start(`
    import { Event, simulate } from "@trefoil/io";
    await simulate(() => new Event({ name: "never" }).wait());
  `);
  assertEquals(await simulation.end(), 1);
  assertMatch(
    simulation.stderr,
    /^error: .*DeadlockError: [^\n]*\n {2}main #1 [^\n]*event "never"[^\n]*\nCaused by: Simulation: seed 0[^\n]*\n$/,
  );
});

Deno.test("a deadlock under a top-level await run(main) ends the program, with the tree", async () => {
  const program = Program.start(AWAITED, "deadlock");
  assertEquals(await program.end(), 1);
  assertStringIncludes(program.stderr, "Trefoil: every task waits");
  assertStringIncludes(program.stderr, '└─ waiter #2: event "never"');
});

Deno.test("a simulation that takes long under a top-level await is no deadlock: it finds those itself", async () => {
  const program = Program.start(`
    import { openTcpStream, serveTcp, simulate } from "@trefoil/io";
    const hostNow = performance.now;
    const end = hostNow.call(performance) + 1_500;
    await simulate(async (sim) => {
      sim.background.startSoon(() => serveTcp(async (stream) => {
        for await (const chunk of stream) await stream.sendAll(chunk);
      }, { port: 7 }));
      sim.net.link("test", "test", { latency: 1 });
      using stream = await openTcpStream("localhost", 7);
      while (hostNow.call(performance) < end) {
        await stream.sendAll(new Uint8Array(1));
        await stream.receiveSome();
      }
    });
  `);
  assertEquals(await program.end(), 0);
  assertEquals(program.stderr, "");
});

Deno.test("a program that a callback of its own wakes is no deadlock, with or without await", async () => {
  for (const form of ["run(main)", "await run(main)"]) {
    const program = Program.start(`
      import { Event, run } from "@trefoil/io";
      async function main() {
        const event = new Event();
        setTimeout(() => event.set(), 1_500);
        await event.wait();
        console.log("woken");
      }
      ${form};
    `);
    assertEquals(await program.end(), 0);
    assertStringIncludes(program.stdout, "woken");
  }
});

Deno.test("a script may handle its end by a signal itself; the exit code stays that of the signal", async () => {
  const program = Program.start(`
    import { isCancelled, run, sleepForever } from "@trefoil/io";
    try {
      await run(() => (console.log("up"), setTimeout(() => {}, 60_000).unref?.(), sleepForever()));
    } catch (error) {
      console.log("ended by", isCancelled(error) && error.source, error.reason);
    }
  `);
  await program.prints("up");
  program.signal("SIGTERM");
  assertEquals([await program.end(), program.stdout], [143, "up\nended by signal SIGTERM\n"]);
});

Deno.test("an instrument that throws does not end the process: it is reported once, and the run goes on", async () => {
  const program = Program.start(`
    import { run, sleep } from "@trefoil/io";
    await run(() => sleep(1), { instruments: [{ blocked() { throw new Error("Broken hook"); } }] });
    console.log("the run went on");
  `);
  assertEquals([await program.end(), program.stdout], [0, "the run went on\n"]);
  assertEquals(program.stderr.split("Cannot go on with an instrument").length, 2);
  assertStringIncludes(program.stderr, "Broken hook");
});

Deno.test("nothing of the library that is forgotten and then cancelled ends the process", async () => {
  const program = Program.start(`
    import { failAfter, moveOnAfter, openNursery, shielded, sleep, sleepForever, untilShutdown } from "@trefoil/io";
    await moveOnAfter(1, async () => {
      openNursery(() => sleepForever());
      moveOnAfter(1_000, () => sleepForever());
      failAfter(1_000, () => sleepForever());
      untilShutdown(() => sleepForever());
      openNursery((nursery) => void nursery.startSoon(() => sleepForever()));
      await sleep(1_000);
    });
    await sleep(5);
    console.log("still here");
  `);
  assertEquals([await program.end(), program.stdout, program.stderr], [0, "still here\n", ""]);
});

Deno.test("any number of deadlines cost one host timer", async () => {
  const program = Program.start(`
    const { setTimeout: real } = globalThis;
    let timers = 0;
    globalThis.setTimeout = (...args) => (timers++, real(...args));
    const { failAfter, moveOnAfter, openNursery, sleepForever } = await import("@trefoil/io");
    await moveOnAfter(20, () => openNursery((nursery) => {
      for (let i = 0; i < 10_000; i++) nursery.startSoon(() => failAfter(60_000 + i, () => sleepForever()));
    }));
    console.log("timers:", timers <= 3 ? "few" : timers);
  `);
  assertEquals([await program.end(), program.stdout], [0, "timers: few\n"]);
});

Deno.test("the echo server ends cleanly on Ctrl-C, with clients connected", async () => {
  const program = Program.startFile("examples/echo_server.ts", "0");
  await program.prints("echoing on port");
  const port = Number(/port (\d+)/.exec(program.stdout)![1]);
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode("hello"));
  const buffer = new Uint8Array(16);
  assertEquals(new TextDecoder().decode(buffer.subarray(0, (await conn.read(buffer))!)), "hello");
  program.signal("SIGINT");
  assertEquals(await program.end(), 130);
  assertEquals(program.stderr, "");
  conn.close();
});

Deno.test("nc and python3 get 10 MB of random bytes back, and 1,000 clients at once are served", async () => {
  if (!await has("nc", "-h") || !await has("python3", "--version")) {
    // deno-lint-ignore no-console -- a skipped test must be seen
    console.warn("SKIPPED: this test needs nc (netcat-openbsd) and python3");
    return;
  }
  const program = Program.startFile("examples/echo_server.ts", "0");
  await program.prints("echoing on port");
  const port = /port (\d+)/.exec(program.stdout)![1]!;
  const { stdout } = await new Deno.Command("bash", {
    args: ["-c", `head -c 10000000 /dev/urandom | tee >(sha256sum >&2) | nc -N 127.0.0.1 ${port} | sha256sum 2>&1`],
    stderr: "piped",
  }).output().then(({ stdout, stderr }) => ({
    stdout: [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim()),
  }));
  assertEquals(stdout[0], stdout[1]);
  const clients = await new Deno.Command("python3", {
    args: ["-c", CLIENTS, port],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  assertEquals(new TextDecoder().decode(clients.stdout).trim(), "1000 answered");
  program.signal("SIGINT");
  assertEquals(await program.end(), 130);
});

/** Opens 1,000 connections, then talks on all of them. */
const CLIENTS = `
import socket, sys
conns = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20) for _ in range(1000)]
for i, conn in enumerate(conns): conn.sendall(b"client %d" % i)
answered = 0
for i, conn in enumerate(conns):
    want = b"client %d" % i
    got = b""
    while len(got) < len(want): got += conn.recv(100)
    answered += got == want
print(answered, "answered")
`;

/** Whether a command is there and works. */
async function has(command: string, arg: string): Promise<boolean> {
  try {
    const check = new Deno.Command(command, { args: [arg], stdin: "null", stdout: "null", stderr: "null" });
    return (await check.output()).success;
  } catch {
    return false;
  }
}
