import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { sleepForever } from "../../core/mod.ts";
import { fetch as ourFetch, openWebSocket, serveHttp, serveTcp } from "../../net/mod.ts";
import { simulate, type SimulateOptions } from "../mod.ts";

// A simulation has a network in memory; what that lacks does not get past it to the host's unnoticed. These tests have
// no permission to use the network: what gets there fails with `NotCapable`.

const REFUSED =
  "as a simulation must not open real sockets unless it is told to, and its network in memory has no HTTP: ";

const serve = () => serveHttp(() => new Response(), { port: 0, hostname: "127.0.0.1" });

async function errorOf(call: () => unknown, options?: SimulateOptions): Promise<Error> {
  const error = await simulate(() => Promise.try(call).then(() => null, (error) => error), options);
  return error as Error;
}

Deno.test("serveHttp() is refused at once in a simulation, with what to do", async () => {
  const error = await errorOf(serve);
  assertEquals([error?.name, error?.message.startsWith(`Cannot serve HTTP ${REFUSED}`)], ["TypeError", true]);
});

Deno.test('it is allowed with io: { quiet }, with network: "host", and with a network of one\'s own', async () => {
  for (const options of [{ io: { quiet: 5 } }, { network: "host" }, { network: {} as never }] as const) {
    assertEquals((await errorOf(serve, options))?.name, "NotCapable");
  }
});

Deno.test("Deno.serve(), Deno.connectTls() and datagrams are the host's, in a simulation as outside", async () => {
  const calls = [
    () => Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => new Response()),
    () => Deno.connectTls({ port: 9, hostname: "127.0.0.1" }),
  ];
  for (const call of calls) assertEquals((await errorOf(call))?.name, "NotCapable");
});

Deno.test("HTTP to what is on the network in memory is refused, whatever is allowed; to elsewhere it is the host's", async () => {
  for (const io of ["freeze", { quiet: 5 }] as const) {
    await simulate(async (sim) => {
      const db = sim.net.host("db");
      sim.net.dns("api.example", [db.address]);
      sim.background.startSoon(() => serveTcp(() => sleepForever(), { port: 80 }));
      await sim.settled();
      const urls = [
        "http://db/",
        "https://DB:8443/x?y",
        `http://${db.address}/`,
        `http://[${db.address6}]:1/`,
        "http://api.example/",
        "http://localhost/",
        "http://127.0.0.1:80/",
        "http://[::1]/",
      ];
      for (const url of urls) {
        const message = `Cannot fetch ${url} as the network in memory must have HTTP, which it has not, and `;
        await assertRejects(() => fetch(url), TypeError, message);
        await assertRejects(() => fetch(new Request(url)), TypeError, message.slice(0, 20));
        await assertRejects(() => ourFetch(new URL(url)), TypeError, "as the network in memory must have HTTP");
        const ws = url.replace(/^http/, "ws");
        assertThrows(() => new WebSocket(ws), TypeError, `Cannot open a WebSocket ${ws} as the network in memory`);
        await assertRejects(() => openWebSocket(ws), TypeError, "as the network in memory must have HTTP");
      }
      for (
        const url of ["http://127.0.0.1:81/", "http://localhost:81/", "http://192.0.2.1/", "http://elsewhere.example/"]
      ) {
        assertEquals((await fetch(url).catch((error) => error)).name, "NotCapable");
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
