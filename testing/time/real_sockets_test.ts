import { assertEquals } from "@std/assert";
import { fetch as ourFetch, openWebSocket, serveHttp } from "../../net/mod.ts";
import { simulate, type SimulateOptions } from "../mod.ts";

// A simulation has a network in memory, and nothing gets past it to the host's. These tests have no permission to use
// the network: what gets there fails with `NotCapable`.

async function errorOf(call: () => unknown, options?: SimulateOptions): Promise<Error> {
  const error = await simulate(() => Promise.try(call).then(() => null, (error) => error), options);
  return error as Error;
}

Deno.test("with network: \"host\", and with a network of one's own that has no HTTP, HTTP is the host's", async () => {
  const serve = () => serveHttp(() => new Response(), { port: 0, hostname: "127.0.0.1" });
  for (const options of [{ network: "host" }, { network: {} as never }] as const) {
    assertEquals((await errorOf(serve, options))?.name, "NotCapable");
  }
  const error = await errorOf(serve, { network: { inMemory: true } as never });
  assertEquals([error.name, error.message.startsWith("Cannot serve HTTP as the network of this run is in memory")], [
    "TypeError",
    true,
  ]);
});

Deno.test("what is on no host of a simulation cannot be reached, and no permission is asked for", async () => {
  await simulate(async () => {
    for (const fetch of [globalThis.fetch, ourFetch]) {
      for (
        const [url, why] of [
          ["http://elsewhere.example/", 'no host "elsewhere.example": make it with sim.net.host()'],
          ["https://elsewhere.example/", 'no host "elsewhere.example"'],
          ["http://localhost:81/", "Connection refused"],
          ["http://127.0.0.1:81/", "Connection refused"],
        ] as const
      ) {
        const error = await fetch(url).catch((error) => error);
        const { cause } = error as { cause: Error };
        assertEquals(
          [error.name, error.message, cause.message.includes(why)],
          ["TypeError", "fetch failed", true],
          url,
        );
      }
      assertEquals(await (await fetch("data:text/plain,hello")).text(), "hello");
    }
    const error = await openWebSocket("ws://elsewhere.example/").catch((error) => error);
    assertEquals([error.name, error.message.includes("dns error")], ["BrokenResourceError", true]);
  });
});

Deno.test("code outside a simulation has the host's network while one lives, and afterwards", async () => {
  const own = ["fetch", "WebSocket", "EventSource"].map((name) => (globalThis as Record<string, unknown>)[name]);
  const denos = [Deno.serve, Deno.upgradeWebSocket, Deno.createHttpClient];
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { promise: done, resolve: end } = Promise.withResolvers<void>();
  const living = simulate(async () => {
    begin();
    await done;
  }, { onForeign: "wait" });
  await begun;
  assertEquals((await fetch("http://192.0.2.1/").catch((error) => error)).name, "NotCapable");
  assertEquals(
    (await Promise.try(() => Deno.serve({ port: 0 }, () => new Response())).catch((e) => e)).name,
    "NotCapable",
  );
  end();
  await living;
  assertEquals(["fetch", "WebSocket", "EventSource"].map((name) => (globalThis as Record<string, unknown>)[name]), own);
  assertEquals([Deno.serve, Deno.upgradeWebSocket, Deno.createHttpClient], denos);
});

Deno.test("two simulations at once have a host of the same name each, and do not see each other", async () => {
  const answers = await Promise.all(["a", "b"].map((name) =>
    simulate(async (sim) => {
      sim.net.host("web").startSoon(() => serveHttp(() => new Response(name), { port: 80 }));
      await sim.settled();
      return await (await fetch("http://web/")).text();
    })
  ));
  assertEquals(answers, ["a", "b"]);
});

Deno.test("WebSocket stays the class it was", async () => {
  const { WebSocket: host } = globalThis;
  await simulate(() => {
    assertEquals([WebSocket.OPEN, WebSocket.prototype === host.prototype], [1, true]);
  });
  assertEquals(WebSocket, host);
});
