import { assert, assertEquals } from "@std/assert";
import { moveOnAfter, openNursery } from "../../core/mod.ts";
import { addInstrument } from "../../core/lowlevel.ts";
import { simulate } from "../../testing/mod.ts";
import { fetch, openTcpStream, openUdpSocket, openWebSocket, serveHttp, serveTcp, upgradeWebSocket } from "../mod.ts";

Deno.test("no kind of a wait names a host, an address or a port: its label does", async () => {
  const kinds = new Set<string>();
  await simulate(async (sim) => {
    using _ = addInstrument({ blocked: (_task, { kind }) => void kinds.add(kind) });
    const server = sim.net.host("server-7");
    server.startSoon(() =>
      serveHttp((request) => {
        if (!request.url.endsWith("/socket")) return request.text().then((text) => new Response(text));
        return upgradeWebSocket(request, async (socket) => await socket.send("hello"));
      }, { port: 80 })
    );
    server.startSoon(() => serveTcp((stream) => stream.sendAll(new Uint8Array(1)), { port: 7 }));
    await sim.advance(1);
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        await (await fetch("http://server-7/", { method: "POST", body: "text" })).text();
        await using socket = await openWebSocket("ws://server-7/socket");
        assertEquals(await socket.receive(), "hello");
      });
      nursery.startSoon(async () => {
        await using stream = await openTcpStream("server-7", 7);
        assertEquals((await stream.receiveSome())?.length, 1);
      });
      nursery.startSoon(async () => {
        using socket = await openUdpSocket({ port: 9 });
        await moveOnAfter(10, () => socket.receive());
      });
    });
  }, { leaks: "ignore" });
  for (const kind of ["serve", "connect", "open", "receive datagram on"]) {
    assert(kinds.has(kind), [...kinds].join(", "));
  }
  assertEquals([...kinds].filter((kind) => /\d|server|[:/]/.test(kind)), []);
});
