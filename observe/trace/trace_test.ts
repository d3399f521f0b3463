import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  all,
  checkpoint,
  Event,
  Lock,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  race,
  retry,
  run,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { addInstrument, beginHostOperation, suspend } from "../../core/lowlevel.ts";
import { simulate, type Simulation } from "../../testing/mod.ts";
import { faultsOf } from "../_fixtures/check_trace.ts";
import { lanesOf, tracksOf } from "./_lanes.ts";
import { TraceRecorder } from "./trace_recorder.ts";

interface TraceEvent {
  readonly cat?: string;
  readonly ph: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly tid: number;
  readonly args: Readonly<Record<string, unknown>>;
}

const eventsOf = (trace: TraceRecorder): TraceEvent[] => JSON.parse(trace.toJson()).traceEvents;

/** Records something in a simulation. */
async function record(
  body: (sim: Simulation) => Promise<unknown>,
  { seed = 0, capacity }: { seed?: number; capacity?: number } = {},
): Promise<TraceRecorder> {
  const trace = new TraceRecorder(capacity === undefined ? {} : { capacity });
  await simulate(async (sim) => {
    using _ = addInstrument(trace);
    await body(sim);
  }, { seed });
  return trace;
}

/** A program of random tasks, waits, timeouts and failures. */
async function randomProgram(sim: Simulation): Promise<void> {
  const random = () => sim.random("program");
  const lock = new Lock({ name: "shared" });
  const [send, receive] = openMemoryChannel<number>(2, { name: "values" });
  const event = new Event({ name: "go" });
  const step = async (depth: number): Promise<void> => {
    switch (Math.floor(random() * 8)) {
      case 0:
        return await sleep(random() * 20);
      case 1:
        return void await moveOnAfter(random() * 10, () => sleep(random() * 20));
      case 2: {
        using _ = await lock.acquire();
        return await sleep(random() * 3);
      }
      case 3:
        return void await Promise.all([sleep(random() * 10), moveOnAfter(random() * 10, () => event.wait())]);
      case 4:
        return await checkpoint();
      case 5:
        return void await race([() => sleep(random() * 10), () => sleep(random() * 10)]);
      case 6:
        if (depth < 3) await all([() => step(depth + 1), () => step(depth + 1)]);
        return;
      default:
        await openNursery((nursery) => {
          nursery.startSoon(() => step(depth + 1));
          if (random() < 0.2) nursery.cancel();
        });
    }
  };
  await openNursery(async (nursery) => {
    for (let n = 0; n < 8; n++) {
      nursery.startSoon(async () => {
        for (let i = 0; i < 6; i++) await step(0);
      }, { name: `worker ${n}` });
    }
    nursery.startSoon(async () => {
      for (let n = 0; n < 20; n++) await send.send(n);
      send.close();
    }, { name: "producer" });
    nursery.startSoon(async () => {
      for await (const _ of receive) await sleep(1);
    }, { name: "consumer" });
    await sleep(50);
    event.set();
  });
}

Deno.test("T1, T3, T4: traces of random programs are what viewers want, also when only a part of them is left", async () => {
  for (let seed = 0; seed < 20; seed++) {
    for (const capacity of [10, 100, 65_536]) {
      const trace = await record(randomProgram, { seed, capacity });
      assertEquals(faultsOf(trace.toJson()), [], `seed ${seed}, capacity ${capacity}`);
    }
  }
});

Deno.test("T5: the same seed gives the same bytes, another one others", async () => {
  const [first, again, other] = [
    await record(randomProgram, { seed: 1 }),
    await record(randomProgram, { seed: 1 }),
    await record(randomProgram, { seed: 2 }),
  ];
  assertEquals(first.toJson(), again.toJson());
  assert(first.toJson() !== other.toJson());
});

Deno.test("T1, T2: each task is a track in the order of the tree; a wait is named by its kind, with what it is for", async () => {
  const trace = await record(() =>
    openNursery(async (nursery) => {
      const lock = new Lock({ name: "db" });
      using _ = await lock.acquire();
      nursery.startSoon(async () => {
        using _ = await lock.acquire();
      }, { name: "query" });
      nursery.startSoon(() => moveOnAfter(20, () => Promise.all([sleep(5), sleepForever(), sleep(10)])), {
        name: "both",
      });
      await sleep(50);
    }, { name: "jobs" })
  );
  const events = eventsOf(trace);
  const names = events.filter(({ name }) => name === "thread_name").map(({ args }) => args["name"]);
  assertEquals(names.map((name) => `${name}`.replace(/\d+/, "N")), [
    "main #N",
    "query #N",
    "both #N",
    "both #N (also)",
  ]);
  const waits = events.filter(({ ph, name }) => ph === "X" && name === "acquire lock");
  assertEquals(waits.map(({ ts, dur, args }) => [Math.round(ts), Math.round(dur), args["for"]]), [
    [0, 50_000, '"db" held by task "main" #1'],
  ]);
  assertEquals(waits[0]!.args["by"], "main");
  const scopes = events.filter(({ ph, name }) => ph === "X" && (name === "timeout" || name === "nursery jobs"));
  assertEquals(scopes.map(({ name, args }) => [name, args]), [
    ["nursery jobs", {}],
    ["timeout", { deadline: 20, how: "cancelled" }],
  ]);
  assertEquals(events.filter(({ ph }) => ph === "i").map(({ name }) => name), ["deadline", "cancel"]);
});

Deno.test("T3: who has started and woken whom is an arrow from one task to the other", async () => {
  const trace = await record(() =>
    openNursery(async (nursery) => {
      const event = new Event();
      nursery.startSoon(() => event.wait(), { name: "waiter" });
      nursery.startSoon(async () => {
        await sleep(10);
        event.set();
      }, { name: "setter" });
      await Promise.resolve();
    })
  );
  const events = eventsOf(trace);
  const thread = (name: string) =>
    events.find((event) => event.name === "thread_name" && `${event.args["name"]}`.startsWith(name))!.tid;
  const flows = Map.groupBy(
    events.filter(({ ph }) => ph === "s" || ph === "f") as unknown as (TraceEvent & { id: number })[],
    ({ id }) => id,
  );
  const arrows = [...flows.values()].map(([from, to]) => [from!.name, from!.tid, to!.tid]);
  assert(arrows.some(([name, from, to]) => name === "spawn" && from === thread("main") && to === thread("setter")));
  assert(arrows.some(([name, from, to]) => name === "wake" && from === thread("setter") && to === thread("waiter")));
});

/** The arrows of a kind, as "from to" by the names of the tasks. */
function arrowsOf(trace: TraceRecorder, kind: string): string[] {
  const events = eventsOf(trace);
  const names = new Map(
    events.filter(({ name }) => name === "thread_name").map(({ tid, args }) => [tid, `${args["name"]}`.split(" #")[0]]),
  );
  const flows = Map.groupBy(
    events.filter(({ ph, name }) => (ph === "s" || ph === "f") && name === kind) as (TraceEvent & { id?: number })[],
    ({ id }) => id,
  );
  return [...flows.values()].map(([from, to]) => `${names.get(from!.tid)} ${names.get(to!.tid)}`).sort();
}

Deno.test("T3: who has cancelled whom is an arrow: a task, a sibling that failed, or the owner of a deadline", async () => {
  const scenes: [name: string, body: () => Promise<unknown>, arrows: string[]][] = [
    ["by a task", () =>
      openNursery((nursery) => {
        const victim = nursery.startSoon(() => sleepForever(), { name: "victim" });
        nursery.startSoon(() => sleep(1).then(() => victim.cancel()), { name: "canceller" });
      }), ["canceller victim"]],
    ["by a failure", () =>
      openNursery(async (nursery) => {
        for (const name of ["one", "two"]) nursery.startSoon(() => sleepForever(), { name });
        nursery.startSoon(() => sleep(1).then(() => Promise.reject(new Error("boom"))), { name: "failing" });
        await sleepForever();
      }).catch(() => {}), ["failing main", "failing one", "failing two"]],
    ["by a deadline", () =>
      moveOnAfter(5, () =>
        openNursery(async (nursery) => {
          nursery.startSoon(() => sleepForever(), { name: "child" });
          await sleepForever();
        })), ["main child"]],
    ["by the end of its own patience", () => moveOnAfter(5, () => sleepForever()), []],
    ["once cancelled, a wait is refused by nobody", () =>
      openNursery((nursery) => {
        const victim = nursery.startSoon(async () => {
          for (let n = 0; n < 3; n++) await sleep(1).catch(() => {});
          await sleep(1);
        }, { name: "victim" });
        nursery.startSoon(() => checkpoint().then(() => victim.cancel()), { name: "canceller" });
      }), ["canceller victim"]],
  ];
  for (const [name, body, arrows] of scenes) {
    const trace = await record(body);
    assertEquals(arrowsOf(trace, "cancel"), arrows, name);
    assertEquals(faultsOf(trace.toJson()), [], name);
  }
});

Deno.test("T1: many waits of one task at a time, and many tasks, each have their end", async () => {
  const trace = await record(() =>
    openNursery(async (nursery) => {
      for (let n = 0; n < 700; n++) nursery.startSoon(() => sleep(1 + n % 7), { name: "short" });
      await Promise.all(Array.from({ length: 50 }, (_, n) => sleep(n + 1)));
      await Promise.all(Array.from({ length: 50 }, (_, n) => sleep(n + 1)));
    })
  );
  const sleeps = eventsOf(trace).filter(({ ph, name }) => ph === "X" && name === "sleep");
  assertEquals(sleeps.length, 800);
  assertEquals(sleeps.filter(({ args }) => args["by"] !== "clock"), []);
  const main = sleeps.filter(({ ts }) => Math.round(ts / 1_000) === 50).map(({ dur }) => Math.round(dur / 1_000));
  assertEquals(main.sort((a, b) => a - b), Array.from({ length: 50 }, (_, n) => n + 1));
  assertEquals(faultsOf(trace.toJson()), []);
});

Deno.test("T5: code that starts many tasks keeps their order, and reads the clock again when it goes on", async () => {
  const trace = await record(() =>
    openNursery(async (nursery) => {
      for (let n = 0; n < 40; n++) nursery.startSoon(() => {}, { name: `${n}` });
      await Promise.resolve().then(() => sleep(30));
      nursery.startSoon(() => {}, { name: "late" });
    })
  );
  const tasks = eventsOf(trace).filter(({ ph, cat }) => ph === "X" && cat === "task");
  assertEquals(
    tasks.map(({ name }) => name).filter((name) => /^\d+$/.test(name)),
    Array.from({ length: 40 }, (_, n) => `${n}`),
  );
  assertEquals(tasks.filter(({ name }) => name === "late").map(({ ts }) => Math.round(ts)), [30_000]);
});

Deno.test("T6: what is recorded of a wait that cannot be cancelled ends with its task", async () => {
  const trace = new TraceRecorder();
  let wake = () => {};
  await simulate(async () => {
    using _ = addInstrument(trace);
    await openNursery((nursery) => {
      nursery.startSoon(() => {
        suspend({ kind: "stuck" }, (waiter) => wake = () => void waiter.wake(undefined), () => false).catch(() => {});
      }, { name: "forgetful" });
    }).catch(() => {});
    wake();
    await sleep(1);
    const rows = eventsOf(trace).filter(({ name }) => name === "thread_name");
    assertEquals(rows.filter(({ args }) => `${args["name"]}`.startsWith("forgetful")).length, 1);
    assertEquals(faultsOf(trace.toJson()), []);
  }, { leaks: "ignore" });
});

Deno.test("T4: operations of the host and the number of tasks are told", async () => {
  const trace = new TraceRecorder();
  await run(async () => {
    const operation = beginHostOperation("read file");
    await openNursery((nursery) => void nursery.startSoon(() => {}));
    operation.end();
    beginHostOperation("goes on");
    assertEquals(eventsOf(trace).filter(({ ph }) => ph === "b" || ph === "e").map(({ name, ph }) => `${ph} ${name}`), [
      "b read file",
      "e read file",
      "b goes on",
      "e goes on",
    ]);
  }, { handleSignals: false, instruments: [trace] });
  assertEquals(faultsOf(trace.toJson()), []);
  const counts = eventsOf(trace).filter(({ ph }) => ph === "C").map(({ args }) => args["tasks"]);
  assertEquals(counts, [1, 2, 1, 0]);
});

Deno.test("T6: only the last things are kept, and what goes on", async () => {
  const trace = new TraceRecorder({ capacity: 100 });
  await simulate(async () => {
    using _ = addInstrument(trace);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(1_000_000), { name: "goes on" });
      for (let n = 0; n < 5_000; n++) await openNursery((inner) => void inner.startSoon(() => {}, { name: "short" }));
      assert(trace.dropped > 10_000, `${trace.dropped}`);
      const events = eventsOf(trace);
      assert(events.length < 1_000, `${events.length}`);
      assert(events.some(({ ph, name }) => ph === "X" && name === "goes on"));
      assertEquals(faultsOf(trace.toJson()), []);
      nursery.cancel();
    });
  });
});

Deno.test("T6: what is cleared is gone, and what goes on stays", async () => {
  const trace = new TraceRecorder();
  await simulate(async () => {
    using _ = addInstrument(trace);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(10), { name: "before" });
      nursery.startSoon(() => sleep(100), { name: "goes on" });
      await sleep(20);
      trace.clear();
      await sleep(1);
    });
  });
  const names = new Set(eventsOf(trace).filter(({ ph }) => ph === "X").map(({ name }) => name));
  assert(!names.has("before") && names.has("goes on"), [...names].join());
  assertEquals(faultsOf(trace.toJson()), []);
});

Deno.test("T: an error that cannot be looked at is told of as far as that goes, and the recorder stays", async () => {
  const hostile = { [Symbol.toPrimitive]: () => Promise.reject(new Error("no")).catch(() => ({})) };
  const trace = await record(async () => {
    await openNursery((nursery) => void nursery.startSoon(() => Promise.reject(hostile), { name: "failing" })).catch(
      () => {},
    );
    await openNursery((nursery) => void nursery.startSoon(() => {}, { name: "later" }));
  });
  assert(trace.toJson().includes('"later"'));
});

Deno.test("lanes: no two overlap in part, and there are no more than needed", () => {
  const spans = [[0, 10], [1, 5], [2, 7], [5, 9], [10, 12], [11, 13]].map(([start, end]) => ({
    start: start!,
    end: end!,
  }));
  assertEquals([...lanesOf(spans).values()], [0, 0, 1, 0, 0, 1]);
});

Deno.test("tracks: of very many tasks, later ones take those of earlier ones with the same name", () => {
  const spans = [["a", 0, 5], ["a", 1, 6], ["a", 5, 9], ["b", 9, 10], ["a", 9, 10]].map(([name, start, end]) => ({
    name: name as string,
    start: start as number,
    end: end as number,
  }));
  assertEquals([...tracksOf(spans, 100).values()], [0, 1, 2, 3, 4]);
  assertEquals([...tracksOf(spans, 2).values()], [0, 1, 0, 2, 0]);
});

Deno.test("a recorder is for one run, and bad options are refused", async () => {
  for (const capacity of [0, -1, 1.5, NaN]) {
    assertThrows(() => new TraceRecorder({ capacity }), RangeError, '"capacity"');
  }
  assertThrows(() => new TraceRecorder({ capacity: "1" as never }), TypeError, '"capacity"');
  const trace = new TraceRecorder();
  using _ = addInstrument(trace);
  assertThrows(() => trace.runStarted({} as never), TypeError, "make a new one for each");
  await checkpoint();
  await retry(() => 1);
});
