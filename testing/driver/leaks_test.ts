// deno-lint-ignore-file no-console -- warnings are what is tested
import { assertEquals, assertInstanceOf, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { hostImmediate } from "../../core/internal.ts";
import { delay } from "@std/async";
import { ErrorGroup, moveOnAfter, openNursery, sleep, sleepForever } from "../../core/mod.ts";
import { beginHostOperation, hostOperation } from "../../core/lowlevel.ts";
import { trackOpen } from "./leaks.ts";
import { openTcpListeners, openTcpStream, serveTcp } from "../../net/mod.ts";
import { simulate, simulated, type SimulateOptions, type Simulation } from "../mod.ts";

// A body that passes fails all the same when it leaves something behind.

async function leaksOf(body: (sim: Simulation) => unknown, options?: SimulateOptions): Promise<string> {
  const { message } = await assertRejects(() => simulate(body, options), Error);
  return message.replace(/leaks_test\.ts:\d+:\d+/g, "leaks_test.ts:1:1");
}

Deno.test("every leak has a line of its own, with its kind, its place and its task", async () => {
  const report = await leaksOf(() =>
    openNursery((nursery) => {
      nursery.startSoon(() => void setInterval(() => {}, 1_000), { name: "heart" });
      nursery.startSoon(async () => {
        setTimeout(() => {}, 60_000);
        beginHostOperation("read from 10.0.0.1:80");
        trackOpen("memory stream");
        await Promise.resolve();
      }, { name: "client" });
    })
  );
  assertEquals(
    report,
    [
      "Cannot end the simulation as its body left 4 things behind (option leaks):",
      '  not closed: memory stream at leaks_test.ts:1:1, task "client" #3',
      '  operation of the host: read from 10.0.0.1:80 at leaks_test.ts:1:1, task "client" #3',
      '  timer: setInterval(1000) at leaks_test.ts:1:1, task "heart" #2',
      '  timer: setTimeout(60000) at leaks_test.ts:1:1, task "client" #3',
    ].join("\n"),
  );
});

Deno.test(
  "what was cleared, closed, ended, unref'd or has fired is no leak",
  simulated(async () => {
    clearInterval(setInterval(() => {}, 1_000));
    clearTimeout(setTimeout(() => {}, 1_000));
    (setInterval(() => {}, 7) as unknown as { unref(): void }).unref();
    setTimeout(() => {}, 5);
    AbortSignal.timeout(60_000);
    const open = trackOpen("stream");
    open.close();
    open.close();
    beginHostOperation("read").end();
    await delay(5);
    await moveOnAfter(1, () => sleep(60_000));
  }),
);

Deno.test("an interval says how often it has fired", async () => {
  const report = await leaksOf(async () => {
    setInterval(() => {}, 10);
    await sleep(35);
  });
  assertStringIncludes(report, "timer: setInterval(10), fired 3 times at leaks_test.ts:1:1");
});

Deno.test("a host operation that ends in the turns after the body is no leak", async () => {
  await simulate(() => {
    const operation = beginHostOperation("closing");
    let turns = 5;
    const step = (): void => void (--turns > 0 ? hostImmediate(step) : operation.end());
    hostImmediate(step);
  });
  await simulate(() => void hostOperation("digest", crypto.subtle.digest("SHA-256", new Uint8Array(8))), {
    foreignGrace: 10_000,
  });
});

Deno.test("a leak in one simulation does not show in the next, nor in one beside it", async () => {
  const clean = simulate(() => delay(1_000));
  await leaksOf(() => void setTimeout(() => {}, 1_000));
  await simulate(() => delay(1_000));
  await clean;
});

Deno.test("the error of a body wins over what it leaves behind", async () => {
  const warnings = await warningsOf(async () => {
    const error = await assertRejects(() =>
      simulate(() => {
        setInterval(() => {}, 1_000);
        throw new RangeError("body");
      }), RangeError);
    assertEquals(error.message, "body");
  });
  assertEquals(warnings.length, 1);
});

/** Runs with `console.warn` caught. */
async function warningsOf(fn: () => Promise<unknown>): Promise<string[]> {
  const { warn } = console;
  const lines: string[] = [];
  console.warn = (line: string) => lines.push(line);
  try {
    await fn();
  } finally {
    console.warn = warn;
  }
  return lines;
}

Deno.test("leaks may be warned of or ignored, all of them or one kind", async () => {
  const leak = () => {
    setTimeout(() => {}, 1_000);
    trackOpen("stream");
  };
  assertEquals(await warningsOf(() => simulate(leak, { leaks: "ignore" })), []);
  const [line = ""] = await warningsOf(() => simulate(leak, { leaks: "warn" }));
  assertMatch(line, /^The simulation's body left 2 things behind \(option leaks\):\n {2}not closed: .*\n {2}timer: /);
  const report = await leaksOf(leak, { leaks: { resources: "ignore" } });
  assertMatch(report, /left 1 thing behind \(option leaks\):\n {2}timer: setTimeout\(1000\) at [^\n]*$/);
});

Deno.test("a wait that nobody awaited is warned of with its line, and an error if you say so", async () => {
  const forget = () => openNursery((nursery) => void nursery.startSoon(() => void sleep(1_000), { name: "hasty" }));
  const [line = ""] = await warningsOf(() => simulate(forget));
  assertMatch(line, /\n {2}wait that nobody awaited: sleep until t=1s at leaks_test\.ts:\d+:\d+, task "hasty" #2$/);
  assertStringIncludes(await leaksOf(forget, { leaks: "error" }), "wait that nobody awaited: sleep until t=1s at");
});

Deno.test("a nursery that nobody awaited is shown with the waits of its tasks, and their lines", async () => {
  const forget = () => {
    openNursery((nursery) => void nursery.startSoon(() => sleep(1_000), { name: "child" }));
  };
  let error: unknown;
  const [line = ""] = await warningsOf(() => simulate(forget).catch((thrown) => error = thrown));
  assertInstanceOf(error, ErrorGroup);
  assertStringIncludes(error.message, 'Cannot leave nursery "simulation" as everything that is opened in it must have');
  assertMatch(
    line,
    /behind \(option leaks\):\n {2}wait that nobody awaited: nursery "nursery", 1 child.*, task "main" #1\n {2}wait that nobody awaited: sleep until t=1s at leaks_test\.ts:\d+:\d+, task "child" #2$/,
  );
});

Deno.test("a wait that is cancelled is no forgotten one", async () => {
  assertEquals(await warningsOf(() => simulate(() => moveOnAfter(5, () => sleepForever()), { leaks: "error" })), []);
});

Deno.test("outside a simulation nothing is tracked", () => {
  trackOpen("stream").close();
});

// The place and the finding come before all else.

Deno.test("what the library opens for somebody is named with the place of who asked for it, and his task", async () => {
  const db = (sim: Simulation) =>
    sim.net.host("db").startSoon(() => serveTcp(() => sleepForever(), { port: 5432 }), { name: "server" });
  const report = await leaksOf(async (sim) => {
    db(sim);
    await openTcpStream("db", 5432);
    await openNursery((nursery) =>
      void nursery.startSoon(async () => {
        await openTcpStream(sim.net.host("db").address, 5432);
      }, { name: "client" })
    );
    await openTcpListeners(80);
  });
  assertEquals(report.split("\n").slice(1).sort(), [
    '  not closed: connection test:40001→db:5432 at leaks_test.ts:1:1, task "main" #1',
    '  not closed: connection test:40002→db:5432 at leaks_test.ts:1:1, task "client" #5',
    '  not closed: listener on test:80 at leaks_test.ts:1:1, task "main" #1',
  ]);
});

Deno.test("tasks that the library starts are shown with the place of the user's that they come from", async () => {
  const error = await assertRejects(() =>
    simulate(async (sim) => {
      sim.net.host("db").startSoon(() => sleepForever(), { name: "server" });
      sim.background.startSoon(() => sleepForever(), { name: "beside" });
      await sleepForever();
    }), Error);
  for (const name of ["server #2", "beside #3"]) {
    assertMatch(error.message, new RegExp(`${name} +leaks_test\\.ts:\\d+:\\d+ `));
  }
});

Deno.test("when the body fails, its error is thrown, and what is left behind is printed beside it", async () => {
  const leak = () => {
    setInterval(() => {}, 1_000);
    throw new RangeError("the cause");
  };
  let error: unknown;
  const [line = "", ...more] = await warningsOf(() => simulate(leak).catch((thrown) => error = thrown));
  assertEquals([String(error), more], ["RangeError: the cause", []]);
  assertMatch(
    line,
    /^The simulation has failed, and its body left 1 thing behind \(option leaks\):\n {2}timer: setInterval\(1000\) at leaks_/,
  );
  assertEquals(await warningsOf(() => simulate(leak, { leaks: "ignore" }).catch(() => {})), []);
});

Deno.test("of very many leaks the first hundred are shown", async () => {
  const report = await leaksOf(() => {
    for (let i = 0; i < 250; i++) setTimeout(() => {}, 1_000);
  });
  assertEquals(report.split("\n").length, 102);
  assertMatch(report, /left 250 things behind [^]*\n {2}and 150 more$/);
});
