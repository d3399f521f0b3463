import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  BrokenResourceError,
  BusyResourceError,
  checkpoint,
  ClosedResourceError,
  Event,
  moveOnAfter,
  type Nursery,
  openNursery,
  run,
  sleep,
  type TcpAddress,
  TooSlowError,
} from "../../core/mod.ts";
import { makeCertificates } from "../_fixtures/make_certificates.ts";
import { ScriptedNetwork } from "../_fixtures/scripted_network.ts";
import {
  openTcpListeners,
  openTcpStream,
  openTlsListeners,
  openTlsStream,
  type Server,
  serveTls,
  type ServeTlsOptions,
  type SocketStream,
  startTls,
  tcpServer,
  tlsServer,
  type TlsStream,
} from "../mod.ts";

const certificates = await makeCertificates();
const { ca, cert, key, otherKey, lockedKey } = certificates ??
  { ca: "", cert: "", key: "", otherKey: "", lockedKey: "" };
const HERE = { hostname: "127.0.0.1" };
const TRUST = { caCerts: [ca] };

/** A test that needs certificates. */
function tlsTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: certificates === null });
}

async function echo(stream: TlsStream | SocketStream): Promise<void> {
  for await (const chunk of stream) await stream.sendAll(chunk);
}

/** Runs a server on a free port of this machine beside a test. */
async function withServer(
  handler: (stream: TlsStream) => unknown,
  options: Partial<ServeTlsOptions>,
  test: (port: number, nursery: Nursery, server: Server<TcpAddress>) => Promise<void>,
): Promise<void> {
  const server = tlsServer(handler, { ...HERE, port: 0, cert, key, ...options } as ServeTlsOptions);
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(server);
    await test(address.port, nursery, server);
    nursery.cancel();
  });
}

/** A go-between that passes bytes on as they are, and can be cut. */
async function withCut(port: number, test: (port: number, cut: () => void) => Promise<void>): Promise<void> {
  const open: SocketStream[] = [];
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(tcpServer(async (client) => {
      using server = await openTcpStream("127.0.0.1", port);
      open.push(client, server);
      const pass = (from: SocketStream, to: SocketStream) => async () => {
        try {
          for await (const chunk of from) await to.sendAll(chunk);
        } catch (error) {
          if (!(error instanceof ClosedResourceError || error instanceof BrokenResourceError)) throw error;
        }
      };
      await openNursery((both) => {
        both.startSoon(pass(client, server));
        both.startSoon(pass(server, client));
      });
    }, { ...HERE, port: 0 }));
    await test(address.port, () => open.forEach((stream) => stream.close()));
    nursery.cancel();
  });
}

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | null) => bytes === null ? null : new TextDecoder().decode(bytes);

tlsTest(
  "serveTls() and openTlsStream() agree on a protocol, carry bytes, half-close, and know their addresses",
  () =>
    withServer(
      async (stream) => {
        assertEquals(stream.alpnProtocol, "echo/1");
        assertEquals(stream.remoteAddress.transport, "tcp");
        await echo(stream);
        await stream.sendAll(encode("bye"));
      },
      { alpn: ["h2", "echo/1"] },
      async (port) => {
        using stream = await openTlsStream("127.0.0.1", port, { ...TRUST, alpn: ["echo/1"], handshakeTimeout: 10_000 });
        assertEquals(stream.alpnProtocol, "echo/1");
        assertEquals({ ...stream.remoteAddress }, { transport: "tcp", hostname: "127.0.0.1", port });
        assertEquals(stream.localAddress.transport, "tcp");
        const million = crypto.getRandomValues(new Uint8Array(65_536));
        await openNursery(async (nursery) => {
          nursery.startSoon(async () => {
            for (let round = 0; round < 16; round++) await stream.sendAll(million);
            await stream.sendEof();
          });
          let size = 0;
          let end = "";
          for await (const chunk of stream) {
            size += chunk.length;
            end = decode(chunk.subarray(-3))!;
          }
          assertEquals([size, end], [16 * 65_536 + 3, "bye"]);
        });
        assertEquals(await stream.handshake(), { alpnProtocol: "echo/1" });
      },
    ),
);

tlsTest(
  "openTlsStream() by name verifies that name, or the one it is told",
  () =>
    withServer(echo, {}, async (port) => {
      for (const options of [{}, { serverName: "127.0.0.1" }]) {
        using stream = await openTlsStream("localhost", port, { ...TRUST, ...options });
        assertEquals(stream.alpnProtocol, null);
        await stream.sendAll(encode("x"));
        assertEquals(decode(await stream.receiveSome()), "x");
      }
    }),
);

tlsTest(
  "a server with the certificate of an authority is BrokenResourceError that says how to make another",
  () =>
    withServer(echo, { cert: ca, key: otherKey }, async (port) => {
      await assertRejects(
        () => openTlsStream("127.0.0.1", port, TRUST),
        BrokenResourceError,
        "CaUsedAsEndEntity)) (a server needs a certificate that is not an authority's: basicConstraints=CA:FALSE)",
      );
    }),
);

tlsTest(
  "a server that cannot be trusted is BrokenResourceError that says why, and the client leaves nothing open",
  () => {
    const turnedAway: unknown[] = [];
    return withServer(echo, { onHandshakeError: (error) => void turnedAway.push(error), alpn: ["a"] }, async (port) => {
      const refused = (options: object, message: string) =>
        assertRejects(() => openTlsStream("127.0.0.1", port, { ...TRUST, ...options }), BrokenResourceError, message);
      const unknown = await refused(
        { caCerts: [] },
        `Cannot complete the TLS handshake with 127.0.0.1:${port}: invalid peer certificate: UnknownIssuer ` +
          '(an authority of one\'s own goes into "caCerts")',
      );
      assertInstanceOf(unknown.cause, Deno.errors.InvalidData);
      await refused({ serverName: "example.org" }, 'certificate not valid for name "example.org"');
      await refused({ alpn: ["b"] }, "NoApplicationProtocol");
      await refused({ serverName: "-" }, "Cannot open a TLS stream with");
      // The server goes on, and has heard of those that got as far as a handshake.
      using stream = await openTlsStream("127.0.0.1", port, TRUST);
      await stream.sendAll(encode("still here"));
      assertEquals(decode(await stream.receiveSome()), "still here");
      assert(turnedAway.length >= 3 && turnedAway.every((error) => error instanceof BrokenResourceError));
    });
  },
);

tlsTest("a silent client blocks nobody, and is turned away when its time is up", async () => {
  const turnedAway: string[] = [];
  let heard = new Event();
  const onHandshakeError = (error: unknown, stream: TlsStream) => {
    turnedAway.push(`${(error as Error).name} ${stream.remoteAddress.hostname}`);
    heard.set();
  };
  await withServer(echo, { handshakeTimeout: 60_000, onHandshakeError }, async (port) => {
    using silent = await openTcpStream("127.0.0.1", port);
    using stream = await openTlsStream("127.0.0.1", port, TRUST);
    await stream.sendAll(encode("hello"));
    assertEquals(decode(await stream.receiveSome()), "hello");
    assertEquals(turnedAway, []);
    silent.close();
    await heard.wait();
  });
  assertEquals(turnedAway.splice(0), ["BrokenResourceError 127.0.0.1"]);
  heard = new Event();
  await withServer(echo, { handshakeTimeout: 50, onHandshakeError }, async (port, _nursery, { statistics }) => {
    using silent = await openTcpStream("127.0.0.1", port);
    await heard.wait();
    assertEquals(turnedAway, ["TooSlowError 127.0.0.1"]);
    while (statistics().open > 0) await checkpoint();
    assertEquals(statistics(), { open: 0, accepted: 1 });
    silent.close();
  });
});

tlsTest("a client in the middle of its handshake does not hold up a shutdown", async () => {
  const turnedAway: unknown[] = [];
  const onHandshakeError = (error: unknown) => void turnedAway.push(error);
  const server = tlsServer(echo, { ...HERE, port: 0, cert, key, handshakeTimeout: 60_000, onHandshakeError });
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(server);
    using silent = await openTcpStream("127.0.0.1", address.port);
    // Accepted with or before the next one, which is served.
    using stream = await openTlsStream("127.0.0.1", address.port, TRUST);
    await stream.sendAll(encode("hello"));
    assertEquals(decode(await stream.receiveSome()), "hello");
    assertEquals(server.statistics(), { open: 2, accepted: 2 });
    nursery.cancelScope.shutdown({ grace: 60_000 });
    await stream.sendEof();
    assertEquals(await stream.receiveSome(), null);
    // Deno frees the socket of a handshake that is never finished when its client goes.
    silent.close();
  });
  assertEquals(server.statistics(), { open: 0, accepted: 2 });
  assertEquals(turnedAway, []);
});

tlsTest("handlerTimeout and onHandlerError concern the handler, not the handshake", async () => {
  const failed: string[] = [];
  const onHandlerError = (error: unknown) => void failed.push((error as Error).name);
  await withServer(echo, { handlerTimeout: 20, handshakeTimeout: 60_000, onHandlerError }, async (port) => {
    using silent = await openTcpStream("127.0.0.1", port);
    using stream = await openTlsStream("127.0.0.1", port, TRUST);
    assertEquals(await stream.receiveSome(), null);
    assertEquals(failed, ["TooSlowError"]);
    silent.close();
  });
  assertEquals(failed, ["TooSlowError"]);
});

tlsTest("a client that does not speak TLS, or goes away, is no error of the server; shutdown() ends it", async () => {
  const reasons: string[] = [];
  const heard = new Event();
  await openNursery(async (nursery) => {
    const onHandshakeError = (error: unknown) => {
      reasons.push((error as Error).message);
      if (reasons.length === 2) heard.set();
    };
    const [address] = await nursery.start(tlsServer(echo, { ...HERE, port: 0, cert, key, onHandshakeError }));
    const { port } = address!;
    using plain = await openTcpStream("127.0.0.1", port);
    await plain.sendAll(encode("GET / HTTP/1.1\r\n\r\n"));
    while (await plain.receiveSome().catch(() => null) !== null);
    (await openTcpStream("127.0.0.1", port)).close();
    await heard.wait();
    nursery.cancelScope.shutdown({ grace: 60_000 });
  });
  assert(reasons[0]!.endsWith("InvalidContentType (the peer does not speak TLS)"), reasons[0]);
  assert(reasons[1]!.endsWith("unexpected end of file"), reasons[1]);
});

tlsTest(
  "a connection cut without close_notify is an error, or the end if told so",
  () =>
    withServer(echo, { missingCloseNotify: "end" }, async (port) => {
      for (const missingCloseNotify of ["error", "end"] as const) {
        await withCut(port, async (between, cut) => {
          using stream = await openTlsStream("127.0.0.1", between, { ...TRUST, missingCloseNotify });
          await stream.sendAll(encode("hello"));
          assertEquals(decode(await stream.receiveSome()), "hello");
          cut();
          if (missingCloseNotify === "end") {
            assertEquals([await stream.receiveSome(), await stream.receiveSome()], [null, null]);
            // The other direction is a plain one.
            await stream.sendAll(encode("x"));
            await stream.sendEof().catch(() => {});
          } else {
            const error = await assertRejects(
              () => stream.receiveSome(),
              BrokenResourceError,
              `Cannot receive from 127.0.0.1:${between} as the connection broke: peer closed connection without sending TLS close_notify`,
            );
            assertInstanceOf(error.cause, Deno.errors.UnexpectedEof);
            await assertRejects(() => stream.receiveSome(), BrokenResourceError);
          }
        });
      }
    }),
);

tlsTest('missingCloseNotify "end" does not make a clean end of a connection cut before its handshake', async () => {
  const [listener] = await openTlsListeners(0, { ...HERE, cert, key, missingCloseNotify: "end" });
  (await openTcpStream("127.0.0.1", listener.address.port)).close();
  using stream = await listener.accept();
  const error = await assertRejects(() => stream.receiveSome(), BrokenResourceError, "unexpected end of file");
  assertInstanceOf(error.cause, Deno.errors.UnexpectedEof);
  listener.close();
});

tlsTest(
  "close() sends close_notify after all that was sent",
  () =>
    withServer(async (stream) => await stream.sendAll(new Uint8Array(1_000_000)), {}, async (port) => {
      using stream = await openTlsStream("127.0.0.1", port, TRUST);
      let size = 0;
      for await (const chunk of stream) size += chunk.length;
      assertEquals(size, 1_000_000);
    }),
);

tlsTest(
  "a TLS stream tells apart who is busy and who closed, and a cancelled receive loses no byte",
  () =>
    withServer(echo, {}, async (port) => {
      const stream = await openTlsStream("127.0.0.1", port, TRUST);
      await openNursery(async (nursery) => {
        nursery.startSoon(() => stream.receiveSome());
        await sleep(0);
        await assertRejects(() => stream.receiveSome(), BusyResourceError);
        nursery.cancel();
      });
      for (let round = 0; round < 20; round++) {
        await stream.sendAll(new Uint8Array([round]));
        await moveOnAfter(0, () => stream.receiveSome(1));
      }
      await stream.sendEof();
      await assertRejects(() => stream.sendAll(new Uint8Array(1)), ClosedResourceError, "sendEof() was called before");
      // Only receives that were cancelled while they waited left something behind; what they left is all there.
      let rest = 0;
      for await (const chunk of stream) rest += chunk.length;
      assert(rest <= 20);
      stream.close();
      stream.close();
      await assertRejects(() => stream.receiveSome(), ClosedResourceError, "Cannot receive as the stream is closed");
      await assertRejects(
        () => stream.handshake(),
        ClosedResourceError,
        "Cannot complete the TLS handshake as the stream is closed",
      );
    }),
);

tlsTest("handshake(): all callers share one, a cancelled one can be waited for again, close() ends it", async () => {
  const [listener] = await openTlsListeners(0, { ...HERE, cert, key, alpn: ["a"] });
  await openNursery(async (nursery) => {
    const plain = await openTcpStream("127.0.0.1", listener.address.port);
    using server = await listener.accept();
    const cancelled = await moveOnAfter(1, () => server.handshake());
    assert(cancelled.cancelledCaught);
    assertEquals(server.alpnProtocol, null);
    const waiting = [1, 2].map(() => nursery.startSoon(() => server.handshake()));
    using client = await startTls(plain, { ...TRUST, serverName: "localhost", alpn: ["a"] });
    assertEquals(client.alpnProtocol, "a");
    for (const task of waiting) assertEquals(await task.join(), { alpnProtocol: "a" });
    assertEquals(server.alpnProtocol, "a");

    using silent = await openTcpStream("127.0.0.1", listener.address.port);
    const other = await listener.accept();
    const shaking = nursery.startSoon(() => other.handshake().catch((error) => error));
    await sleep(0);
    other.close();
    const closed = await shaking.join();
    assertInstanceOf(closed, ClosedResourceError);
    silent.close();
  });
  listener.close();
});

tlsTest("openTlsStream() to a silent server fails in time, and is closed when cancelled", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  const { port } = listener.address;
  await assertRejects(() => openTlsStream("127.0.0.1", port, { handshakeTimeout: 5 }), TooSlowError);
  const outcome = await moveOnAfter(5, () => openTlsStream("127.0.0.1", port));
  assert(outcome.cancelledCaught);
  for (let round = 0; round < 2; round++) {
    using stream = await listener.accept();
    assertEquals((await stream.receiveSome(1))?.length, 1);
  }
  listener.close();
});

tlsTest("startTls() in the middle of a conversation takes the stream over", async () => {
  const [tls] = await openTlsListeners(0, { ...HERE, cert, key });
  await openNursery(async (nursery) => {
    nursery.startSoon(async () => {
      using server = await tls!.accept();
      await echo(server);
    });
    // The host has no upgrade for servers: a go-between plays the plain part.
    const [address] = await nursery.start(tcpServer(async (client) => {
      assertEquals(decode(await client.receiveSome()), "STARTTLS\n");
      await client.sendAll(encode("go ahead\n"));
      using server = await openTcpStream("127.0.0.1", tls!.address.port);
      await openNursery((both) => {
        both.startSoon(async () => {
          for await (const chunk of client) await server.sendAll(chunk);
          await server.sendEof();
        });
        both.startSoon(async () => {
          for await (const chunk of server) await client.sendAll(chunk);
        });
      });
    }, { ...HERE, port: 0 }));
    const plain = await openTcpStream("127.0.0.1", address.port);
    await plain.sendAll(encode("STARTTLS\n"));
    assertEquals(decode(await plain.receiveSome()), "go ahead\n");
    using stream = await startTls(plain, { ...TRUST, serverName: "localhost" });
    await stream.sendAll(encode("secret"));
    assertEquals(decode(await stream.receiveSome()), "secret");
    const why = "it was taken over to start TLS: use the stream that came of it";
    await assertRejects(() => plain.receiveSome(), ClosedResourceError, `Cannot receive as ${why}`);
    await assertRejects(() => plain.sendAll(new Uint8Array(1)), ClosedResourceError, `Cannot send as ${why}`);
    await assertRejects(
      () => startTls(plain, { serverName: "localhost" }),
      ClosedResourceError,
      `Cannot start TLS as ${why}`,
    );
    // Closing what was taken over is harmless.
    plain.close();
    await stream.sendAll(encode("still open"));
    assertEquals(decode(await stream.receiveSome()), "still open");
    await assertRejects(
      // @ts-expect-error encrypted already
      () => startTls(stream, { serverName: "localhost" }),
      TypeError,
      'Cannot start TLS as "stream" must be a plain TCP stream: received another kind',
    );
    stream.close();
    nursery.cancel();
  });
  tls!.close();
});

Deno.test("startTls() refuses a stream that is not at rest, which can be used on", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  using client = await openTcpStream("127.0.0.1", listener.address.port);
  using server = await listener.accept();
  listener.close();
  const upgrade = () => startTls(client, { serverName: "localhost" });

  await openNursery(async (nursery) => {
    const receiving = nursery.startSoon(() => client.receiveSome());
    await sleep(0);
    await assertRejects(
      upgrade,
      BusyResourceError,
      "Cannot start TLS as another task is using the stream: let it finish first",
    );
    receiving.cancel();
  });
  await assertRejects(
    upgrade,
    BusyResourceError,
    "Cannot start TLS as a receive that was cancelled is still in flight, which the host cannot take back: " +
      "let every receive before it finish, or open a new connection",
  );
  await server.sendAll(encode("220 ready\n"));
  assertEquals(decode(await client.receiveSome(4)), "220 ");
  await assertRejects(
    upgrade,
    BusyResourceError,
    "Cannot start TLS as the peer has sent 6 bytes that nobody has received: receive them first",
  );
  assertEquals(decode(await client.receiveSome()), "ready\n");

  server.close();
  assertEquals(await client.receiveSome(), null);
  await assertRejects(upgrade, BrokenResourceError, "Cannot start TLS as the peer has ended the connection");
  client.close();
  await assertRejects(upgrade, ClosedResourceError, "Cannot start TLS as the stream is closed");
});

Deno.test("startTls(): plain bytes sent ahead of the handshake, which nobody has received, fail it", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  using client = await openTcpStream("127.0.0.1", listener.address.port);
  using server = await listener.accept();
  listener.close();
  await server.sendAll(encode("220 go ahead\n250 slipped in\n"));
  // The rest stays in the socket, where the stream does not see it.
  assertEquals(decode(await client.receiveSome(13)), "220 go ahead\n");
  await assertRejects(
    () => startTls(client, { serverName: "localhost" }),
    BrokenResourceError,
    "(the peer does not speak TLS)",
  );
});

Deno.test("startTls() after sendEof(), a broken send or a send in flight is an error", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  const pair = async () => {
    const client = await openTcpStream("127.0.0.1", listener.address.port);
    return [client, await listener.accept()] as const;
  };
  const upgrade = (client: SocketStream) => () => startTls(client, { serverName: "localhost" });
  {
    const [client, server] = await pair();
    await client.sendEof();
    await assertRejects(upgrade(client), ClosedResourceError, "Cannot start TLS as sendEof() was called before");
    client.close();
    server.close();
  }
  {
    const [client, server] = await pair();
    await moveOnAfter(20, async () => {
      while (true) await client.sendAll(new Uint8Array(1_000_000));
    });
    await assertRejects(
      upgrade(client),
      BusyResourceError,
      "Cannot start TLS as a send that was cancelled is still in flight",
    );
    server.close();
    while (await client.sendAll(new Uint8Array(1)).then(() => true, () => false));
    await assertRejects(upgrade(client), BrokenResourceError, "Cannot start TLS as the connection broke");
    client.close();
  }
  listener.close();
});

tlsTest(
  "TLS servers take their certificate from files, and say what is wrong with one before they listen",
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "trefoil_tls_" });
    try {
      const certFile = `${folder}/cert.pem`;
      const keyFile = `${folder}/key.pem`;
      await Deno.writeTextFile(certFile, cert);
      await Deno.writeTextFile(keyFile, key);
      const [listener] = await openTlsListeners(0, { ...HERE, certFile, keyFile: new URL(`file://${keyFile}`) });
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          using stream = await listener.accept();
          await echo(stream);
        });
        // Without handshake() the first operation does it.
        using client = await openTlsStream("127.0.0.1", listener.address.port, TRUST);
        await client.sendAll(encode("x"));
        assertEquals(decode(await client.receiveSome()), "x");
      });
      listener.close();

      const check = (message: string, options: object, port: unknown = 0) =>
        assertRejects(() => openTlsListeners(port as number, { ...HERE, ...options } as never), Error, message);
      const either = 'Cannot listen as either "cert" and "key" or "certFile" and "keyFile" must be given: received ';
      await check(`${either}none of them`, {});
      await check(`${either}"cert"`, { cert });
      await check(`${either}"cert", "keyFile"`, { cert, keyFile });
      await check(`${either}"cert", "key", "keyFile"`, { cert, key, keyFile });
      await check('Cannot listen as "cert" must be text in PEM: received 8 characters without "BEGIN CERTIFICATE"', {
        cert: "cert.pem",
        key,
      });
      await check('Cannot listen as "key" must be text in PEM: received number', { cert, key: 5 });
      await check(
        `Cannot listen as "${certFile}" must be text in PEM`,
        ({ certFile: keyFile, keyFile: certFile }).certFile === keyFile ? { certFile, keyFile: certFile } : {},
      );
      await check('Cannot listen as "key" must be a key without a pass phrase: decrypt it first', {
        cert,
        key: lockedKey,
      });
      await check('Cannot listen as "cert" and "key" must be a certificate and its key: keys may not be consistent', {
        cert,
        key: otherKey,
      });
      await check("No such file", { certFile: `${folder}/none`, keyFile });
      await check('Cannot listen as "alpn" must be an array of protocol names: received "h2"', {
        cert,
        key,
        alpn: "h2",
      });
      await check('Cannot listen as a name in "alpn" must have 1 to 255 bytes: received ""', { cert, key, alpn: [""] });
      await check('Cannot listen as "missingCloseNotify" must be "error" or "end": received true', {
        cert,
        key,
        missingCloseNotify: true,
      });
      await check('Cannot listen as "port" must be a number: received "443"', { cert, key }, "443");
      const [taken] = await openTcpListeners(0, HERE);
      await check("Address already in use", { cert, key }, taken!.address.port);
      taken!.close();
      const serve = (message: string, options: object) =>
        assertRejects(() => serveTls(echo, { ...HERE, port: 0, cert, key, ...options } as never), Error, message);
      await serve('Cannot serve as "handshakeTimeout" must be >= 0: received -1', { handshakeTimeout: -1 });
      await serve('Cannot serve as "onHandshakeError" must be a function: received 1', { onHandshakeError: 1 });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test("openTlsStream() and startTls() check their arguments before any effect", async () => {
  const check = (message: string, options: unknown) =>
    assertRejects(() => openTlsStream("127.0.0.1", 1, options as never), Error, message);
  const action = "Cannot open a TLS stream as";
  await check(`${action} "serverName" must be a host name or IP address: received ""`, { serverName: "" });
  await check(`${action} "caCerts" must be an array of texts in PEM: received "x"`, { caCerts: "x" });
  await check(`${action} "caCerts" must be text in PEM: received 1 characters without "BEGIN CERTIFICATE"`, {
    caCerts: ["x"],
  });
  await check(`${action} "handshakeTimeout" must be >= 0: received NaN`, { handshakeTimeout: NaN });
  await check(`${action} "missingCloseNotify" must be "error" or "end": received "x"`, { missingCloseNotify: "x" });
  await assertRejects(
    () => startTls({} as never, { serverName: "x" }),
    TypeError,
    'Cannot start TLS as "stream" must be a plain TCP stream: received another kind',
  );
  const [listener] = await openTcpListeners(0, HERE);
  using stream = await openTcpStream("127.0.0.1", listener.address.port);
  listener.close();
  await assertRejects(
    () => startTls(stream, {} as never),
    TypeError,
    'Cannot start TLS as "serverName" must be a string: received undefined',
  );
});

Deno.test("a network without TLS is an error that names the method, before any effect", async () => {
  const network = new ScriptedNetwork([], {});
  const inRun = (open: () => Promise<unknown>) => () => run(open, { network });
  await assertRejects(
    inRun(() => openTlsStream("10.0.0.1", 443)),
    TypeError,
    'Cannot open a TLS stream as the network of this run must have a method "startTls": it has none',
  );
  await assertRejects(
    inRun(() => openTlsListeners(443, { cert: "-----BEGIN CERTIFICATE-----", key: "-----BEGIN PRIVATE KEY-----" })),
    TypeError,
    'Cannot listen as the network of this run must have a method "listenTls": it has none',
  );
  assertEquals(network.log, []);
});
