import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  CapacityLimiter,
  checkpoint,
  Event,
  Lock,
  openMemoryChannel,
  openNursery,
  run,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { addInstrument, beginHostOperation, suspend } from "../../core/lowlevel.ts";
import { simulate } from "../../testing/mod.ts";
import { FakeOtel, printed, watched } from "../_fixtures/fake_otel.ts";
import { OtelInstrument } from "./otel_instrument.ts";

/** When simulations begin, in seconds. */
const BEGIN = Date.UTC(2000, 0, 1) / 1_000;

Deno.test("O4: waits that were long are events of the span: for what, how long, and who has ended them", async () => {
  const otel = await watched(async () => {
    const lock = new Lock({ name: "db" });
    const [send, receive] = openMemoryChannel<number>(0, { name: "orders" });
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        using _guard = await lock.acquire();
        await sleep(50);
      }, { name: "first" });
      nursery.startSoon(async () => {
        using _guard = await lock.acquire();
        await sleep(9);
        await receive.receive();
        await sleepForever();
      }, { name: "second" });
      nursery.startSoon(async () => {
        await suspend({ kind: "answer" }, (waker) => void setTimeout(() => waker.wake(1), 10), () => true);
        await openNursery((inner) => void inner.startSoon(() => sleep(20), { name: "child" }), { name: "family" });
        await send.send(1);
        await sleep(30);
        nursery.cancel();
      }, { name: "third" });
      await sleepForever();
    });
  });
  assertEquals(otel.span("first").waits, [{ kind: "sleep", ms: 50, by: "clock", for: "until t=50ms" }]);
  assertEquals(otel.span("second").waits, [
    // Who held it when the wait began.
    { kind: "acquire lock", ms: 50, by: "first", for: '"db" held by task "first" #2' },
    { kind: "sleep", ms: 30, by: "cancel", for: "for ever" },
  ]);
  assertEquals(otel.span("third").waits, [
    { kind: "answer", ms: 10, by: "host" },
    { kind: "nursery", ms: 20, by: "child", for: '"family", 1 child' },
    { kind: "send on channel", ms: 29, by: "second", for: '"orders" (no buffer)' },
    { kind: "sleep", ms: 30, by: "clock", for: "until t=89ms" },
  ]);
});

Deno.test("O4: minimumWait says what is long; 0 is everything that waits, Infinity is nothing", async () => {
  const body = () =>
    openNursery((nursery) =>
      void nursery.startSoon(async () => {
        await checkpoint();
        await suspend({ kind: "thing that is there" }, (waker) => void waker.wake(1), () => true);
        await sleep(1);
        await sleep(25);
      }, { name: "worker" })
    );
  for (
    const [minimumWait, expected] of [[0, [0, 1, 25]], [1, [1, 25]], [25, [25]], [26, []], [Infinity, []]] as const
  ) {
    const otel = await watched(body, { minimumWait });
    assertEquals(otel.span("worker").waits.map(({ ms }) => ms), [...expected], `${minimumWait}`);
  }
});

Deno.test("O4: a task that waits often has its first waits in the span, and how many were left out", async () => {
  const otel = await watched(() =>
    openNursery((nursery) =>
      void nursery.startSoon(async () => {
        for (let n = 0; n < 250; n++) await sleep(10);
      }, { name: "poller" })
    )
  );
  const { waits, attributes } = otel.span("poller");
  assertEquals([waits.length, attributes["trefoil.waits.left_out"]], [100, 150]);
});

Deno.test("O4: the metrics: tasks by state, host operations, what has ended and how, waits by kind", async () => {
  let answers = {};
  const otel = await watched(async (otel) => {
    await openNursery(async (nursery) => {
      for (let n = 0; n < 3; n++) nursery.startSoon(() => sleepForever());
      nursery.startSoon(() => sleep(1));
      await sleep(20);
      const operation = beginHostOperation("read a secret");
      answers = otel.ask();
      operation.end();
      nursery.cancel();
    });
    await assertRejects(() => openNursery((nursery) => void nursery.startSoon(() => Promise.reject(new Error("no")))));
  });
  assertEquals(answers, {
    "trefoil.tasks running": 1,
    "trefoil.tasks waiting": 3,
    "trefoil.host_operations": 1,
  });
  assertEquals(otel.counts("trefoil.tasks.ended", ({ value }) => value), { done: 1, cancelled: 3, failed: 1 });
  const sum = otel.counts("trefoil.wait.duration", ({ value }) => value);
  assertEquals(otel.counts("trefoil.wait.duration"), { sleep: 5, nursery: 1 });
  assert(Math.abs(sum["sleep"]! - 0.081) < 1e-9, `${sum["sleep"]}`);
  assertEquals(otel.counts("trefoil.loop.lag"), {}, "simulated time has no event loop");
  assertEquals([...otel.made].map(([name, { unit }]) => [name, unit]), [
    ["trefoil.tasks.ended", "{task}"],
    ["trefoil.wait.duration", "s"],
    ["trefoil.loop.lag", "s"],
    ["trefoil.tasks", "{task}"],
    ["trefoil.host_operations", "{operation}"],
  ]);
});

Deno.test("O4: no attribute of a metric is an id or a label, however many there are", async () => {
  const otel = await watched(async () => {
    await openNursery((nursery) => {
      for (let n = 0; n < 300; n++) {
        nursery.startSoon(async () => {
          await new Lock({ name: `lock ${n}` }).acquire();
          await sleep(n);
          // A program that puts what it waits for into the kind.
          await suspend({ kind: `answer ${n}` }, (waker) => void setTimeout(() => waker.wake(1), 1), () => true);
        }, { name: `worker ${n}` });
      }
    }, { name: "nursery 7" });
  });
  const values = new Set(otel.measured.flatMap(({ attributes }) => Object.values(attributes)));
  assert(values.size < 110, `${values.size}`);
  assertEquals(otel.counts("trefoil.wait.duration")["other"]! > 190, true);
  assertEquals([...values].filter((value) => /lock \d|worker|nursery 7|until/.test(value)), []);
});

Deno.test("O4: trefoil.resource shows the numbers of what is watched, and one that throws hides no other", async () => {
  const limiter = new CapacityLimiter(3);
  const [send] = openMemoryChannel<number>(Infinity);
  send.trySend(1);
  let answers: Record<string, number> = {};
  const broken = {
    statistics(): unknown {
      throw new Error("no numbers");
    },
  };
  const odd = {
    statistics: () => ({
      list: [1, 2],
      yes: true,
      no: false,
      none: null,
      text: "7",
      deep: { n: 1 },
      not: NaN,
      big: 7n,
    }),
  };
  const lines = await printed(() =>
    watched(async (otel) => {
      using _token = await limiter.acquire();
      answers = otel.ask();
      otel.ask();
    }, { watch: { broken, uploads: limiter, orders: send, odd, revoked: { statistics: () => revoked() } } })
  );
  assertEquals(answers, {
    "trefoil.tasks running": 1,
    "trefoil.tasks waiting": 0,
    "trefoil.host_operations": 0,
    "trefoil.resource uploads borrowedTokens": 1,
    "trefoil.resource uploads totalTokens": 3,
    "trefoil.resource uploads borrowers": 1,
    "trefoil.resource uploads tasksWaiting": 0,
    "trefoil.resource orders currentBufferUsed": 1,
    "trefoil.resource orders peakBufferUsed": 1,
    "trefoil.resource orders openSendChannels": 1,
    "trefoil.resource orders openReceiveChannels": 1,
    "trefoil.resource orders tasksWaitingSend": 0,
    "trefoil.resource orders tasksWaitingReceive": 0,
    "trefoil.resource odd list": 2,
    "trefoil.resource odd yes": 1,
    "trefoil.resource odd no": 0,
  });
  assertEquals(lines.length, 1);
  assertStringIncludes(lines[0]!, 'as statistics() of "broken" threw');
});

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

Deno.test("O4: trefoil.loop.lag shows how late the event loop is, and stops with the run", async () => {
  const otel = new FakeOtel();
  await run(async () => {
    await sleep(1);
    for (const end = performance.now() + 100; performance.now() < end;);
    // Until the beat was heard that came too late.
    while (!otel.measured.some(({ name, value }) => name === "trefoil.loop.lag" && value > 0.05)) await sleep(5);
  }, { handleSignals: false, instruments: [new OtelInstrument(otel)] });
  const { length } = otel.measured;
  await new Promise((resolve) => setTimeout(resolve, 60));
  assertEquals(otel.measured.length, length);
});

Deno.test("O4: an instrument serves runs after each other and at the same time, and asks until the last has ended", async () => {
  const otel = new FakeOtel();
  const instrument = new OtelInstrument(otel, { watch: { lock: new Lock() } });
  const answers: unknown[] = [];
  const tasks = () => {
    const { "trefoil.tasks running": running, "trefoil.tasks waiting": waiting } = otel.ask();
    return [running, waiting];
  };
  const enter = [new Event(), new Event()];
  const leave = [new Event(), new Event()];
  const main = (n: number) =>
    run(() =>
      openNursery(async (nursery) => {
        await nursery.startSoon(() => checkpoint(), { name: `in run ${n}` }).join();
        enter[n]!.set();
        await leave[n]!.wait();
      }), { handleSignals: false, instruments: [instrument] });
  assertEquals(otel.asked, 0);
  const runs = [main(0), main(1)];
  await Promise.all(enter.map((event) => event.wait()));
  assertEquals(otel.asked, 3, "each of the numbers once");
  answers.push(tasks());
  leave[0]!.set();
  await runs[0];
  answers.push(tasks());
  leave[1]!.set();
  await runs[1];
  assertEquals(answers, [[0, 2], [0, 1]]);
  assertEquals(otel.asked, 0);
  await main(0);
  assertEquals(otel.asked, 0);
  assertEquals(otel.spans.map(({ name, ended }) => [name, ended]), [
    ["in run 0", 1],
    ["in run 1", 1],
    ["in run 0", 1],
  ]);
  assertEquals(otel.counts("trefoil.tasks.ended"), { done: 6 });
});

Deno.test("O4: simulations and real runs at the same time each have their own time", async () => {
  const otel = new FakeOtel();
  const instrument = new OtelInstrument(otel, { minimumWait: 500 });
  const work = (name: string, ms: number) =>
    openNursery((nursery) => void nursery.startSoon(() => sleep(ms), { name }));
  await Promise.all([
    run(() => work("real", 1), { handleSignals: false, instruments: [instrument] }),
    simulate(async () => {
      using _ = addInstrument(instrument);
      await work("simulated", 60_000);
    }),
  ]);
  assertEquals([otel.span("real").startTime, otel.span("real").waits], [undefined, []]);
  assertEquals(otel.span("simulated").endTime, [BEGIN + 60, 0]);
  assertEquals(otel.span("simulated").waits.map(({ ms }) => ms), [60_000]);
});
