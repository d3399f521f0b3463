import { assert, assertEquals, assertRejects } from "@std/assert";
import { BrokenResourceError, EndOfChannel, openNursery, sleep } from "../../../core/mod.ts";
import { openTcpStream, openWebSocket, serveHttp, upgradeWebSocket } from "../../../net/mod.ts";
import { simulated } from "../../mod.ts";

const echo = (request: Request): Response =>
  upgradeWebSocket(request, async (socket) => {
    for await (const message of socket) await socket.send(message);
  });

Deno.test(
  "a WebSocket over a virtual network echoes text and bytes, each a round trip, and closes cleanly",
  simulated(async (sim) => {
    const server = sim.net.host("server");
    sim.net.link("test", "server", { latency: 10, chunk: 3 });
    server.startSoon(() => serveHttp(echo, { port: 80 }));
    const socket = await openWebSocket("ws://server/chat?x=1", { protocols: [] });
    assertEquals(sim.now, 40);
    for (const message of ["hello", "", "é☃𝄞", new Uint8Array([0, 255]), "x".repeat(200), "y".repeat(70_000)]) {
      await socket.send(message);
      assertEquals(await socket.receive(), message);
    }
    await socket.close({ code: 3_001, reason: "done" });
    await assertRejects(() => socket.receive(), Error, "closed");
  }),
);

Deno.test(
  "a WebSocket tells a peer that closes from a connection that is lost",
  simulated(async (sim) => {
    const server = sim.net.host("server");
    server.startSoon(() =>
      serveHttp((request) =>
        upgradeWebSocket(request, async (socket) => {
          if (await socket.receive() === "close") await socket.close({ code: 4_000, reason: "bye" });
          else await sleep(1e6);
        }), { port: 80 })
    );
    const polite = await openWebSocket("ws://server/");
    await polite.send("close");
    await assertRejects(() => polite.receive(), EndOfChannel, "4000 bye");
    assertEquals(polite.end, { code: 4_000, reason: "bye" });
    await polite.close();

    const lost = await openWebSocket("ws://server/");
    await lost.send("stay");
    await sleep(1);
    sim.net.reset("test", "server");
    await assertRejects(() => lost.receive(), BrokenResourceError);
    await lost.close();
  }),
);

Deno.test(
  "a WebSocket whose peer is cut off notices it by its pings",
  simulated(async (sim) => {
    const server = sim.net.host("server");
    let ended = -1;
    server.startSoon(() =>
      serveHttp((request) =>
        upgradeWebSocket(request, async (socket) => {
          try {
            for await (const _ of socket);
          } catch {
            ended = sim.now;
          }
        }, { idleTimeout: 10_000 }), { port: 80 })
    );
    const socket = await openWebSocket("ws://server/");
    await sleep(60_000);
    assertEquals(ended, -1);
    sim.net.partition("test", "server");
    await sleep(20_000);
    assert(ended >= 65_000 && ended <= 75_000, String(ended));
    await socket.close();
  }),
);

Deno.test(
  "an idle WebSocket stays open for as long as its peer answers",
  simulated(async (sim) => {
    const server = sim.net.host("server");
    server.startSoon(() => serveHttp(echo, { port: 80 }));
    const socket = await openWebSocket("ws://server/");
    await sleep(3_600_000);
    await socket.send("still here");
    assertEquals(await socket.receive(), "still here");
    await socket.close();
  }),
);

Deno.test(
  "a server that is no WebSocket, an unknown host and a port without a server refuse",
  simulated(async (sim) => {
    const server = sim.net.host("server");
    server.startSoon(() => serveHttp(() => new Response("no", { status: 404 }), { port: 80 }));
    await assertRejects(() => openWebSocket("ws://server/"), BrokenResourceError, "404");
    await assertRejects(() => openWebSocket("ws://nowhere/"), BrokenResourceError, "dns error");
    await assertRejects(() => openWebSocket("ws://server:81/"), BrokenResourceError, "refused");
  }),
);

Deno.test(
  "the global WebSocket and Deno.upgradeWebSocket speak over the network of the simulation",
  simulated(async (sim) => {
    const server = sim.net.host("server");
    await openNursery(async (nursery) => {
      await server.run(() => {
        const serving = Deno.serve({ port: 80 }, (request) => {
          const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "b" });
          socket.onmessage = ({ data }) => socket.send(data.toUpperCase());
          return response;
        });
        nursery.startSoon(async () => {
          await sleep(1_000);
          await serving.shutdown();
        });
      });
      const socket = new WebSocket("ws://server/", ["a", "b"]);
      assert(socket instanceof WebSocket);
      const events: string[] = [];
      socket.onopen = () => socket.send("hello");
      socket.onmessage = ({ data }) => {
        events.push(`${socket.protocol} ${data}`);
        socket.close(1000);
      };
      socket.onclose = ({ code, wasClean }) => events.push(`${code} ${wasClean}`);
      await sleep(10);
      assertEquals(events, ["b HELLO", "1000 true"]);
    });
  }),
);

Deno.test(
  "a raw peer that sends nonsense is closed, and gets nothing back",
  simulated(async (sim) => {
    const server = sim.net.host("server");
    server.startSoon(() => serveHttp(echo, { port: 80 }));
    const cases: [name: string, frame: number[]][] = [
      ["reserved bits", [0xf1, 0x80, 0, 0, 0, 0]],
      ["unknown opcode", [0x83, 0x80, 0, 0, 0, 0]],
      ["continuation of nothing", [0x80, 0x80, 0, 0, 0, 0]],
      ["invalid UTF-8", [0x81, 0x81, 0, 0, 0, 0, 0xff]],
      ["a ping that is too long", [0x89, 0xfe, 0, 126, 0, 0, 0, 0]],
    ];
    for (const [name, frame] of cases) {
      await using stream = await openTcpStream("server", 80);
      await stream.sendText(
        "GET / HTTP/1.1\r\nhost: server\r\nupgrade: websocket\r\nconnection: Upgrade\r\n" +
          "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n",
      );
      let bytes: number[] = [];
      while (!new TextDecoder().decode(new Uint8Array(bytes)).includes("\r\n\r\n")) {
        bytes.push(...(await stream.receiveSome())!);
      }
      assert(new TextDecoder().decode(new Uint8Array(bytes)).includes("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
      await stream.sendAll(new Uint8Array(frame));
      bytes = [];
      for await (const chunk of stream) bytes.push(...chunk);
      // Perhaps with a frame that says why.
      assert([undefined, 0x88].includes(bytes[0]), name);
    }
  }),
);
