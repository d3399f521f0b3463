import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { BrokenResourceError, moveOnAfter, openNursery, sleep } from "../../core/mod.ts";
import { openTcpStream, serveTcp, type SocketStream } from "../../net/mod.ts";
import { simulate, type Simulation } from "../mod.ts";

async function echo(stream: SocketStream): Promise<void> {
  try {
    for await (const chunk of stream) await stream.sendAll(chunk);
  } catch (error) {
    if (!(error instanceof BrokenResourceError)) throw error;
  }
}

/** Something of everything. */
async function story(sim: Simulation): Promise<void> {
  const db = sim.net.host("db");
  const cache = sim.net.host("cache");
  for (const host of [db, cache]) host.startSoon(() => serveTcp(echo, { port: 7 }), { name: `${host.name} <server>` });
  sim.net.link("test", "db", { latency: 20, jitter: 10 });
  const ask = async (name: string) => {
    await using stream = await openTcpStream(name, 7);
    await stream.sendAll(new Uint8Array(64));
    await stream.receiveSome();
  };
  await ask("cache");
  await ask("db");
  {
    using _ = sim.net.partition("test", "db");
    await moveOnAfter(1_000, () => ask("db"));
  }
  cache.crash();
  await moveOnAfter(500, () => ask("cache"));
  cache.restart();
  db.pause();
  await openNursery((nursery) => {
    nursery.startSoon(() => ask("db"), { name: "patient" });
    nursery.startSoon(() => sleep(400).then(() => db.resume()), { name: "healer" });
  });
}

Deno.test("a picture shows hosts, messages, partitions, crashes and tasks, and the same each time", async () => {
  const draw = () => simulate(async (sim) => (await story(sim), await sim.picture()), { seed: 3 });
  const html = await draw();
  assertEquals(await draw(), html);
  for (
    const part of [
      ">db</text>",
      ">cache</text>",
      'class="partition"',
      'class="crash"',
      'class="pause"',
      "send 64B +",
      "patient",
      "connect, lost",
    ]
  ) {
    assertStringIncludes(html, part);
  }
  assertStringIncludes(html, "db &lt;server&gt;");
  assert(!/https?:\/\/|<script|<link|NaN|Infinity/.test(html.replace(/xmlns="[^"]*"/, "")));
});

Deno.test("a failure hands its picture to the option, and a success does not", async () => {
  const pictures: string[] = [];
  const picture = (html: string) => void pictures.push(html);
  await simulate(() => sleep(1), { picture });
  assertEquals(pictures, []);
  await assertRejects(() => simulate(() => Promise.reject(new Error("boom <b>")), { picture, seed: 9 }), Error, "boom");
  assertEquals(pictures.length, 1);
  assertStringIncludes(pictures[0]!, "<h1>Error: boom &lt;b&gt; (seed 9)</h1>");
  assertStringIncludes(pictures[0]!, "Nothing was sent");
  await assertRejects(
    () => simulate(() => {}, { picture: "file" as never }),
    TypeError,
    '"picture" must be a function',
  );
});
