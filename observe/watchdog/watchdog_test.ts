// deno-lint-ignore-file no-console -- tests of what is printed
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  cancellable,
  CapacityLimiter,
  checkpoint,
  Event,
  Lock,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  run,
  sleep,
  sleepForever,
  untilShutdown,
} from "../../core/mod.ts";
import { addInstrument, suspend } from "../../core/lowlevel.ts";
import { simulate } from "../../testing/mod.ts";
import type { Finding } from "./finding.ts";
import { Watchdog, type WatchdogOptions } from "./watchdog.ts";

/** Works for a time of the host, as code does that computes. */
function work(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

/** What is found in a simulation, at looks by hand. */
async function watch(
  options: WatchdogOptions,
  body: (look: () => Promise<void>) => Promise<unknown>,
): Promise<Finding[]> {
  const found: Finding[] = [];
  await simulate(async () => {
    const watchdog = new Watchdog({
      loop: Infinity,
      interval: 0,
      ...options,
      onFinding: (one) => void found.push(one),
    });
    using _ = addInstrument(watchdog);
    await body(() => watchdog.look());
  }, { leaks: "ignore" });
  return found;
}

/** What is found in real time. */
async function watchReally(options: WatchdogOptions, main: () => Promise<unknown>): Promise<Finding[]> {
  const found: Finding[] = [];
  const watchdog = new Watchdog({ interval: 0, ...options, onFinding: (one) => void found.push(one) });
  await run(main, { handleSignals: false, instruments: [watchdog] });
  return found;
}

const isBlocked = ({ kind }: Finding): boolean => kind === "blocked loop" || kind === "busy machine";

Deno.test("W1: a step that runs too long is told, with its task, its place, and what it then waits for", async () => {
  const found = await watchReally({ loop: 50 }, () =>
    openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(1);
        function parse(): Promise<void> {
          work(200);
          return sleep(1);
        }
        await parse();
      }, { name: "parser" });
      nursery.startSoon(async () => {
        for (let n = 0; n < 20; n++) await sleep(1);
      }, { name: "innocent" });
      await sleep(30);
    }));
  // A machine that stands still is told as well, but nobody is blamed for that.
  assertEquals(found.filter(({ kind, task }) => kind === "blocked loop" && task !== "parser"), []);
  const { message, frames, amount } = found.find((one) => isBlocked(one) && one.task === "parser") as Finding;
  assert(amount >= 200, `${amount}`);
  assert(frames[0]?.startsWith("parse ("), frames.join());
  assertStringIncludes(message, "until sleep at parse (watchdog_test.ts:");
});

Deno.test("W1: a step that ends with its task, and one that makes no wait of ours, are told as well", async () => {
  const last = await watchReally({ loop: 50 }, () =>
    openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await checkpoint();
        work(200);
      }, { name: "last" });
      await sleep(1);
    }));
  assert(last.some((one) => isBlocked(one) && one.task === "last"), JSON.stringify(last));
  const foreign = await watchReally({ loop: 50 }, () =>
    openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await sleep(1);
        work(200);
        // Nothing of ours, until the beat has come.
        await new Promise((resolve) => setTimeout(resolve, 60));
      }, { name: "foreign" });
      await sleep(300);
    }));
  // On a busy machine there may be more.
  assert(foreign.filter(isBlocked).some(({ message }) => message.includes('"foreign"')), JSON.stringify(foreign));
});

Deno.test("W1: many short steps in one turn are not blamed on one of them", async () => {
  const found = await watchReally({ loop: 100 }, () =>
    openNursery((nursery) => {
      const gate = new Event();
      for (let n = 0; n < 30; n++) {
        nursery.startSoon(async () => {
          await gate.wait();
          work(10);
          await sleep(50);
        }, { name: `short ${n}` });
      }
      nursery.startSoon(async () => {
        await sleep(1);
        gate.set();
      });
    }));
  // The machine may be slow, and then each is long.
  for (const { task, message } of found.filter(isBlocked)) assert(task === "" || !message.includes("ran 1 "), message);
});

Deno.test("W3: a wait without a deadline is told when it is old; one for time, tasks or a shutdown is not", async () => {
  const alone = await watch({ waitAge: 1_000 }, async (look) => {
    const event = new Event({ name: "never" });
    async function waitForIt(): Promise<void> {
      await event.wait();
    }
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => await waitForIt(), { name: "stuck" });
      nursery.startSoon(() => moveOnAfter(1e6, () => event.wait()), { name: "with a deadline" });
      nursery.startSoon(() => untilShutdown(() => event.wait()), { name: "ends with a shutdown" });
      nursery.startSoon(() => sleepForever(), { name: "sleeper" });
      // The outside world begins when it does.
      for (const kind of ["receive signal", "wait for", "accept", "serve"]) {
        nursery.startSoon(() => suspend({ kind, label: "something" }, () => {}, () => true), { name: kind });
      }
      // So does work.
      const [send, receive] = openMemoryChannel<number>(0);
      nursery.startSoon(() => receive.receive(), { name: "idle worker" });
      await sleep(999);
      await look();
      await sleep(2.25);
      await look();
      await look();
      nursery.cancel();
      send.close();
    });
  });
  assertEquals(alone.map(({ kind, task, amount }) => [kind, task, amount]), [["old wait", "stuck", 1_001]]);
  assertStringIncludes(alone[0]!.message, 'event "never" at waitForIt (watchdog_test.ts:');
  assertStringIncludes(alone[0]!.message, "use failAfter()");
});

Deno.test("W3: old tasks, locks that are held, channels that are full", async () => {
  const found = await watch({ taskAge: 500, holdAge: 100, waitAge: Infinity }, async (look) => {
    const lock = new Lock({ name: "db" });
    const [send] = openMemoryChannel<number>(1, { name: "jobs" });
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        using _ = await lock.acquire();
        await sleep(1_000);
      }, { name: "holder" });
      await checkpoint();
      nursery.startSoon(() => lock.acquire(), { name: "waiter 1" });
      nursery.startSoon(() => lock.acquire(), { name: "waiter 2" });
      nursery.startSoon(async () => {
        await send.send(1);
        await send.send(2);
      }, { name: "producer" });
      await sleep(200);
      await look();
      await sleep(400);
      await look();
      nursery.cancel();
    });
  });
  assertEquals(found.slice(0, 2).map(({ kind, task }) => [kind, task]), [
    ["held lock", "waiter 1"],
    ["full channel", "producer"],
  ]);
  assertStringIncludes(found[0]!.message, 'acquire lock "db" held by task "holder" #2');
  assertEquals([...new Set(found.slice(2).map(({ kind }) => kind))], ["old task"]);
});

Deno.test("W3: a task in a promise that nobody knows is told, one that goes on is not", async () => {
  const found = await watch({ foreignAge: 100 }, async (look) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    await openNursery(async (nursery) => {
      nursery.startSoon(() => promise, { name: "stuck" });
      nursery.startSoon(() => cancellable(promise), { name: "known as foreign" });
      nursery.startSoon(async () => {
        for (let n = 0; n < 5; n++) await sleep(100);
      }, { name: "going on" });
      for (let n = 0; n < 4; n++) {
        await sleep(60);
        await look();
      }
      resolve();
    });
  });
  assertEquals(found.map(({ kind, task }) => [kind, task]).sort(), [
    ["foreign promise", "known as foreign"],
    ["foreign promise", "stuck"],
  ]);
});

Deno.test("W4: a wait that nobody awaits is told at the second look, if its task is at something else", async () => {
  const found = await watch({}, async (look) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        sleep(10_000); // an await is missing
        await sleep(1_000);
      }, { name: "forgetful" });
      nursery.startSoon(() => sleep(1_000), { name: "returns its wait" });
      nursery.startSoon(async () => {
        await Promise.all([sleep(1_000), sleep(900)]);
      }, { name: "awaits both" });
      nursery.startSoon(async () => {
        await sleep(1_000).then(() => 1);
      }, { name: "chains" });
      await sleep(1);
      await look();
      await sleep(1);
      await look();
      nursery.cancel();
    });
  });
  assertEquals(found.map(({ kind, task }) => [kind, task]), [["forgotten wait", "forgetful"]]);
  assertStringIncludes(found[0]!.message, "sleep until t=10s; an await is missing");
});

Deno.test("W5: a task that wakes itself all the time is told", async () => {
  const found = await watch({ wakes: 500 }, async (look) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        for (let n = 0; n < 1_000; n++) await sleep(1);
      }, { name: "poller" });
      nursery.startSoon(async () => {
        for (let n = 0; n < 10; n++) await sleep(100);
      }, { name: "calm" });
      await look();
      await sleep(500);
      await look();
    });
  });
  assertEquals(found.map(({ kind, task }) => [kind, task]), [["self-waking", "poller"]]);
  assert(found[0]!.amount > 900, `${found[0]!.amount}`);
});

Deno.test("W: the same thing at the same place is told once a minute", async () => {
  const found = await watch({ waitAge: 10, holdAge: 10 }, async (look) => {
    const limiter = new CapacityLimiter(0);
    await openNursery(async (nursery) => {
      for (let n = 0; n < 5; n++) nursery.startSoon(async () => void await limiter.acquire(), { name: `worker ${n}` });
      for (let n = 0; n < 4; n++) {
        await sleep(20_000);
        await look();
      }
      nursery.cancel();
    });
  });
  assertEquals(found.map(({ amount }) => amount), [20_000, 80_000]);
});

Deno.test("W: a watchdog is for one run, ends with it, and then finds nothing more", async () => {
  const found: Finding[] = [];
  const watchdog = new Watchdog({ waitAge: 0, interval: 0, onFinding: (one) => void found.push(one) });
  await run(() => sleep(1), { handleSignals: false, instruments: [watchdog] });
  await watchdog.look();
  watchdog.close();
  const printed: unknown[] = [];
  const { error } = console;
  console.error = (message: unknown) => void printed.push(message);
  try {
    await run(() => sleep(1), { handleSignals: false, instruments: [watchdog] });
  } finally {
    console.error = error;
  }
  assertEquals(found, []);
  assertStringIncludes(String((printed[0] as Error).cause), "make a new one for each");
});

Deno.test("W: bad options are refused", () => {
  for (const name of ["loop", "taskAge", "waitAge", "holdAge", "foreignAge", "wakes", "stuck", "interval"]) {
    assertThrows(() => new Watchdog({ [name]: -1 }), RangeError, `"${name}"`);
    assertThrows(() => new Watchdog({ [name]: "1" }), TypeError, `"${name}"`);
  }
  assertThrows(() => new Watchdog({ onFinding: 7 as never }), TypeError, '"onFinding"');
  assertThrows(() => new Watchdog(null as never), TypeError, '"options"');
});

Deno.test("W: by default a finding is printed", async () => {
  const printed: string[] = [];
  const { warn } = console;
  console.warn = (line: string) => void printed.push(line);
  try {
    await simulate(async () => {
      const watchdog = new Watchdog({ loop: Infinity, interval: 0, taskAge: 1 });
      using _ = addInstrument(watchdog);
      await openNursery(async (nursery) => {
        nursery.startSoon(() => sleep(10), { name: "old" });
        await sleep(5);
        await watchdog.look();
      });
    });
  } finally {
    console.warn = warn;
  }
  assertEquals(printed, ['Trefoil: old task: task "old" #2 has been running for 5 ms']);
});

Deno.test("W3: the code outside any run, which awaits a run, is no task in a foreign promise", async () => {
  const found: Finding[] = [];
  using watchdog = new Watchdog({ foreignAge: 0, interval: 0, onFinding: (finding) => void found.push(finding) });
  using _ = addInstrument(watchdog);
  for (let n = 0; n < 3; n++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    await watchdog.look();
  }
  assertEquals(found, []);
});

Deno.test("W: of many tasks at one place that wait for one thing, one is told of, also where places are not known", async () => {
  const found = await watch({ holdAge: 100 }, async (look) => {
    const lock = new Lock({ name: "db" });
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        using _ = await lock.acquire();
        await sleepForever();
      });
      await checkpoint();
      // More than places are asked for.
      for (let n = 0; n < 300; n++) {
        nursery.startSoon(async () => {
          using _ = await lock.acquire();
        }, { name: `query ${n}` });
      }
      await sleep(1_000);
      await look();
      nursery.cancel();
    });
  });
  assertEquals(found.map(({ kind, task }) => [kind, task]), [["held lock", "query 0"]]);
});
