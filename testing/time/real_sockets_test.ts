import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fetch as ourFetch, openWebSocket, serveHttp, serveTcp } from "../../net/mod.ts";
import { sleep, sleepForever } from "../../core/mod.ts";
import { simulate, type SimulateOptions } from "../mod.ts";

// A simulation has a network in memory, with HTTP. These tests have no permission to use the network: what gets to the
// host's fails with `NotCapable`.

const serve = () => serveHttp(() => new Response(), { port: 0, hostname: "127.0.0.1" });
const serveBare = async () => {
  await using _ = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => new Response());
};

async function errorOf(call: () => unknown, options?: SimulateOptions): Promise<Error | null> {
  return await simulate(async (sim) => {
    const ended = Promise.try(call).then(() => null, (error) => error);
    await sleep(sim.now);
    return await Promise.race([ended, new Promise<null>((resolve) => setTimeout(() => resolve(null), 5))]);
  }, { leaks: "ignore", ...options });
}

Deno.test("serveHttp() and Deno.serve() in a simulation open no real port, whatever else may be real", async () => {
  for (const call of [serve, serveBare]) {
    for (const options of [{}, { io: { quiet: 5 } }] as const) {
      const serving = () =>
        simulate(async (sim) => {
          sim.background.startSoon(call);
          await sim.settled();
        }, options);
      assertEquals(await serving(), undefined);
    }
  }
});

Deno.test("they are the host's with network: \"host\", and with a network of one's own that has no HTTP", async () => {
  for (const call of [serve, serveBare]) {
    for (const options of [{ network: "host" }, { network: {} as never }] as const) {
      assertEquals((await errorOf(call, options))?.name, "NotCapable");
    }
  }
});

Deno.test("Deno.connectTls() is the host's, in a simulation as outside; Deno.listen() and Deno.connect() with its network", async () => {
  const calls = [
    () => Deno.listen({ port: 0, hostname: "127.0.0.1" }),
    () => Deno.connect({ port: 9, hostname: "127.0.0.1" }),
  ];
  for (const call of calls) {
    assertEquals((await errorOf(call, { network: "host" }))?.name, "NotCapable");
  }
  const refused = await errorOf(() => Deno.connectTls({ port: 9, hostname: "127.0.0.1" }));
  assertEquals(refused?.name, "NotCapable");
});

Deno.test("HTTP to elsewhere fails as in a network that has no such host, and never gets to the host's", async () => {
  for (const io of ["freeze", { quiet: 5 }] as const) {
    await simulate(async (sim) => {
      const db = sim.net.host("db");
      sim.net.dns("api.example", [db.address]);
      sim.background.startSoon(() => serveTcp(() => sleepForever(), { port: 80 }));
      await sim.settled();
      for (const url of ["http://db/", `http://${db.address}/`, `http://[${db.address6}]:1/`, "http://api.example/"]) {
        const says = "tcp connect error: Connection refused";
        for (const get of [() => fetch(url), () => fetch(new Request(url)), () => ourFetch(new URL(url))]) {
          const { cause } = await assertRejects(get, TypeError, "fetch failed");
          assertStringIncludes((cause as Error).message, says);
        }
        await assertRejects(() => openWebSocket(url.replace(/^http/, "ws")), Error, "Connection refused");
      }
      for (const url of ["http://127.0.0.1:81/", "http://192.0.2.1/", "http://elsewhere.example/"]) {
        const error = await fetch(url).catch((error) => error);
        assertEquals(error.name, "TypeError", url);
      }
      assertEquals(await (await fetch("data:text/plain,hello")).text(), "hello");
    }, { io, leaks: "ignore" });
  }
});

Deno.test("WebSocket stays the class it was", async () => {
  const { WebSocket: host } = globalThis;
  await simulate(() => {
    assertEquals([WebSocket.OPEN, WebSocket.prototype === host.prototype], [1, true]);
  });
  assertEquals(WebSocket, host);
});
