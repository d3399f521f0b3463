import { assert, assertEquals, assertRejects } from "@std/assert";
import { BrokenResourceError } from "../../../core/mod.ts";
import {
  fetch,
  openTcpStream,
  openTlsStream,
  openWebSocket,
  serveHttp,
  serveTls,
  upgradeWebSocket,
} from "../../../net/mod.ts";
import { simulated } from "../../mod.ts";

Deno.test(
  "https: and wss: take one more round trip, and check the name of the certificate",
  simulated(async (sim) => {
    const api = sim.net.host("api.example");
    sim.net.dns("other.example", [api.address]);
    sim.net.link("test", "api.example", { latency: 10 });
    const identity = sim.net.certificate("api.example", "*.api.example");
    api.startSoon(() =>
      serveHttp(
        (request) =>
          request.headers.has("upgrade")
            ? upgradeWebSocket(request, async (socket) => await socket.send(request.url))
            : new Response(request.url),
        { port: 443, ...identity },
      )
    );
    assertEquals(await (await fetch("https://api.example/x")).text(), "https://api.example/x");
    assertEquals(sim.now, 60);
    const socket = await openWebSocket("wss://api.example/");
    assertEquals(await socket.receive(), "https://api.example/");
    await socket.close();
    const error = await assertRejects(() => fetch("https://other.example/"), TypeError);
    const { message } = error.cause as Error;
    assert(message.includes('certificate not valid for name "other.example"'), message);
    await assertRejects(() => fetch("http://api.example:443/"), TypeError);
  }),
);

Deno.test(
  "openTlsStream() and serveTls() agree on a protocol, and refuse what is not trusted, or is no TLS",
  simulated(async (sim) => {
    const server = sim.net.host("server");
    const identity = sim.net.certificate("server");
    server.startSoon(() =>
      serveTls(async (stream) => {
        const { alpnProtocol } = await stream.handshake();
        await stream.sendText(`${alpnProtocol}\n`);
        for await (const chunk of stream) await stream.sendAll(chunk);
      }, { port: 443, ...identity, alpn: ["h2", "echo"], onHandlerError: () => {} })
    );
    await using stream = await openTlsStream("server", 443, { alpn: ["echo"] });
    await stream.sendText("hello");
    await stream.sendEof();
    let text = "";
    for await (const chunk of stream) text += new TextDecoder().decode(chunk);
    assertEquals(text, "echo\nhello");
    await assertRejects(
      () => openTlsStream("server", 443, { serverName: "elsewhere" }),
      BrokenResourceError,
      "not valid for name",
    );
    const raw = await openTcpStream("server", 443);
    await raw.sendText("GET / HTTP/1.1\r\n\r\n");
    // An alert, as TLS has them (RFC 8446, section 6), and then the end.
    assertEquals((await raw.receiveSome())![0], 21);
    raw.close();
  }),
);

Deno.test(
  "a certificate and a key that do not belong together are refused before anything listens",
  simulated(async (sim) => {
    const [a, b] = [sim.net.certificate("a"), sim.net.certificate("b")];
    await assertRejects(
      () => serveHttp(() => new Response(), { port: 443, cert: a.cert, key: b.key }),
      RangeError,
      '"cert" and "key" must be a certificate and its key',
    );
    await assertRejects(
      () => serveTls(() => {}, { port: 443, cert: a.cert, key: b.key }),
      RangeError,
    );
  }),
);
