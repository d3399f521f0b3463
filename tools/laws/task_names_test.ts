// deno-lint-ignore-file no-console -- it looks at what is printed
/**
 * E5: whatever names a task names it the same way, `task "name" #7`, so that one can look for it: in errors, in labels
 * of waits, in what is printed. Where each line is a task's, it is `name #7`.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  BrokenResourceError,
  CapacityLimiter,
  Condition,
  currentTask,
  failAfter,
  Lazy,
  Lock,
  moveOnAfter,
  type Nursery,
  openNursery,
  run,
  sleep,
  sleepForever,
  taskTree,
  tcpServer,
} from "../../mod.ts";
import { addInstrument, ParkingLot, startSystemTask } from "../../core/lowlevel.ts";
import { Sequencer, simulate, type SimulateOptions, sweepCancel } from "../../testing/mod.ts";
import { type Finding, Watchdog } from "../../observe/mod.ts";
import { textOf } from "../../core/internal.ts";

const NAME = "culprit";

const holding = (lock: Lock) => async (): Promise<void> => {
  using _guard = await lock.acquire();
  await sleep(100);
};

/** Ways to name a task, each with a task called "culprit". */
const NAMED: Record<string, () => Promise<string>> = {
  "an ErrorGroup": () =>
    inSimulation((nursery) => void nursery.startSoon(() => Promise.reject(new Error("x")), { name: NAME })),
  "a Cancelled by cancel()": () =>
    cancelledBy((nursery) => void nursery.startSoon(() => nursery.cancel(), { name: NAME })),
  "a Cancelled by Task.cancel()": () =>
    inSimulation(async (nursery) => {
      const victim = nursery.startSoon(() => sleepForever());
      nursery.startSoon(() => victim.cancel(), { name: NAME });
      return await victim.join().catch(({ cause }) => textOf(cause));
    }),
  async "a Cancelled by a system task that failed"() {
    let message = "";
    await simulate(async () => {
      startSystemTask(() => Promise.reject(new BrokenResourceError("x")), { name: NAME });
      await sleepForever().catch((error) => message = textOf(error));
    }).catch(() => {});
    return message;
  },
  "join() of oneself": () =>
    inSimulation((nursery) => nursery.startSoon(() => currentTask().join(), { name: NAME }).join()),
  "join() of who waits for one": () =>
    inSimulation((nursery) => {
      const parent = nursery.startSoon(
        () => openNursery((inner) => void inner.startSoon(() => parent.join())),
        { name: NAME },
      );
    }),
  "start() of a task that ends": () => inSimulation((nursery) => nursery.start(() => {}, { name: NAME })),
  "started() twice": () =>
    inSimulation((nursery) =>
      nursery.start((status) => {
        status.started();
        status.started();
      }, { name: NAME })
    ),
  "a start() that was forgotten": () =>
    inSimulation((nursery) =>
      moveOnAfter(5, () => void nursery.start((status) => sleep(1).then(() => status.started()), { name: NAME }))
    ),
  "a task that forgot something": () =>
    inSimulation((nursery) => void nursery.startSoon(() => void openNursery(() => sleepForever()), { name: NAME })),
  "TooSlowError": () =>
    inSimulation(() =>
      failAfter(1, () => openNursery((nursery) => void nursery.startSoon(() => sleep(5), { name: NAME })))
    ),
  "a lock that is held": () => treeWith(new Lock(), (lock) => lock.acquire(), holding),
  "a lock that is held already": () =>
    inSimulation((nursery) => {
      const lock = new Lock();
      nursery.startSoon(async () => {
        await lock.acquire();
        await lock.acquire();
      }, { name: NAME });
    }),
  "a lock of somebody else": () =>
    inSimulation((nursery) => {
      const lock = new Lock();
      nursery.startSoon(holding(lock), { name: NAME });
      nursery.startSoon(() => sleep(1).then(() => new Condition(lock).notify()));
    }),
  "a lock whose owner has ended": () => afterEnd(new Lock(), (lock) => lock.acquire()),
  "a limiter": () =>
    treeWith(new CapacityLimiter(1), (limiter) => limiter.acquire(), (limiter) => async () => {
      using _token = await limiter.acquire();
      await sleep(100);
    }),
  "a limiter whose borrower has ended": () => afterEnd(new CapacityLimiter(1), (limiter) => limiter.acquire()),
  "a token of one who has none": () =>
    inSimulation((nursery) => void nursery.startSoon(() => new CapacityLimiter(1).release(), { name: NAME })),
  "a Lazy that is computed": () =>
    treeWith(new Lazy(() => sleep(100)), (lazy) => lazy.get(), (lazy) => () => lazy.get()),
  "a parking lot that was broken": () => afterEnd(new ParkingLot(), (lot) => lot.breakLot(), (lot) => lot.park()),
  "a join() in the tree": () =>
    treeWith({ task: currentTask() }, (of) => of.task.join(), (of) => () => {
      of.task = currentTask();
      return sleep(100);
    }),
  "a turn of a sequencer": () =>
    treeWith(new Sequencer(), (sequencer) => sequencer.turn(1), (sequencer) => async () => {
      using _turn = await sequencer.turn(0);
      await sleep(100);
    }),
  "a leak": () =>
    inCulprit(() => {
      setInterval(() => {}, 1_000);
    }),
  "a wait that was forgotten": () => inCulprit(() => void sleep(5), { leaks: "error" }),
  "a swallowed cancellation": () =>
    inCulprit(() =>
      moveOnAfter(1, async () => {
        while (true) await sleep(1).catch(() => {});
      })
    ),
  "a livelock": () =>
    inCulprit(async () => {
      while (true) await sleep(0);
    }),
  "a foreign promise": () => inCulprit(() => new Promise(() => {}), { onForeign: "error" }),
  "a law that is broken": () =>
    told(simulate((sim) => {
      let holds = true;
      sim.always(() => holds, "it holds");
      return openNursery((nursery) =>
        void nursery.startSoon(async () => {
          await sleep(1);
          holds = false;
          await sleep(1);
        }, { name: NAME })
      );
    })),
  "a sweep": () =>
    told(
      sweepCancel(() =>
        openNursery((nursery) =>
          void nursery.startSoon(() => sleep(1).finally(() => Promise.reject(new Error("broken"))), { name: NAME })
        ), { task: NAME }),
    ),
  "a deadlock of two locks": () => crossed(),
};

/** The text of an error, or what was returned instead. */
function told(promise: Promise<unknown>): Promise<string> {
  return promise.then((value) => `${value}`, textOf);
}

/** What a nursery fails with, or returns, in a simulation. */
function inSimulation(body: (nursery: Nursery) => unknown, options: SimulateOptions = { leaks: "ignore" }) {
  return told(simulate(() => openNursery(body), options));
}

/** What a simulation fails with that does something in a task called "culprit". */
function inCulprit(fn: () => unknown, options: SimulateOptions = {}): Promise<string> {
  return inSimulation((nursery) => void nursery.startSoon(fn, { name: NAME }), {
    maxStepsAtOneInstant: 5_000,
    ...options,
  });
}

/** The message of the `Cancelled` that a body gets. */
function cancelledBy(begin: (nursery: Nursery) => void): Promise<string> {
  return told(simulate(async () => {
    let message = "";
    await openNursery(async (nursery) => {
      begin(nursery);
      await sleepForever().catch((error) => message = textOf(error));
    }).catch(() => {});
    return message;
  }));
}

/** What the tree says when a task waits for what another one, called "culprit", has. */
function treeWith<T>(
  thing: T,
  wait: (thing: T) => Promise<unknown>,
  hold: (thing: T) => () => unknown,
): Promise<string> {
  return inSimulation(async (nursery) => {
    nursery.startSoon(hold(thing), { name: NAME });
    await sleep(1);
    nursery.startSoon(() => wait(thing));
    await sleep(1);
    const waits = taskTree().root.children.flatMap(({ waits }) => waits.map(({ kind, label }) => `${kind} ${label}`));
    nursery.cancel();
    return waits.join("\n");
  });
}

/** What somebody gets when a task called "culprit" has ended after taking something. */
function afterEnd<T>(
  thing: T,
  take: (thing: T) => unknown,
  then: (thing: T) => unknown = take,
): Promise<string> {
  return told(simulate(async () => {
    await openNursery((nursery) => void nursery.startSoon(() => take(thing), { name: NAME }));
    await then(thing);
  }));
}

function crossed(): Promise<string> {
  const [a, b] = [new Lock({ name: "a" }), new Lock({ name: "b" })];
  const both = (one: Lock, two: Lock) => async () => {
    using _one = await one.acquire();
    await sleep(1);
    using _two = await two.acquire();
  };
  return inSimulation((nursery) => {
    nursery.startSoon(both(a, b), { name: NAME });
    nursery.startSoon(both(b, a), { name: "other" });
  });
}

/** Looks at each place where the task is named in quotes: in trees its name stands without. */
function check(text: string): void {
  assertMatch(text, /task "culprit" #\d+/, text);
  for (const [named] of text.matchAll(/(?:\S+ )?"culprit".{0,3}/g)) {
    assert(/^task "culprit" #\d/.test(named), `${named}: ${text}`);
  }
}

for (const [what, name] of Object.entries(NAMED)) {
  Deno.test(`E5: ${what} names the task as all do`, async () => check(await name()));
}

Deno.test("E5: trees and tables have the name and the number at the head of the line", async () => {
  const deadlock = await crossed();
  assertMatch(deadlock, /─ culprit #2 {2}/);
  assertMatch(deadlock, /\ncycle: culprit #2 → acquire lock "b" → other #3 → acquire lock "a" → culprit #2$/);
  const tree = await simulate(() =>
    openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(5), { name: NAME });
      await sleep(1);
      return `${taskTree()}`;
    })
  );
  assertMatch(tree, /^main #1: .*\n└─ culprit #2: sleep until t=5ms/);
});

Deno.test("E5: the findings of a watchdog name the task as all do", async () => {
  const found: Finding[] = [];
  const watchdog = new Watchdog({
    interval: 0,
    loop: Infinity,
    taskAge: 5,
    waitAge: 5,
    holdAge: 5,
    foreignAge: 5,
    wakes: 5,
    onFinding: (finding) => void found.push(finding),
  });
  await simulate(async () => {
    using _watched = addInstrument(watchdog);
    const lock = new Lock();
    await openNursery(async (nursery) => {
      nursery.startSoon(holding(lock), { name: "holder" });
      nursery.startSoon(async () => {
        for (let i = 0; i < 100; i++) await sleep(0);
        sleep(50);
        await lock.acquire();
      }, { name: NAME });
      await sleep(1);
      await watchdog.look();
      await sleep(20);
      await watchdog.look();
      await watchdog.look();
      nursery.cancel();
    });
  }, { leaks: "ignore" });
  const culprits = found.filter(({ task }) => task === NAME);
  assertEquals([...new Set(culprits.map(({ kind }) => kind))].sort(), ["forgotten wait", "held lock", "old task"]);
  for (const { message } of culprits) check(message);
});

Deno.test("E5: what a server prints of a handler names the task as all do", async () => {
  const printed: string[] = [];
  const { error } = console;
  console.error = (...words: unknown[]) => void printed.push(words.join(" "));
  try {
    await run(() =>
      openNursery(async (nursery) => {
        const server = tcpServer(() => Promise.reject(new Error("x")), { port: 0, hostname: "127.0.0.1" });
        const [{ port }] = await nursery.start(server);
        using connection = await Deno.connect({ port, hostname: "127.0.0.1" });
        await connection.read(new Uint8Array(1));
        nursery.cancel();
      }), { handleSignals: false });
  } finally {
    console.error = error;
  }
  assertEquals(printed.length, 1);
  assertMatch(printed[0]!, /in task "connection" #\d+; /);
});
