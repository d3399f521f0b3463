import * as otel from "npm:@opentelemetry/api@1.9.1";
import { AsyncLocalStorageContextManager } from "npm:@opentelemetry/context-async-hooks@2.12.1";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "npm:@opentelemetry/sdk-metrics@2.12.1";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "npm:@opentelemetry/sdk-trace-base@2.12.1";
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  CapacityLimiter,
  fetch,
  Lock,
  openNursery,
  run,
  serveHttp,
  simulate,
  type Simulation,
  sleep,
  sleepForever,
} from "../../mod.ts";
import { addInstrument } from "../../core/lowlevel.ts";
import { OtelInstrument, type OtelInstrumentOptions } from "../../observe/mod.ts";

// The real ones are registered for the whole process, so each test takes what came since the one before.

const spans = new InMemorySpanExporter();
otel.trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }));
otel.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const points = new InMemoryMetricExporter(AggregationTemporality.DELTA);
// It reads when it is told to.
const reader = new PeriodicExportingMetricReader({ exporter: points, exportIntervalMillis: 2 ** 31 - 1 });
otel.metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));

/** The spans that have ended since. */
async function finished(): Promise<Map<string, ReadableSpan>> {
  // For the exporter, which begins a timer for each.
  await new Promise((resolve) => setTimeout(resolve));
  const list = spans.getFinishedSpans();
  const byName = new Map(list.map((span) => [span.name, span]));
  spans.reset();
  return byName;
}

/** What is measured, by name: attributes and values. */
async function measured(): Promise<Record<string, [object, unknown][]>> {
  points.reset();
  await reader.forceFlush();
  const found: Record<string, [object, unknown][]> = {};
  for (const { scopeMetrics } of points.getMetrics()) {
    for (const { metrics } of scopeMetrics) {
      for (const { descriptor, dataPoints } of metrics) {
        found[descriptor.name] = dataPoints.map(({ attributes, value }) => [attributes, value]);
      }
    }
  }
  return found;
}

/** A simulation that is told to OpenTelemetry. */
function told(body: (sim: Simulation) => Promise<unknown>, options?: OtelInstrumentOptions): Promise<void> {
  return simulate(async (sim) => {
    using _instrument = new OtelInstrument(otel, options);
    using _ = addInstrument(_instrument);
    await body(sim);
  });
}

/** The name of the span around a span. */
function around(all: ReadonlyMap<string, ReadableSpan>, name: string): string | undefined {
  const id = all.get(name)?.parentSpanContext?.spanId;
  return [...all.values()].find((span) => span.spanContext().spanId === id)?.name;
}

const milliseconds = ([seconds, nanoseconds]: [number, number]) => seconds * 1_000 + nanoseconds / 1e6;

Deno.test("O2: the modules of npm can be given as a whole, or one by one", () => {
  new OtelInstrument(otel);
  new OtelInstrument({ trace: otel.trace, context: otel.context, metrics: otel.metrics }, { minimumWait: 1 });
  new OtelInstrument({ trace: otel.trace, context: otel.context });
  new OtelInstrument({ metrics: otel.metrics });
});

Deno.test("O2: spans of tasks and of the user are in each other as their code is, over awaits and hosts", async () => {
  const tracer = otel.trace.getTracer("user");
  const inSpan = <T>(name: string, fn: () => Promise<T>) =>
    tracer.startActiveSpan(name, (span) => fn().finally(() => span.end()));
  await told(async (sim) => {
    sim.net.host("server").startSoon(() =>
      serveHttp(async () => {
        await openNursery((nursery) => void nursery.startSoon(() => sleep(5), { name: "load user" }));
        await inSpan("query", () => sleep(5));
        return new Response("hello");
      }, { port: 80 })
    );
    await sim.advance(1);
    await inSpan("client", () =>
      openNursery((nursery) => {
        nursery.startSoon(async () => {
          await sleep(1);
          assertEquals(await (await fetch("http://server/")).text(), "hello");
          await inSpan("after it", () => sleep(1));
        }, { name: "ask" });
      }));
    // The exporter begins timers for the user's own spans where these end.
    await sleep(1);
  });
  const all = await finished();
  assertEquals([around(all, "ask"), around(all, "after it")], ["client", "ask"]);
  assertEquals([around(all, "load user"), around(all, "query")], ["request", "request"]);
  const traces = new Set(["client", "ask", "after it"].map((name) => all.get(name)!.spanContext().traceId));
  assertEquals(traces.size, 1);
});

Deno.test("O3: failed tasks have an exception and an error status, cancelled ones have neither", async () => {
  await told(() =>
    assertRejects(() =>
      openNursery((nursery) => {
        nursery.startSoon(() => sleepForever(), { name: "sibling" });
        nursery.startSoon(async () => {
          await sleep(20);
          throw new TypeError("boom");
        }, { name: "failing" });
      }, { name: "jobs" })
    )
  );
  const all = await finished();
  const failing = all.get("failing")!;
  assertEquals(failing.status, { code: otel.SpanStatusCode.ERROR, message: "TypeError: boom" });
  assertEquals(failing.kind, otel.SpanKind.INTERNAL);
  assertEquals(failing.attributes["trefoil.nursery"], "jobs");
  assertEquals(failing.attributes["code.file.path"], new URL(import.meta.url).pathname);
  const [wait, exception, ...others] = failing.events;
  assertEquals([wait?.name, wait?.attributes], [
    "wait",
    { kind: "sleep", for: "until t=20ms", ms: 20, by: "clock" },
  ]);
  assertEquals([exception?.name, exception?.attributes?.["exception.type"]], ["exception", "TypeError"]);
  assertEquals(others, []);
  const sibling = all.get("sibling")!;
  assertEquals(sibling.status, { code: otel.SpanStatusCode.UNSET });
  assertEquals(sibling.events.map(({ name }) => name), ["wait", "cancelled"]);
  assertEquals(sibling.attributes["trefoil.cancelled.source"], "nursery");
  assert(failing.ended && sibling.ended);
});

Deno.test("O3: a simulation has simulated times and, for the same seed, the same spans with the same ids", async () => {
  const course = async () => {
    await told(async () => {
      await sleep(1_000);
      await openNursery((nursery) => {
        for (let n = 0; n < 10; n++) nursery.startSoon(() => sleep(10 + Math.random() * 90), { name: `worker ${n}` });
      });
    });
    return [...(await finished()).values()].map((span) => ({
      name: span.name,
      ids: span.spanContext(),
      start: span.startTime,
      end: span.endTime,
      events: span.events,
    }));
  };
  const first = await course();
  assertEquals(first.length, 10);
  for (const { start, end, events } of first) {
    assertEquals(start, [Date.UTC(2000, 0, 1) / 1_000 + 1, 0]);
    const took = milliseconds(end) - milliseconds(start);
    assert(took >= 10 && took < 100, `${took}`);
    assertEquals(events.map(({ name, time }) => [name, time]), [["wait", end]]);
  }
  assertEquals(await course(), first);
});

Deno.test("O3: in real time the user's own spans lie within that of their task", async () => {
  const tracer = otel.trace.getTracer("user");
  await run(() =>
    openNursery((nursery) => {
      nursery.startSoon(async () => {
        await tracer.startActiveSpan("query", (span) => sleep(3).finally(() => span.end()));
        await sleep(1);
      }, { name: "task" });
    }), { handleSignals: false, instruments: [new OtelInstrument(otel)] });
  const all = await finished();
  const [task, query] = [all.get("task")!, all.get("query")!];
  assertEquals(around(all, "query"), "task");
  assert(milliseconds(task.startTime) <= milliseconds(query.startTime));
  // The SDK takes the beginning of each span from a clock of whole milliseconds, and its length from a finer one.
  assert(milliseconds(query.endTime) <= milliseconds(task.endTime) + 1);
});

Deno.test("O4: the metrics of a run, and after it none that is asked for", async () => {
  await measured();
  const limiter = new CapacityLimiter(2);
  let during: Awaited<ReturnType<typeof measured>> = {};
  await run(() =>
    openNursery(async (nursery) => {
      const lock = new Lock();
      for (let n = 0; n < 3; n++) {
        nursery.startSoon(async () => {
          using _token = await limiter.acquire();
          using _guard = await lock.acquire();
          await sleep(5);
        });
      }
      await sleep(100);
      const forever = nursery.startSoon(() => sleepForever());
      await sleep(1);
      during = await measured();
      forever.cancel();
    }), { handleSignals: false, instruments: [new OtelInstrument(otel, { watch: { uploads: limiter } })] });
  assertEquals(during["trefoil.tasks.ended"], [[{ state: "done" }, 3]]);
  assertEquals(during["trefoil.tasks"], [[{ state: "running" }, 1], [{ state: "waiting" }, 1]]);
  assertEquals(during["trefoil.host_operations"], [[{}, 0]]);
  assertEquals(during["trefoil.resource"], [
    [{ resource: "uploads", statistic: "borrowedTokens" }, 0],
    [{ resource: "uploads", statistic: "totalTokens" }, 2],
    [{ resource: "uploads", statistic: "borrowers" }, 0],
    [{ resource: "uploads", statistic: "tasksWaiting" }, 0],
  ]);
  const waits = during["trefoil.wait.duration"]!.map(([attributes, value]) => {
    const { count, sum } = value as { count: number; sum: number };
    return [(attributes as { kind: string }).kind, count, sum < 5] as const;
  });
  assertEquals(waits.map(([kind, , short]) => [kind, short]).sort(), [
    ["acquire capacity", true],
    ["acquire lock", true],
    ["sleep", true],
  ]);
  const lag = during["trefoil.loop.lag"]?.[0]?.[1] as { count: number };
  assert(lag.count >= 1, `${lag?.count}`);
  const after = await measured();
  assertEquals(after["trefoil.tasks.ended"], [[{ state: "cancelled" }, 1], [{ state: "done" }, 1]]);
  // The SDK goes on to name what nobody answers for any more.
  for (const name of ["trefoil.tasks", "trefoil.host_operations", "trefoil.resource"]) {
    assertEquals(after[name] ?? [], [], name);
  }
});
