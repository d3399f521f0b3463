import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { map, moveOnAfter, openNursery, run, sleep, sleepForever, type Task } from "../../core/mod.ts";
import { addInstrument, suspend } from "../../core/lowlevel.ts";
import { simulate } from "../../testing/mod.ts";
import { FakeOtel, printed, tree, watched } from "../_fixtures/fake_otel.ts";
import { OtelInstrument } from "./otel_instrument.ts";

/** When simulations begin, in seconds. */
const BEGIN = Date.UTC(2000, 0, 1) / 1_000;

Deno.test("O3: by default tasks with a name have spans; not the main task, daemons, and those of the library", async () => {
  const body = () =>
    openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(1), { name: "named" });
      nursery.startSoon(function unnamed() {
        return sleep(1);
      });
      nursery.startSoon(() => sleepForever(), { name: "daemon", daemon: true });
      nursery.startSoon(() => sleepForever(), { name: "last", daemon: "last" });
      await nursery.start((status) => status.started(), { name: "started" });
      await map([1, 2], () => sleep(1), { concurrency: 2 });
    });
  const otel = await watched(body);
  assertEquals(tree(otel).filter((name) => !name.includes("worker")), ["named", "started"]);
  const asked: string[] = [];
  const all = new FakeOtel();
  const spans = ({ name, internal }: Task) => {
    asked.push(name);
    return name !== "named" && !internal;
  };
  await run(body, { handleSignals: false, instruments: [new OtelInstrument(all, { spans })] });
  assert(tree(all).includes("main"), tree(all).join());
  for (const name of ["unnamed", "daemon", "last", "started"]) assert(tree(all).includes(`main > ${name}`), name);
  assert(!tree(all).some((name) => name.endsWith("> named")));
  // Once for each.
  assertEquals(asked.filter((name) => name === "named"), ["named"]);
  assertEquals(all.spans.map(({ ended }) => ended), all.spans.map(() => 1));
});

Deno.test("O3: if spans() throws or says neither yes nor no, the default decides, and that is reported once", async () => {
  for (
    const [spans, says] of [
      [() => {
        throw new Error("hook");
      }, "Error: hook"],
      [
        async () => await true,
        'TypeError: Cannot go by "spans" as it must return true or false: received an object of',
      ],
    ] as const
  ) {
    let names: string[] = [];
    const lines = await printed(async () => {
      const otel = await watched(() =>
        openNursery((nursery) => {
          nursery.startSoon(() => sleep(1), { name: "named" });
          nursery.startSoon(() => sleep(1));
        }), { spans: spans as () => boolean });
      names = tree(otel);
    });
    assertEquals(names, ["named"]);
    assertEquals(lines.length, 1);
    assertStringIncludes(lines[0]!, `as "spans" threw`);
    assertStringIncludes(lines[0]!, says);
  }
});

Deno.test("O3: a span says which task it is, in which nursery, and where it was started", async () => {
  const otel = new FakeOtel();
  let line = 0;
  await run(() =>
    openNursery(async (nursery) => {
      line = Number(/spans_test\.ts:(\d+)/.exec(`${new Error("here").stack}`)?.[1]) + 1;
      nursery.startSoon(() => sleep(1), { name: "worker" });
      await nursery.start((status) => status.started(), { name: "started" });
    }, { name: "jobs" }), { handleSignals: false, instruments: [new OtelInstrument(otel)] });
  assertEquals(otel.span("worker").attributes, {
    "trefoil.task.id": 2,
    "trefoil.nursery": "jobs",
    "code.file.path": new URL(import.meta.url).pathname,
    "code.line.number": line,
    "code.column.number": 15,
  });
  // It belongs to no nursery before it says that it has started.
  assertEquals("trefoil.nursery" in otel.span("started").attributes, false);
});

Deno.test("O3: a failed task has an error and says so; a cancelled one has not, and says why it was cancelled", async () => {
  const boom = new TypeError("boom");
  const otel = await watched(async () => {
    await assertRejects(() =>
      openNursery((nursery) => {
        nursery.startSoon(() => sleep(1), { name: "done" });
        nursery.startSoon(() => sleepForever(), { name: "sibling" });
        nursery.startSoon(async () => {
          await sleep(5);
          throw boom;
        }, { name: "failing" });
      })
    );
    await moveOnAfter(
      5,
      () => openNursery((nursery) => void nursery.startSoon(() => sleepForever(), { name: "late" })),
    );
    await openNursery(async (nursery) => {
      const task = nursery.startSoon(() => sleepForever(), { name: "stopped" });
      await sleep(1);
      task.cancel("enough");
    });
  });
  const failing = otel.span("failing");
  assertEquals(failing.status, { code: 2, message: "TypeError: boom" });
  assert(failing.errors[0] === boom && failing.errors.length === 1);
  for (
    const [name, source, message] of [
      ["sibling", "nursery", 'Cancelled as its nursery ended it in task "failing" #4: TypeError: boom'],
      ["late", "deadline", "Cancelled as the deadline passed"],
      ["stopped", "explicit", 'Cancelled as cancel() was called in task "main" #1: enough'],
    ] as const
  ) {
    const { status, errors, attributes, events } = otel.span(name);
    assertEquals([status, errors, attributes["trefoil.cancelled.source"]], [null, [], source]);
    const last = events.at(-1)!;
    assertEquals([last.name, last.attributes], ["cancelled", { source, message }]);
  }
  const { status, errors, attributes, events } = otel.span("done");
  assertEquals([status, errors, "trefoil.cancelled.source" in attributes, events.length], [null, [], false, 0]);
  assertEquals(otel.spans.map(({ ended }) => ended), [1, 1, 1, 1, 1]);
});

Deno.test("O3: whatever is thrown is told, also what is no error, or none that can be looked at", async () => {
  const trap = new Proxy(new Error("trap"), {
    get() {
      throw new Error("no");
    },
  });
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const noStack = Object.defineProperty(new Error("m"), "stack", {
    get() {
      throw new Error("no stack");
    },
  });
  const thrown: [unknown, string][] = [
    [7, "thrown number 7"],
    [undefined, "thrown undefined undefined"],
    [Symbol("s"), "thrown symbol Symbol(s)"],
    [Object.create(null), "an object that cannot be looked at"],
    [trap, "an object that cannot be looked at"],
    [proxy, "an object that cannot be looked at"],
    [noStack, "Error: m"],
  ];
  for (const [what, text] of thrown) {
    const lines = await printed(async () => {
      const otel = await watched(() =>
        openNursery((nursery) => void nursery.startSoon(() => Promise.reject(what), { name: "x" })).catch(() => {})
      );
      const { status, errors, ended } = otel.span("x");
      assertEquals([status, errors, ended], [{ code: 2, message: text }, [text], 1]);
    });
    assertEquals(lines, []);
  }
});

Deno.test("O3: in a simulation times are simulated, and the same seed gives the same spans", async () => {
  const body = async () => {
    await sleep(1_500);
    await openNursery((nursery) => {
      for (let n = 0; n < 20; n++) {
        nursery.startSoon(() => sleep(Math.random() * 100), { name: `worker ${n}` });
      }
    });
  };
  const [first, second] = [await watched(body), await watched(body)];
  for (const { startTime } of first.spans) assertEquals(startTime, [BEGIN + 1, 500_000_000]);
  for (const { startTime, endTime, events, waits } of first.spans) {
    const took = (endTime![0] - startTime![0]) * 1_000 + (endTime![1] - startTime![1]) / 1e6;
    assert(took >= 0 && took <= 100);
    if (waits.length > 0) {
      // Dates have whole milliseconds.
      assert(Math.abs(waits[0]!["ms"] as number - took) <= 1);
      assertEquals(events[0]!.time, endTime);
    }
  }
  const shown = ({ spans }: FakeOtel) =>
    spans.map(({ name, attributes, events, startTime, endTime }) => ({ name, attributes, events, startTime, endTime }));
  assertEquals(shown(first), shown(second));
});

Deno.test("O3: in real time the times are the tracer's own", async () => {
  const otel = new FakeOtel();
  await run(() => openNursery((nursery) => void nursery.startSoon(() => sleep(1), { name: "worker" })), {
    handleSignals: false,
    instruments: [new OtelInstrument(otel, { minimumWait: 0 })],
  });
  const { startTime, endTime, events } = otel.span("worker");
  assertEquals([startTime, endTime, events.map(({ time }) => time)], [undefined, undefined, [undefined]]);
});

Deno.test("O3: a span that nobody records is active, and is told nothing", async () => {
  const otel = new FakeOtel((name) => name !== "quiet");
  let labels = 0;
  await run(() =>
    openNursery((nursery) => {
      nursery.startSoon(async () => {
        const reason = { kind: "thing", label: () => `${++labels}` };
        await suspend(reason, (waker) => void setTimeout(() => waker.wake(1), 1), () => true);
        await openNursery((inner) => void inner.startSoon(() => sleep(1), { name: "inner" }));
      }, { name: "quiet" });
    }), { handleSignals: false, instruments: [new OtelInstrument(otel, { minimumWait: 0 })] });
  assertEquals(tree(otel), ["quiet", "quiet > inner"]);
  assertEquals([labels, otel.span("quiet").events], [0, []]);
});

Deno.test("O3: on a run that goes on, tasks that begin have spans; close() ends them, and nothing more is told", async () => {
  const otel = new FakeOtel();
  await simulate(async () => {
    const instrument = new OtelInstrument(otel);
    await openNursery(async (nursery) => {
      nursery.startSoon(() => sleep(100), { name: "before" });
      await sleep(1);
      using _ = addInstrument(instrument);
      nursery.startSoon(() => sleep(10), { name: "within" });
      nursery.startSoon(() => sleep(100), { name: "over it" });
      await sleep(50);
      instrument.close();
      instrument.close();
      assertEquals(otel.asked, 0);
      nursery.startSoon(() => sleep(1), { name: "after" });
      await sleep(10);
    });
  });
  assertEquals(otel.spans.map(({ name, ended, endTime }) => [name, ended, endTime?.[1]]), [
    ["within", 1, 11_000_000],
    ["over it", 1, 51_000_000],
  ]);
  assertEquals(otel.counts("trefoil.tasks.ended"), { done: 1 });
});

Deno.test("O3: taken off without close(), it lets go when the run has ended, as soon as it is asked", async () => {
  const otel = new FakeOtel();
  await simulate(async () => {
    await openNursery((nursery) => {
      using _ = addInstrument(new OtelInstrument(otel));
      nursery.startSoon(() => sleep(10), { name: "left" });
    });
    assertEquals([otel.span("left").ended, otel.asked], [0, 2]);
    otel.ask();
    assertEquals(otel.asked, 2, "the run goes on");
  });
  assertEquals(otel.ask(), { "trefoil.tasks running": 0, "trefoil.tasks waiting": 0 });
  assertEquals([otel.span("left").ended, otel.asked], [1, 0]);
});

Deno.test("O3: what an exporter begins at the end of a span is no part of the simulation that the span tells of", async () => {
  const otel = new FakeOtel();
  const began: unknown[] = [];
  let exported = Promise.resolve();
  const { trace, context } = otel;
  const tracer = trace.getTracer("x");
  const startSpan: typeof tracer.startSpan = (name, options, parent) => {
    const span = tracer.startSpan(name, options, parent);
    const end = span.end.bind(span);
    span.end = (time) => {
      end(time);
      began.push(context.active());
      exported = new Promise((resolve) => void setTimeout(resolve, 0));
    };
    return span;
  };
  // A timer that is left behind fails it.
  await simulate(async () => {
    using _ = addInstrument(new OtelInstrument({ context, trace: { ...trace, getTracer: () => ({ startSpan }) } }));
    await openNursery((nursery) => void nursery.startSoon(() => sleep(60_000), { name: "worker" }));
  });
  await exported;
  assertEquals([began, otel.span("worker").ended], [[{ span: null }], 1]);
});

Deno.test("O3: added twice, it makes one span for a task; added again, it ends those that have ended unheard", async () => {
  const otel = new FakeOtel();
  const instrument = new OtelInstrument(otel);
  await simulate(async () => {
    await openNursery(async (nursery) => {
      {
        using _first = addInstrument(instrument);
        using _second = addInstrument(instrument);
        nursery.startSoon(() => sleep(10), { name: "short" });
        nursery.startSoon(() => sleep(60), { name: "long" });
        await sleep(1);
      }
      await sleep(20);
      assertEquals(otel.spans.map(({ name, ended }) => [name, ended]), [["short", 0], ["long", 0]]);
      using _again = addInstrument(instrument);
      assertEquals(otel.spans.map(({ ended }) => ended), [1, 0]);
      await sleep(50);
    });
  });
  assertEquals(otel.spans.map(({ ended }) => ended), [1, 1]);
  // Its wait began before, and what became of it meanwhile is not known.
  assertEquals(otel.span("long").waits, []);
});
