import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { areClientsThere } from "../npm_clients/there.ts";
import { Program } from "./_program.ts";

const OBSERVE = new URL("../../observe/mod.ts", import.meta.url).href;

Deno.test("W2: a loop that stands still for ever is told of while it does, with the task", async () => {
  const program = Program.start(`
    import { openNursery, run, sleep } from "@trefoil/io";
    import { Watchdog } from ${JSON.stringify(OBSERVE)};
    await run(() => openNursery(async (nursery) => {
      nursery.startSoon(async () => { await sleep(1); for (;;); }, { name: "endless" });
    }), { instruments: [new Watchdog({ stuck: 300 })] });
  `);
  await program.prints("standing still", "stderr");
  assertStringIncludes(program.stderr, 'task "endless" #2 went on last');
  await program.kill();
});

Deno.test("W2: a program with such a sentry ends with its run, and nothing is told of one that goes on", async () => {
  const program = Program.start(`
    import { run, sleep } from "@trefoil/io";
    import { Watchdog } from ${JSON.stringify(OBSERVE)};
    await run(async () => { for (let n = 0; n < 20; n++) await sleep(20); }, { instruments: [new Watchdog({ stuck: 5_000 })] });
    console.log("over");
  `);
  assertEquals([await program.end(), program.stdout, program.stderr], [0, "over\n", ""]);
});

Deno.test("W: a deadlock under a top-level await ends the program as it does without a watchdog, and with a sentry", async () => {
  for (const options of ["{}", "{ stuck: 10_000 }"]) {
    const program = Program.start(`
      import { Event, run } from "@trefoil/io";
      import { Watchdog } from ${JSON.stringify(OBSERVE)};
      await run(() => new Event({ name: "never" }).wait(), { instruments: [new Watchdog(${options})] });
    `);
    assertEquals(await program.end(), 1);
    assertStringIncludes(program.stderr, 'event "never"');
  }
});

const API = "npm:@opentelemetry/api@1.9.1";

/** A server and its client, in one process; `around` is the code around them, where `$` stands for them. */
const TALK = (around: string) => `
  import { fetch, httpServer, openNursery, run, sleep } from "@trefoil/io";
  const main = () => openNursery(async (nursery) => {
    const handler = async (request) => {
      await openNursery((inner) => void inner.startSoon(async () => {
        await sleep(20);
        console.log("in the task");
      }, { name: "load user" }));
      if (request.url.endsWith("/bad")) throw new Error("boom");
      return new Response("hello");
    };
    const options = { port: 0, hostname: "127.0.0.1", onHandlerError: () => {} };
    const [{ port }] = await nursery.start(httpServer(handler, options));
    const ask = async (path) => console.log(path, (await fetch(\`http://127.0.0.1:\${port}\${path}\`)).status);
    await ask("/users");
    await ask("/bad");
    nursery.cancel();
  });
  ${around}
`;

/** Runs a program to its end with Deno's own telemetry, as text. */
async function exported(script: string, sampler = "always_on"): Promise<string> {
  const settings = `OTEL_DENO=true OTEL_EXPORTER_OTLP_PROTOCOL=console OTEL_TRACES_SAMPLER=${sampler}`;
  const program = Program.startInShell(`${settings} exec "$@"`, script);
  assertEquals([await program.end(), program.stdout], [
    0,
    "in the task\n/users 200\nin the task\n/bad 500\n",
  ], program.stderr);
  return program.stderr;
}

/** A span as it is printed. */
interface Printed {
  readonly name: string;
  readonly trace: string;
  readonly id: string;
  readonly parent: string | undefined;
  readonly text: string;
}

function spansIn(text: string): Printed[] {
  return text.split(/^(?=SPAN |LOG |METRIC )/m).flatMap((text) => {
    const [, name, trace, id] = /^SPAN (.*) \[(\w+)\/(\w+)\]/.exec(text) ?? [];
    if (name === undefined || trace === undefined || id === undefined) return [];
    return [{ name, trace, id, parent: /^ {2}parent: (\w+)$/m.exec(text)?.[1], text }];
  });
}

/** The names of a span and of those around it, from the outside in. */
function pathOf(spans: readonly Printed[], one: Printed | undefined): string[] {
  if (one === undefined) return [];
  return [...pathOf(spans, spans.find(({ id }) => id === one.parent)), one.name];
}

Deno.test("O1: without a line of code there are spans of requests, joined, with the lines of the console in them", async () => {
  const text = await exported(TALK("await run(main);"));
  const spans = spansIn(text);
  assertEquals(spans.map(({ name }) => name), ["GET", "GET", "GET", "GET"]);
  for (const path of ["/users", "/bad"]) {
    const [inner, outer, ...others] = spans.filter(({ text }) => text.includes(`url.path: ${path}`))
      .sort((a, b) => pathOf(spans, b).length - pathOf(spans, a).length);
    assert(inner !== undefined && outer !== undefined && others.length === 0, text);
    assertStringIncludes(inner.text, "Server");
    assertStringIncludes(outer.text, "Client");
    assertEquals([inner.parent, inner.trace, outer.parent], [outer.id, outer.trace, undefined]);
    // What failed is known by the status of its response; the error itself is not in it.
    assertEquals(
      [inner, outer].map(({ text }) => text.includes("status: Error")),
      path === "/bad" ? [true, true] : [false, false],
    );
    assert(!inner.text.includes("boom"));
    assertStringIncludes(
      text,
      `"in the task\n"\n  scope: deno@${Deno.version.deno}\n  trace: ${inner.trace}/${inner.id}`,
    );
  }
  assertStringIncludes(text, "METRIC http.server.request.duration");
});

Deno.test("O1: the sampler is asked for by a variable of the environment", async () => {
  assertEquals(spansIn(await exported(TALK("await run(main);"), "always_off")), []);
});

Deno.test({
  name:
    "O2: with Deno as the provider, tasks are in the spans of their requests, and the lines of the console in theirs",
  ignore: !await areClientsThere([API]),
  async fn() {
    const text = await exported(TALK(`
      import * as otel from "${API}";
      import { OtelInstrument } from ${JSON.stringify(OBSERVE)};
      const client = () => otel.trace.getTracer("x").startActiveSpan("client", (span) => main().finally(() => span.end()));
      await run(client, { instruments: [new OtelInstrument(otel)] });
    `));
    const spans = spansIn(text);
    const loads = spans.filter(({ name }) => name === "load user");
    assertEquals(loads.map((one) => pathOf(spans, one)), [
      ["client", "GET", "GET", "request", "load user"],
      ["client", "GET", "GET", "request", "load user"],
    ]);
    for (const { trace, id, text: load } of loads) {
      assertStringIncludes(text, `trace: ${trace}/${id}`);
      assertStringIncludes(load, "trefoil.nursery: nursery");
      assert(/- wait \(.*kind: sleep, ms: \d+(?:\.\d{1,3})?, by: clock/.test(load), load);
    }
    assertStringIncludes(text, "METRIC trefoil.tasks.ended");
    assertStringIncludes(text, "METRIC trefoil.wait.duration");
    assert(/\{state=done\} value=\d/.test(text));
    assert(/\{kind=serve\} count=1 /.test(text));
  },
});

Deno.test("O3: nothing is kept of the spans of tasks that have ended, while the run goes on", async () => {
  const program = Program.startCollecting(`
    import { openNursery, run, sleep } from "@trefoil/io";
    import { OtelInstrument } from ${JSON.stringify(OBSERVE)};
    const kept = [];
    const ignore = () => {};
    class Span {
      load = new Array(1_000).fill(0);
      isRecording() { return true; }
      addEvent() {} setAttribute() {} setStatus() {} recordException() {} end() {}
    }
    const startSpan = () => {
      const span = new Span();
      kept.push(new WeakRef(span));
      return span;
    };
    const trace = { getTracer: () => ({ startSpan }), setSpan: (_context, span) => span };
    const context = { active: () => undefined, with: (_context, fn) => fn() };
    const spans = (task) => task.id > 1;
    await run(async () => {
      for (let round = 0; round < 5; round++) {
        await openNursery((nursery) => {
          for (let n = 0; n < 1_000; n++) {
            nursery.startSoon(async () => {
              await sleep(n % 3);
              if (n === 999) nursery.cancel();
            });
          }
        });
      }
      await openNursery((nursery) => void nursery.startSoon(() => Promise.reject(new Error("no")))).catch(ignore);
      await sleep(1);
      gc();
      await sleep(1);
      gc();
      console.log(kept.length, kept.filter((ref) => ref.deref() !== undefined).length < 20);
    }, { instruments: [new OtelInstrument({ trace, context }, { spans, minimumWait: 0 })] });
  `);
  assertEquals([await program.end(), program.stdout, program.stderr], [0, "5001 true\n", ""]);
});
