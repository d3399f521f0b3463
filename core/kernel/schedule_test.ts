// deno-lint-ignore-file no-console -- what is printed is part of the test
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  checkpoint,
  currentTask,
  Event,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  run,
  sleep,
  type Task,
} from "../mod.ts";
import { type Schedule, suspend, type Waker } from "../lowlevel.ts";

/** Holds resumptions for a turn and lets them go in an order of its own. Tasks begin at once, in theirs. */
function reordering(order: <T>(list: T[]) => T[]): Schedule {
  const begun = new WeakSet<Task>();
  let held: (() => void)[] = [];
  return (resume, task) => {
    if (!begun.has(task)) return void begun.add(task), resume();
    held.push(resume);
    if (held.length > 1) return;
    setImmediate(() => {
      const batch = held;
      held = [];
      for (const resume of order(batch)) resume();
    });
  };
}

const backwards = reordering((list) => list.reverse());
const inOrder = reordering((list) => list);

function scheduled<T>(schedule: Schedule, main: () => Promise<T>): Promise<T> {
  return run(main, { schedule, handleSignals: false });
}

Deno.test("schedule decides in which order granted waits resume", async () => {
  for (const [schedule, expected] of [[inOrder, "abc"], [backwards, "cba"]] as const) {
    let order = "";
    await scheduled(schedule, () =>
      openNursery(async (nursery) => {
        const go = new Event();
        for (const name of "abc") nursery.startSoon(() => go.wait().then(() => order += name));
        await sleep(1);
        go.set();
      }));
    assertEquals(order, expected);
  }
});

Deno.test("schedule does not decide who is granted what: items go to those who asked first", async () => {
  const got: string[] = [];
  const resumed: string[] = [];
  await scheduled(backwards, () =>
    openNursery(async (nursery) => {
      const [send, receive] = openMemoryChannel<number>(0);
      for (const name of "abc") {
        nursery.startSoon(async () => {
          const item = await receive.receive();
          got.push(`${name}${item}`);
          resumed.push(name);
        });
      }
      await sleep(1);
      for (const item of [1, 2, 3]) send.trySend(item);
    }));
  assertEquals(got.sort(), ["a1", "b2", "c3"]);
  assertEquals(resumed, ["c", "b", "a"]);
});

Deno.test("a wait that was granted stays granted while its resumption is held back, whatever is cancelled then", async () => {
  let release = () => {};
  let hold = false;
  const schedule: Schedule = (resume) => hold ? void (release = resume) : resume();
  await scheduled(schedule, () =>
    openNursery(async (nursery) => {
      let waker: Waker<string> | undefined;
      const task = nursery.startSoon(() =>
        moveOnAfter(Infinity, (scope) => {
          const wait = suspend<string>({ kind: "test" }, (made) => waker = made, () => true);
          nursery.startSoon(() => {
            hold = true;
            assert(waker!.wake("granted"));
            hold = false;
            scope.cancel();
            release();
          });
          return wait;
        })
      );
      assertEquals(await task.join(), { cancelledCaught: false, value: "granted" });
    }));
});

Deno.test("schedule sees every task begin and every wait, also those that were ready, with the task", async () => {
  const seen: string[] = [];
  const schedule = (resume: () => void, task: Task) => {
    seen.push(task.name);
    resume();
  };
  await scheduled(schedule, () =>
    openNursery(async (nursery) => {
      const event = new Event();
      event.set();
      const child = nursery.startSoon(async () => {
        await checkpoint();
        await event.wait();
        assertStrictEquals(currentTask().name, "child");
      }, { name: "child" });
      await child.join();
    }));
  assertEquals(seen, ["main", "child", "child", "child", "main", "main"]);
});

Deno.test("schedule decides when a task begins, and so in which order tasks begin", async () => {
  const held: (() => void)[] = [];
  const log: string[] = [];
  await run(() =>
    openNursery(async (nursery) => {
      for (const name of "abc") nursery.startSoon(() => void log.push(name), { name });
      await Promise.resolve();
      assertEquals(log, []);
      for (const begin of held.splice(0).reverse()) begin();
    }), {
    handleSignals: false,
    schedule: (resume, { name }) => name.length === 1 ? void held.push(resume) : resume(),
  });
  assertEquals(log, ["c", "b", "a"]);
});

Deno.test("a task that is cancelled before the schedule lets it begin still begins, and its first wait throws", async () => {
  let begin = () => {};
  const log: unknown[] = [];
  await run(() =>
    openNursery((nursery) => {
      const task = nursery.startSoon(async () => {
        log.push("begun");
        await checkpoint();
        log.push("unreached");
      }, { name: "late" });
      task.cancel();
      nursery.startSoon(() => begin());
    }), {
    handleSignals: false,
    schedule: (resume, { name }) => name === "late" && log.length === 0 ? begin = resume : resume(),
  });
  assertEquals(log, ["begun"]);
});

Deno.test("a task whose resumption is held back counts as running", async () => {
  const counts: number[] = [];
  const schedule: Schedule = (resume) => void setImmediate(resume);
  const { currentRun } = await import("../lowlevel.ts");
  await scheduled(schedule, () =>
    openNursery(async (nursery) => {
      const go = new Event();
      nursery.startSoon(() => go.wait());
      await sleep(1);
      counts.push(currentRun().statistics().tasksRunning);
      go.set();
      counts.push(currentRun().statistics().tasksRunning);
    }));
  assertEquals(counts, [1, 2]);
});

Deno.test("a schedule that throws is reported once and given up: no wake-up is lost", async () => {
  const printed: unknown[] = [];
  const { error: print } = console;
  console.error = (error: unknown) => void printed.push(error);
  try {
    const fault = new Error("policy");
    for (const resumesFirst of [false, true]) {
      const log: string[] = [];
      await run(() =>
        openNursery(async (nursery) => {
          const event = new Event();
          for (const name of ["victim", "other"]) {
            nursery.startSoon(() => event.wait().then(() => log.push(name)), { name });
          }
          await sleep(1);
          event.set();
        }), {
        handleSignals: false,
        schedule(resume, task) {
          if (task.name !== "victim") return resume();
          if (resumesFirst) resume();
          throw fault;
        },
      });
      assertEquals(log.sort(), ["other", "victim"]);
    }
    assertEquals(printed.map((error) => (error as Error).cause), [fault, fault]);
  } finally {
    console.error = print;
  }
});
