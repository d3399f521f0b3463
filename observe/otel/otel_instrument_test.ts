import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { checkpoint, Lock, openNursery, run, sleep, sleepForever } from "../../core/mod.ts";
import { addInstrument } from "../../core/lowlevel.ts";
import { simulate } from "../../testing/mod.ts";
import { FakeOtel, printed, tree, watched } from "../_fixtures/fake_otel.ts";
import { OtelInstrument, type OtelInstrumentOptions } from "./otel_instrument.ts";
import type { OtelModules } from "./modules.ts";

Deno.test("O2: the span of a task is active in it: the user's own spans, and its children, are in the right one", async () => {
  const otel = await watched(async (otel) => {
    const tracer = otel.trace.getTracer("user");
    const inSpan = (name: string, fn: () => void) => {
      const span = tracer.startSpan(name, { attributes: {} }, otel.context.active());
      otel.context.with(otel.trace.setSpan(otel.context.active(), span), fn);
    };
    await openNursery((nursery) => {
      for (const name of ["a", "b"]) {
        nursery.startSoon(async () => {
          await sleep(1);
          inSpan(`query of ${name}`, () => {});
          await openNursery((inner) => void inner.startSoon(() => checkpoint(), { name: `child of ${name}` }));
          inSpan(`later query of ${name}`, () => {});
        }, { name });
      }
      // The parent is what is active where a task is started, wherever its nursery is.
      inSpan("request", () => void nursery.startSoon(() => sleep(1), { name: "handler" }));
      inSpan("unnamed", () => void nursery.startSoon(() => void inSpan("in it", () => {})));
    });
  });
  assertEquals(tree(otel), [
    "a",
    "b",
    "request",
    "request > handler",
    "unnamed",
    "unnamed > in it",
    "a > query of a",
    "a > child of a",
    "a > later query of a",
    "b > query of b",
    "b > child of b",
    "b > later query of b",
  ]);
});

Deno.test("O2: spans without metrics, metrics without spans, and a whole module with more than is needed", async () => {
  const otel = new FakeOtel();
  const { trace, context, metrics } = otel;
  const work = () => openNursery((nursery) => void nursery.startSoon(() => sleep(1), { name: "work" }));
  await run(work, { handleSignals: false, instruments: [new OtelInstrument({ trace, context })] });
  assertEquals([otel.spans.length, otel.measured.length], [1, 0]);
  await run(work, { handleSignals: false, instruments: [new OtelInstrument({ metrics })] });
  assertEquals([otel.spans.length, otel.counts("trefoil.tasks.ended")], [1, { done: 2 }]);
  await run(work, { handleSignals: false, instruments: [new OtelInstrument(otel)] });
  assertEquals([otel.spans.length, otel.counts("trefoil.tasks.ended")], [2, { done: 4 }]);
});

Deno.test("O2: what is given is checked before any effect", () => {
  const { trace, context, metrics } = new FakeOtel();
  const make = (otel: unknown, options?: unknown) => () =>
    void new OtelInstrument(otel as OtelModules, options as OtelInstrumentOptions);
  const cannot = "Cannot make an OtelInstrument as ";
  for (const nothing of [undefined, null, 7, "otel"]) {
    assertThrows(make(nothing), TypeError, `${cannot}"otel" must be the modules of OpenTelemetry's API`);
  }
  assertThrows(make({}), TypeError, `${cannot}"otel" must have trace and context, or metrics`);
  assertThrows(make({ trace }), TypeError, `${cannot}"otel.trace" needs "otel.context": received undefined`);
  assertThrows(make({ context, metrics }), TypeError, `${cannot}"otel.context" needs "otel.trace"`);
  assertThrows(make({ trace: { getTracer() {} }, context }), TypeError, `${cannot}"otel.trace" must have setSpan()`);
  assertThrows(make({ trace, context: null }), TypeError, `${cannot}"otel.context" must have active(): received null`);
  assertThrows(make({ metrics: {} }), TypeError, `${cannot}"otel.metrics" must have getMeter()`);
  assertThrows(make({ metrics }, null), TypeError, `${cannot}"options" must be an object`);
  assertThrows(make({ metrics }, { spans: true }), TypeError, `${cannot}"spans" must be a function`);
  assertThrows(make({ metrics }, { minimumWait: -1 }), RangeError, `${cannot}"minimumWait" must be >= 0: received -1`);
  assertThrows(make({ metrics }, { minimumWait: NaN }), RangeError, '"minimumWait"');
  assertThrows(make({ metrics }, { minimumWait: "10" }), TypeError, '"minimumWait"');
  assertThrows(make({ metrics }, { watch: 7 }), TypeError, `${cannot}"watch" must be an object: received 7`);
  assertThrows(
    make({ metrics }, { watch: { db: new Lock(), orders: {} } }),
    TypeError,
    `${cannot}"watch.orders" must have statistics(): received an object of type Object`,
  );
});

/** Modules in which one method throws; `at`: its path. */
function faulty(otel: FakeOtel, at: string): OtelModules {
  const spoil = <T extends object>(what: T, path: string): T =>
    new Proxy(what, {
      get(target, key) {
        const here = path === "" ? String(key) : `${path}.${String(key)}`;
        const value = Reflect.get(target, key);
        if (typeof value === "object" && value !== null) return spoil(value, here);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (here === at) throw new Error(`no ${at}`);
          const result = value.apply(target, args);
          const isMade = /getTracer|startSpan|getMeter|create/.test(here);
          return isMade && typeof result === "object" ? spoil(result, here) : result;
        };
      },
    });
  return spoil({ trace: otel.trace, context: otel.context, metrics: otel.metrics }, "");
}

const SPAN = "trace.getTracer.startSpan";
for (
  const at of [
    "trace.getTracer",
    "trace.setSpan",
    SPAN,
    "context.active",
    "context.with",
    ...["isRecording", "addEvent", "setAttribute", "setStatus", "recordException", "end"].map((name) =>
      `${SPAN}.${name}`
    ),
    "metrics.getMeter",
    "metrics.getMeter.createCounter",
    "metrics.getMeter.createCounter.add",
    "metrics.getMeter.createHistogram",
    "metrics.getMeter.createHistogram.record",
    "metrics.getMeter.createObservableUpDownCounter",
    "metrics.getMeter.createObservableUpDownCounter.addCallback",
    "metrics.getMeter.createObservableUpDownCounter.removeCallback",
  ]
) {
  Deno.test(`O2: where ${at}() throws, the run goes on, the rest is told, and it is reported once`, async () => {
    const otel = new FakeOtel();
    const done: string[] = [];
    const lines = await printed(() =>
      run(async () => {
        await openNursery((nursery) => {
          for (let n = 0; n < 3; n++) {
            nursery.startSoon(async () => {
              await sleep(1);
              done.push(`worker ${n}`);
            }, { name: `worker ${n}` });
          }
        });
        const failing = openNursery((nursery) => {
          nursery.startSoon(() => sleepForever(), { name: "cancelled" });
          nursery.startSoon(() => Promise.reject(new Error("no")), { name: "failed" });
        });
        await assertRejects(() => failing, Error, "1 error: Error: no");
        otel.ask();
      }, { handleSignals: false, instruments: [new OtelInstrument(faulty(otel, at), { minimumWait: 0 })] })
    );
    assertEquals(done.sort(), ["worker 0", "worker 1", "worker 2"]);
    assertEquals(lines.length, 1, lines.join("\n"));
    assertStringIncludes(lines[0]!, "Cannot tell OpenTelemetry of everything as a ");
    assertStringIncludes(lines[0]!, `no ${at}`);
    // What has nothing to do with it was told all the same.
    if (!at.startsWith("metrics")) {
      assertEquals(otel.counts("trefoil.tasks.ended"), { done: 4, cancelled: 1, failed: 1 });
    } else assertEquals(otel.spans.map(({ ended }) => ended), [1, 1, 1, 1, 1]);
    if (at.startsWith(`${SPAN}.`) && !/isRecording|end$/.test(at)) {
      assertEquals(otel.spans.map(({ ended }) => ended), [1, 1, 1, 1, 1]);
    }
  });
}

Deno.test("O2: a context manager that starts a task never, twice, or late, does not get to", async () => {
  for (
    const call of [(_fn: () => void) => {}, (fn: () => void) => [fn(), fn()], (fn: () => void) => setTimeout(fn, 1)]
  ) {
    const otel = new FakeOtel();
    const context = { active: otel.context.active, with: (_context: unknown, fn: () => void) => void call(fn) };
    let begun = 0;
    await simulate(async () => {
      using _ = addInstrument(new OtelInstrument({ trace: otel.trace, context }));
      await openNursery((nursery) => void nursery.startSoon(() => void begun++, { name: "once" }));
      await sleep(10);
    });
    assertEquals([begun, otel.span("once").ended], [1, 1]);
  }
});

Deno.test("O2: a clock that throws costs times, and nothing else", async () => {
  const otel = new FakeOtel();
  let broken = false;
  const clock = {
    now: () => {
      if (broken) throw new Error("no time");
      return performance.now();
    },
    wall: () => {
      throw new Error("no date");
    },
    at: <A>(deadline: number, fire: (arg: A) => void, arg: A) => {
      const timer = setTimeout(() => fire(arg), deadline - performance.now());
      return { cancel: () => clearTimeout(timer) };
    },
  };
  const lines = await printed(() =>
    run(() =>
      openNursery((nursery) => {
        nursery.startSoon(async () => {
          const waited = sleep(2);
          broken = true;
          await waited;
          broken = false;
        }, { name: "worker" });
      }), { handleSignals: false, clock: clock as never, instruments: [new OtelInstrument(otel, { minimumWait: 0 })] })
  );
  assertEquals(lines, []);
  const { startTime, ended } = otel.span("worker");
  assertEquals([startTime, ended], [undefined, 1]);
  assertInstanceOf(otel.measured, Array);
});
