import { assertEquals } from "@std/assert";
import { openNursery, sleep } from "../../../core/mod.ts";
import { fetch as ourFetch, httpServer, openWebSocket, serveHttp, upgradeWebSocket } from "../../../net/mod.ts";
import { simulated } from "../../mod.ts";

Deno.test(
  "an answer takes two round trips: one to connect, one for the request; the next one on the same connection takes one",
  simulated(async (sim) => {
    const web = sim.net.host("web");
    sim.net.link("test", "web", { latency: 20 });
    web.startSoon(() => serveHttp((request) => new Response(`hello ${new URL(request.url).pathname}`), { port: 80 }));
    await sim.settled();
    for (const get of [ourFetch, fetch]) {
      const before = sim.now;
      const response = await get("http://web/a?b");
      assertEquals([response.status, await response.text(), sim.now - before], [
        200,
        "hello /a",
        get === ourFetch ? 80 : 40,
      ]);
      assertEquals([response.url, response.type, response.redirected], ["http://web/a?b", "basic", false]);
    }
  }),
);
Deno.test(
  "web sockets",
  simulated(async (sim) => {
    const web = sim.net.host("web");
    sim.net.link("test", "web", { latency: 20 });
    web.startSoon(() =>
      serveHttp((request) =>
        upgradeWebSocket(request, async (s) => {
          for await (const m of s) await s.send(m);
        }), { port: 80 })
    );
    await sim.settled();
    await using s = await openWebSocket("ws://web/");
    assertEquals(sim.now, 80);
    await s.send("hello");
    assertEquals(await s.receive(), "hello");
    await s.send(new Uint8Array(100000).fill(7));
    assertEquals((await s.receive()).length, 100000);
    assertEquals(sim.now, 240);
    const w = new WebSocket("ws://web/");
    assertEquals(w instanceof WebSocket, true);
    await new Promise((r) => w.onopen = r);
    const got = new Promise((r) => w.onmessage = (e) => r(e.data));
    w.send("x");
    assertEquals(await got, "x");
    const c = new Promise((r) => w.onclose = (e) => r([e.code, e.wasClean]));
    w.close();
    assertEquals(await c, [1005, true]);
  }),
);
Deno.test(
  "Deno.serve",
  simulated(async (sim) => {
    const s = Deno.serve({ port: 0, hostname: "127.0.0.1" }, async (r) => {
      await sleep(1000);
      return new Response(await r.text());
    });
    assertEquals(
      await (await fetch(`http://127.0.0.1:${s.addr.port}/`, { method: "POST", body: "x".repeat(300000) })).text(),
      "x".repeat(300000),
    );
    assertEquals(sim.now, 1000);
    await s.shutdown();
  }),
);
