import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { BrokenResourceError, moveOnAfter, sleep } from "../../core/mod.ts";
import { openTcpStream, serveTcp } from "../../net/mod.ts";
import { simulate, type Simulation } from "../mod.ts";

/** A server that reads to the end, and a client that sends what it is told. */
async function talk(sim: Simulation, body: (send: (size: number) => Promise<void>) => Promise<void>): Promise<void> {
  const db = sim.net.host("db");
  db.startSoon(() =>
    serveTcp(async (stream) => {
      try {
        for await (const _ of stream);
      } catch (error) {
        if (!(error instanceof BrokenResourceError)) throw error;
      }
    }, { port: 7 })
  );
  sim.net.link("test", "db", { latency: 20 });
  await using stream = await openTcpStream("db", 7);
  await body((size) => stream.sendAll(new Uint8Array(size)));
}

/** What is written on the arrows, in their order. */
function wordsOf(svg: string): string[] {
  return [...svg.matchAll(/<text class="message([^"]*) (?:left|right)"[^>]*>([^<]*)</g)].map(([, kind, words]) =>
    `${words}${kind}`
  );
}

Deno.test("T9 VirtualNetwork.diagram(): an arrow goes from sending to arrival, and chunks that follow each other are one", async () => {
  const svg = await simulate(async (sim) => {
    await talk(sim, async (send) => {
      for (let n = 0; n < 7; n++) await send(31);
      await sleep(100);
      await send(5);
      await send(6);
      await sleep(30);
    });
    return sim.net.diagram();
  });
  assertEquals(wordsOf(svg).slice(0, 4), [
    "connect +20ms",
    "answer +20ms",
    "send 7 × 31B +20ms",
    "send 2 chunks, 11B +20ms",
  ]);
  const rows = new Map(
    [...svg.matchAll(/class="clock" x="70" y="(\d+)">([^<]*)</g)].map(([, y, at]) => [at, Number(y) - 4]),
  );
  const arrow = /<title>40ms [^<]*7 × 31B[^<]*<\/title><line x1="284" y1="(\d+)" x2="534" y2="(\d+)"/.exec(svg)!;
  assertEquals([Number(arrow[1]), Number(arrow[2])], [rows.get("40ms"), rows.get("60ms")]);
});

Deno.test("T9 VirtualNetwork.diagram(): what was held up is red, also when it has arrived; partition, crash and reset are bars", async () => {
  const svg = await simulate(async (sim) => {
    await talk(sim, async (send) => {
      {
        using _ = sim.net.partition("test", "db");
        await send(10);
        await sleep(1_000);
      }
      await sleep(1_000);
      await send(20);
      await sleep(50);
      sim.net.reset("test", "db");
    });
    const other = sim.net.host("other");
    other.crash();
    await sleep(10);
    other.restart();
    sim.net.partition("test", "other");
    await moveOnAfter(10, () => openTcpStream("other", 7));
    return sim.net.diagram();
  });
  const words = wordsOf(svg);
  assert(words.some((word) => /^send 10B \+1\.\d+s, held up bad$/.test(word)), words.join("\n"));
  assert(words.some((word) => /^send 20B/.test(word) && !word.endsWith("bad")), words.join("\n"));
  assert(words.includes("connect, held up bad open"), words.join("\n"));
  for (const kind of ["partition", "crash", "reset"]) assertStringIncludes(svg, `<rect class="${kind}"`);
  assertEquals([...svg.matchAll(/<rect class="partition"/g)].length, 2);
});

Deno.test("T9 VirtualNetwork.diagram(): the same each time, and nothing is drawn of nothing", async () => {
  const draw = () =>
    simulate(async (sim) => {
      await talk(sim, (send) => send(1));
      return sim.net.diagram();
    }, { seed: 4 });
  const svg = await draw();
  assertEquals(await draw(), svg);
  assert(!/NaN|Infinity|undefined/.test(svg));
  const nothing = await simulate((sim) => sim.net.diagram());
  assert(nothing.startsWith("<svg xmlns=") && nothing.endsWith("</svg>"));
  assertStringIncludes(nothing, "Nothing was sent.");
});
