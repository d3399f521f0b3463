/** Telling OpenTelemetry: spans for tasks, and metrics of waits, against a run that is not watched. */

import { AsyncLocalStorage } from "node:async_hooks";
import { OtelInstrument, type OtelMeter, type OtelModules, type OtelSpan } from "../observe/mod.ts";
import { holdOurs } from "./_live.ts";
import { measure } from "./_measure.ts";
import { loadOtel } from "./_peers.ts";
import { child, sending, spawning } from "./_watched.ts";

const peer = await loadOtel();

/** Modules that do nothing with what they are told, but keep the active span: what is left is the instrument's own. */
function idle(): OtelModules {
  const span: OtelSpan = {
    isRecording: () => true,
    addEvent() {},
    setAttribute() {},
    setStatus() {},
    recordException() {},
    end() {},
  };
  const observable = { addCallback() {}, removeCallback() {} };
  const meter: OtelMeter = {
    createCounter: () => ({ add() {} }),
    createHistogram: () => ({ record() {} }),
    createObservableUpDownCounter: () => observable,
    createObservableGauge: () => observable,
  };
  const storage = new AsyncLocalStorage<unknown>();
  return {
    trace: { getTracer: () => ({ startSpan: () => span }), setSpan: (_context, span) => span },
    context: { active: () => storage.getStore(), with: (context, fn) => storage.run(context, fn) },
    metrics: { getMeter: () => meter },
  };
}

const { trace, context, metrics } = idle();
const spansOnly = { trace, context } as OtelModules;
const metricsOnly = { metrics } as OtelModules;
const whole = { trace, context, metrics } as OtelModules;
const spawned = [
  spawning("not watched", () => []),
  spawning("metrics, told to nobody", () => [new OtelInstrument(metricsOnly)]),
  spawning("spans, told to nobody", () => [new OtelInstrument(spansOnly)]),
];
const sent = [
  sending("not watched", () => []),
  sending("metrics, told to nobody", () => [new OtelInstrument(metricsOnly)]),
  sending("all, told to nobody", () => [new OtelInstrument(whole)]),
];
if (peer !== null) {
  const { otel, inSpan } = peer;
  spawned.push(
    spawning("spans by hand, SDK", () => [], () => inSpan("child", child)),
    spawning("spans, SDK", () => [new OtelInstrument({ trace: otel.trace, context: otel.context } as OtelModules)]),
    spawning("all, SDK", () => [new OtelInstrument(otel)]),
  );
  sent.push(sending("all, SDK", () => [new OtelInstrument(otel)]));
}

using _live = holdOurs();
await measure([
  {
    title: "spawn and join 10,000 with a name",
    unit: "us/child",
    baseline: "not watched",
    candidates: spawned,
    limits: [{ of: "spans, SDK", against: "spans by hand, SDK", atMost: 1.6 }],
  },
  {
    title: "100,000 values through a channel of capacity 0",
    unit: "us/value",
    baseline: "not watched",
    candidates: sent,
    limits: [{ of: "metrics, told to nobody", against: "not watched", atMost: 2.5 }],
  },
]);
