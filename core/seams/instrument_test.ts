// deno-lint-ignore-file no-console -- where faults of instruments are reported
import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  CancelScope,
  checkpoint,
  currentTask,
  Event,
  moveOnAfter,
  openNursery,
  run,
  sleep,
  sleepForever,
} from "../mod.ts";
import { type Clock, type Instrument, realClock } from "../lowlevel.ts";

const QUIET = { handleSignals: false };

/** The host's time, but with turns that are counted: how fast the machine is decides nothing. */
const CLOCK: Clock = {
  deterministic: true,
  now: () => realClock.now(),
  wall: () => realClock.wall(),
  at: (deadline, fire, arg) => realClock.at(deadline, fire, arg),
};

/** Runs with instruments, and gives what was printed as an error meanwhile. */
async function runWith(instruments: Instrument[], main: () => unknown): Promise<unknown[]> {
  const printed: unknown[] = [];
  const original = console.error;
  console.error = (error: unknown) => printed.push(error);
  try {
    await run(main, { ...QUIET, instruments, clock: CLOCK });
  } finally {
    console.error = original;
  }
  return printed;
}

Deno.test("instruments hear of tasks as they are made and as they end, with everything in them", async () => {
  const log: string[] = [];
  const watcher: Instrument = {
    taskSpawned: (task) => log.push(`+${task.id} ${task.name} ${task.state}`),
    taskExited: (task) => log.push(`-${task.id} ${task.name} ${task.state}`),
  };
  await runWith([watcher], () =>
    openNursery(async (nursery) => {
      nursery.startSoon(() => openNursery((inner) => void inner.startSoon(() => checkpoint(), { name: "inner" })), {
        name: "outer",
      });
      const taken = nursery.startSoon(() => sleepForever(), { name: "taken" });
      await sleep(1);
      taken.cancel();
      await nursery.start(async (status) => {
        status.started();
        await checkpoint();
        throw new Error("x");
      }, { name: "failing" });
    }).catch(() => {}));
  assertEquals(log, [
    "+1 main running",
    "+2 outer running",
    "+3 taken running",
    "+4 inner running",
    "-4 inner done",
    "-2 outer done",
    "+5 failing running",
    "-3 taken cancelled",
    "-5 failing failed",
    "-1 main done",
  ]);
});

Deno.test("blocked and resumed come in pairs, with the reason, for every wait", async () => {
  const open: string[] = [];
  const kinds = new Set<string>();
  const watcher: Instrument = {
    blocked: (task, { kind }) => {
      open.push(`${task.name} ${kind}`);
      kinds.add(kind);
    },
    resumed: (task, { kind }) => void open.splice(open.indexOf(`${task.name} ${kind}`), 1),
  };
  await runWith([watcher], () =>
    openNursery(async (nursery) => {
      const event = new Event();
      const waiter = nursery.startSoon(() => Promise.all([event.wait(), sleep(1)]), { name: "waiter" });
      nursery.startSoon(() => moveOnAfter(1, () => sleepForever()), { name: "timed out" });
      nursery.startSoon(() => waiter.join(), { name: "joiner" });
      await sleep(2);
      event.set();
    }));
  assertEquals(open, []);
  assertEquals([...kinds].sort(), ["event", "join task", "nursery", "sleep"]);
});

Deno.test("scopeCancelled comes once for each scope or task that was cancelled itself, not for those below", async () => {
  const log: string[] = [];
  const watcher: Instrument = {
    scopeCancelled: (task, { source, reason }) => log.push(`${task.name}: ${source} ${reason}`),
  };
  await runWith([watcher], () =>
    openNursery(async (nursery) => {
      const scope = new CancelScope();
      nursery.startSoon(() => scope.run(() => moveOnAfter(1_000, () => sleepForever())), { name: "scoped" });
      const task = nursery.startSoon(() => sleepForever(), { name: "taken" });
      await checkpoint();
      scope.cancel("by hand");
      scope.cancel("again");
      task.cancel("alone");
      task.cancel("again");
      nursery.startSoon(() => Promise.reject(new Error("boom")), { name: "failing" });
    }).catch(() => {}));
  assertEquals(log, ["scoped: explicit by hand", "taken: explicit alone", "main: nursery Error: boom"]);
});

Deno.test("a hook runs synchronously, in the context of what happens", async () => {
  const seen: string[] = [];
  await runWith([{ taskSpawned: () => seen.push(currentTask().name) }], () =>
    openNursery((nursery) => {
      nursery.startSoon(() => openNursery((inner) => void inner.startSoon(() => {})), { name: "spawner" });
      seen.push("startSoon returned");
    }));
  assertEquals(seen.slice(1), ["main", "startSoon returned", "spawner"]);
});

Deno.test("an instrument whose hook throws is reported once and removed; the others and the run go on", async () => {
  const calls = { faulty: 0, before: 0, after: 0 };
  const faulty: Instrument = {
    blocked() {
      calls.faulty++;
      throw new Error("in the hook");
    },
    taskExited: () => void calls.faulty++,
  };
  const printed = await runWith(
    [{ blocked: () => void calls.before++ }, faulty, { blocked: () => void calls.after++ }],
    async () => {
      await sleep(1);
      await sleep(1);
    },
  );
  assertEquals(calls, { faulty: 1, before: 2, after: 2 });
  assertEquals(printed.length, 1);
  const [error] = printed;
  assertInstanceOf(error, Error);
  assertEquals(
    error.message,
    'Cannot go on with an instrument as its hook "blocked" threw: the instrument is removed from the run',
  );
  assertEquals(String(error.cause), "Error: in the hook");
});

Deno.test("two instruments that throw are reported one by one", async () => {
  const faulty = (): Instrument => ({
    taskSpawned() {
      throw new Error("x");
    },
  });
  let healthy = 0;
  const printed = await runWith([faulty(), faulty(), { taskExited: () => void healthy++ }], () => {});
  assertEquals([printed.length, healthy], [2, 1]);
});

Deno.test("hooks keep their this, so an instrument can be an object with private state", async () => {
  class Counter implements Instrument {
    #count = 0;
    taskSpawned() {
      this.#count++;
    }
    get count() {
      return this.#count;
    }
  }
  const counter = new Counter();
  await runWith([counter], () => openNursery((nursery) => void nursery.startSoon(() => {})));
  assertEquals(counter.count, 2);
});

Deno.test("instruments of one run hear nothing of another, nor of code outside any run", async () => {
  let heard = 0;
  const first = run(() => sleep(1), { ...QUIET, instruments: [{ taskSpawned: () => void heard++ }] });
  await run(() => openNursery((nursery) => void nursery.startSoon(() => sleep(1))), QUIET);
  await openNursery((nursery) => void nursery.startSoon(() => sleep(1)));
  await first;
  assertEquals(heard, 1);
});
