/**
 * What hostile or broken peers do to streams and servers, over loopback. `node:net` resets connections for real
 * (`resetAndDestroy()`), which nothing of Deno does.
 */

import { createConnection, type Socket } from "node:net";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  BrokenResourceError,
  ClosedResourceError,
  Event,
  isErrorGroup,
  moveOnAfter,
  type Nursery,
  openNursery,
  sleep,
  type TcpAddress,
  TooSlowError,
} from "../core/mod.ts";
import type { NetworkConn, NetworkListener } from "../core/lowlevel.ts";
import { makeCertificates } from "./_fixtures/make_certificates.ts";
import {
  openTcpListeners,
  openTcpStream,
  openTlsStream,
  type Server,
  type ServeTcpOptions,
  SocketListener,
  SocketStream,
  tcpServer,
  tlsServer,
} from "./mod.ts";

const HERE = { hostname: "127.0.0.1" };
const certificates = await makeCertificates();
const { ca, cert, key } = certificates ?? { ca: "", cert: "", key: "" };
/** More than the sockets of both ends hold. */
const TOO_MUCH = 64 << 20;

const encode = (text: string) => new TextEncoder().encode(text);

/** A connection whose other end can do more than ours: reset, and read when it is told to. */
async function withSocket(
  test: (stream: SocketStream, peer: Socket, listener: SocketListener) => Promise<void>,
): Promise<void> {
  const [listener] = await openTcpListeners(0, HERE);
  const peer = createConnection({ host: "127.0.0.1", port: listener.address.port, allowHalfOpen: true });
  const over = new Promise((resolve) => peer.on("close", resolve));
  // Before that, it would not reset the connection but close it.
  const connected = new Promise((resolve) => peer.on("connect", resolve));
  peer.on("error", () => {});
  peer.pause();
  try {
    const stream = await listener.accept();
    await connected;
    await test(stream, peer, listener);
    stream.close();
  } finally {
    peer.destroy();
    listener.close();
    await over;
  }
}

async function withServer(
  handler: (stream: SocketStream) => unknown,
  options: Partial<ServeTcpOptions>,
  test: (port: number, nursery: Nursery) => Promise<void>,
): Promise<Server<TcpAddress>> {
  const server = tcpServer(handler, { ...HERE, port: 0, ...options });
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(server);
    await test(address.port, nursery);
    nursery.cancel();
  });
  return server;
}

async function echo(stream: SocketStream): Promise<void> {
  for await (const chunk of stream) await stream.sendAll(chunk);
}

/** Sends until the stream breaks; returns the error. */
async function sendUntilBroken(stream: SocketStream): Promise<unknown> {
  while (true) {
    try {
      await stream.sendAll(new Uint8Array(100_000));
      await sleep(0);
    } catch (error) {
      return error;
    }
  }
}

/** After a reset every operation in either direction says so, for good; a clean end is never made of it. */
async function assertBroken(stream: SocketStream): Promise<void> {
  for (let round = 0; round < 2; round++) {
    await assertRejects(() => stream.receiveSome(), BrokenResourceError);
    assertInstanceOf(await sendUntilBroken(stream), BrokenResourceError);
  }
}

Deno.test("a reset while receiving wakes the receive with BrokenResourceError, and the stream stays broken", () =>
  withSocket(async (stream, peer) => {
    await openNursery(async (nursery) => {
      const receiving = nursery.startSoon(() => stream.receiveSome().catch((error) => error));
      await sleep(0);
      peer.resetAndDestroy();
      const error = await receiving.join();
      assertInstanceOf(error, BrokenResourceError);
      assertEquals(
        error.message,
        `Cannot receive from 127.0.0.1:${stream.remoteAddress.port} as the connection broke: ` +
          "Connection reset by peer (os error 104)",
      );
      assertInstanceOf(error.cause, Deno.errors.ConnectionReset);
    });
    await assertBroken(stream);
  }));

Deno.test("a reset while a send is blocked wakes it with BrokenResourceError, and the stream stays broken", () =>
  withSocket(async (stream, peer) => {
    await openNursery(async (nursery) => {
      const sending = nursery.startSoon(() => stream.sendAll(new Uint8Array(TOO_MUCH)).catch((error) => error));
      await sleep(20);
      assertEquals(sending.state, "running");
      peer.resetAndDestroy();
      const error = await sending.join();
      assertInstanceOf(error, BrokenResourceError);
      assertInstanceOf(error.cause, Error);
    });
    await assertBroken(stream);
  }));

Deno.test("a reset while both directions wait wakes both with BrokenResourceError", () =>
  withSocket(async (stream, peer) => {
    await openNursery(async (nursery) => {
      const receiving = nursery.startSoon(() => stream.receiveSome().catch((error) => error));
      const sending = nursery.startSoon(() => stream.sendAll(new Uint8Array(TOO_MUCH)).catch((error) => error));
      await sleep(20);
      peer.resetAndDestroy();
      assertInstanceOf(await receiving.join(), BrokenResourceError);
      assertInstanceOf(await sending.join(), BrokenResourceError);
    });
    await assertBroken(stream);
  }));

Deno.test("a reset while nobody waits is found by the next operation", async () => {
  for (const first of ["receive", "send"]) {
    await withSocket(async (stream, peer) => {
      const gone = new Promise((resolve) => peer.on("close", resolve));
      peer.resetAndDestroy();
      await gone;
      if (first === "send") assertInstanceOf(await sendUntilBroken(stream), BrokenResourceError);
      await assertBroken(stream);
    });
  }
});

Deno.test("a reset behind a cancelled receive, or a cancelled send, is told to the next one", async () => {
  await withSocket(async (stream, peer) => {
    await moveOnAfter(1, () => stream.receiveSome());
    peer.resetAndDestroy();
    // The read in flight brings the error while nobody is receiving.
    await sleep(20);
    await assertBroken(stream);
  });
  await withSocket(async (stream, peer) => {
    await moveOnAfter(20, () => stream.sendAll(new Uint8Array(TOO_MUCH)));
    peer.resetAndDestroy();
    await sleep(20);
    await assertBroken(stream);
  });
});

Deno.test("a reset after sendEof() is no clean end, and what came before it is received first", () =>
  withSocket(async (stream, peer) => {
    await new Promise<void>((resolve) => peer.write("last words", () => resolve()));
    await stream.sendEof();
    assertEquals(await stream.receiveSome(4), encode("last"));
    assertEquals(await stream.receiveSome(), encode(" words"));
    peer.resetAndDestroy();
    await assertRejects(() => stream.receiveSome(), BrokenResourceError);
    await assertRejects(() => stream.receiveSome(), BrokenResourceError);
    await assertRejects(() => stream.sendAll(encode("x")), ClosedResourceError);
  }));

Deno.test("a reset after the peer's end, which was received, is BrokenResourceError for who sends", () =>
  withSocket(async (stream, peer) => {
    peer.end("bye");
    assertEquals(await stream.receiveSome(), encode("bye"));
    assertEquals(await stream.receiveSome(), null);
    peer.resetAndDestroy();
    assertInstanceOf(await sendUntilBroken(stream), BrokenResourceError);
    // The end came before the connection broke: it stays an end.
    assertEquals(await stream.receiveSome(), null);
  }));

Deno.test("closing a stream that was reset is harmless, in every state", async () => {
  const states: ((stream: SocketStream) => Promise<unknown>)[] = [
    () => sleep(5),
    (stream) => moveOnAfter(1, () => stream.receiveSome()),
    (stream) => moveOnAfter(1, () => stream.sendAll(new Uint8Array(TOO_MUCH))),
    (stream) => stream.sendEof(),
  ];
  for (const reach of states) {
    await withSocket(async (stream, peer) => {
      await reach(stream);
      peer.resetAndDestroy();
      stream.close();
      await assertRejects(() => stream.receiveSome(), ClosedResourceError, "Cannot receive as the stream is closed");
    });
    await withSocket(async (stream, peer) => {
      await reach(stream);
      peer.resetAndDestroy();
      await sleep(5);
      stream.close();
    });
  }
});

Deno.test("half-close both ways: each direction ends on its own, in either order", async () => {
  await withSocket(async (stream, peer) => {
    await stream.sendEof();
    const ended = new Promise((resolve) => peer.on("end", resolve));
    peer.resume();
    await ended;
    for (const text of ["still", "here"]) {
      peer.write(text);
      assertEquals(await stream.receiveSome(), encode(text));
    }
    peer.end();
    assertEquals([await stream.receiveSome(), await stream.receiveSome()], [null, null]);
  });
  await withSocket(async (stream, peer) => {
    peer.end("question");
    assertEquals(await stream.receiveSome(), encode("question"));
    assertEquals(await stream.receiveSome(), null);
    let answer = "";
    peer.on("data", (data) => answer += data);
    const ended = new Promise((resolve) => peer.on("end", resolve));
    peer.resume();
    for (let line = 0; line < 100; line++) await stream.sendAll(encode("answer\n"));
    await stream.sendEof();
    await ended;
    assertEquals(answer, "answer\n".repeat(100));
  });
});

Deno.test("a peer that never reads holds up the sender, in bounded memory, and reading on loses nothing", () =>
  withSocket(async (stream, peer) => {
    const chunk = new Uint8Array(1 << 20);
    let sent = 0;
    const before = Deno.memoryUsage();
    await moveOnAfter(100, async () => {
      while (true) {
        await stream.sendAll(chunk);
        sent += chunk.length;
      }
    });
    const after = Deno.memoryUsage();
    // What the sockets hold is the kernel's (up to 10 MB on Linux); nothing is kept beside it.
    assert(sent < TOO_MUCH, `${sent} bytes were taken`);
    assert(after.external - before.external < 8 << 20, `${after.external - before.external} bytes more are held`);
    // The cancelled send left a part behind it, and the next one does not overtake it.
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await stream.sendAll(encode("end"));
        await stream.sendEof();
      });
      let got = 0;
      let last = "";
      peer.on("data", (data) => {
        got += data.length;
        last = data.subarray(-3).toString();
      });
      const ended = new Promise((resolve) => peer.on("end", resolve));
      peer.resume();
      await ended;
      assertEquals(last, "end");
      assert(got >= sent + 3);
    });
  }));

Deno.test("slowloris: clients that send a byte at a time are turned away by handlerTimeout, and others served", async () => {
  const failed: unknown[] = [];
  const allGone = new Event();
  /** Answers a line, however long it takes to come. */
  async function handler(stream: SocketStream): Promise<void> {
    let text = "";
    while (!text.endsWith("\n")) {
      const chunk = await stream.receiveSome(100);
      if (chunk === null) return;
      text += new TextDecoder().decode(chunk);
    }
    await stream.sendAll(encode(text));
  }
  const server = await withServer(handler, {
    handlerTimeout: 100,
    onHandlerError(error) {
      failed.push(error);
      if (failed.length === 20) allGone.set();
    },
  }, async (port, nursery) => {
    for (let client = 0; client < 20; client++) {
      nursery.startSoon(async () => {
        using stream = await openTcpStream("127.0.0.1", port);
        await openNursery(async (both) => {
          both.startSoon(async () => {
            while (true) {
              await stream.sendAll(encode("x"));
              await sleep(5);
            }
          }, { daemon: true });
          assertEquals(await stream.receiveSome().catch(() => null), null);
        }).catch((error) => {
          // The sender may have found out first.
          if (!isErrorGroup(error) || error.find(BrokenResourceError) === undefined) throw error;
        });
      });
    }
    while (!allGone.isSet) {
      using honest = await openTcpStream("127.0.0.1", port);
      await honest.sendAll(encode("hello\n"));
      assertEquals(await honest.receiveSome(), encode("hello\n"));
      await sleep(10);
    }
  });
  assert(failed.every((error) => error instanceof TooSlowError));
  assertEquals(failed.length, 20);
  assertEquals(server.statistics().open, 0);
});

Deno.test("with maxConnections taken by clients that do nothing, handlerTimeout makes room for others", () =>
  withServer(echo, { maxConnections: 3, handlerTimeout: 30, onHandlerError: () => {} }, async (port) => {
    const idle = await Promise.all(Array.from({ length: 9 }, () => openTcpStream("127.0.0.1", port)));
    using honest = await openTcpStream("127.0.0.1", port);
    await honest.sendAll(encode("x"));
    assertEquals(await honest.receiveSome(), encode("x"));
    for (const stream of idle) stream.close();
  }).then(() => {}));

Deno.test("a server goes on after clients that reset their connections, at once or in the middle", async () => {
  const errors: unknown[] = [];
  const server = await withServer(echo, { onHandlerError: (error) => void errors.push(error) }, async (port) => {
    for (let round = 0; round < 50; round++) {
      const client = createConnection({ host: "127.0.0.1", port });
      const gone = new Promise((resolve) => client.on("close", resolve));
      client.on("error", () => {});
      await new Promise<void>((resolve) => client.on("connect", () => resolve()));
      if (round % 2 === 0) await new Promise<void>((resolve) => client.write("x".repeat(50_000), () => resolve()));
      client.resetAndDestroy();
      await gone;
    }
    using stream = await openTcpStream("127.0.0.1", port);
    await stream.sendAll(encode("still here"));
    assertEquals(await stream.receiveSome(), encode("still here"));
  });
  assertEquals(server.statistics(), { open: 0, accepted: 51 });
  assert(errors.every((error) => error instanceof BrokenResourceError), String(errors));
});

Deno.test("a listener that is closed during accept, by another task or as a client connects, wakes it", async () => {
  for (let round = 0; round < 100; round++) {
    const [listener] = await openTcpListeners(0, HERE);
    await openNursery(async (nursery) => {
      const accepting = nursery.startSoon(() => listener.accept().catch((error) => error));
      const connecting = round % 2 === 0 ? null : nursery.startSoon(async () => {
        const stream = await openTcpStream("127.0.0.1", listener.address.port).catch(() => null);
        stream?.close();
      });
      for (let turn = 1 + round % 7; turn > 0; turn--) await sleep(0);
      listener.close();
      const result = await accepting.join();
      if (result instanceof ClosedResourceError) {
        assertEquals(result.message, "Cannot accept as the listener was closed meanwhile");
      } else {
        assert(connecting !== null, String(result));
        (result as SocketStream).close();
      }
    });
  }
});

/** Sends what is no TLS, and waits until the server has had enough. */
async function sendGarbage(port: number, bytes: Uint8Array): Promise<void> {
  using client = await openTcpStream("127.0.0.1", port);
  try {
    await client.sendAll(bytes);
    await client.sendEof();
    while (await client.receiveSome() !== null);
  } catch (error) {
    if (!(error instanceof BrokenResourceError)) throw error;
  }
}

Deno.test({
  name: "garbage on a TLS port is turned away, whatever it is, and the server goes on",
  ignore: certificates === null,
  async fn() {
    const turnedAway: unknown[] = [];
    const random = Uint8Array.from({ length: 5_000 }, (_, index) => (index * 7919) >> 3);
    const kinds = [
      encode("GET / HTTP/1.1\r\n\r\n"),
      new Uint8Array(0),
      random,
      new Uint8Array(100_000),
      // The head of a handshake of 16 KiB that does not come.
      new Uint8Array([0x16, 3, 1, 0x40, 0, 1]),
      // An alert; application data before any handshake.
      new Uint8Array([0x15, 3, 3, 0, 2, 2, 40]),
      new Uint8Array([0x17, 3, 3, 0, 1, 0]),
    ];
    await openNursery(async (nursery) => {
      const [address] = await nursery.start(tlsServer(echo, {
        ...HERE,
        port: 0,
        cert,
        key,
        onHandshakeError: (error) => void turnedAway.push(error),
      }));
      const { port } = address!;
      for (const bytes of kinds) await sendGarbage(port, bytes);
      using stream = await openTlsStream("127.0.0.1", port, { caCerts: [ca] });
      await stream.sendAll(encode("still here"));
      assertEquals(await stream.receiveSome(), encode("still here"));
      nursery.cancel();
    });
    assertEquals(turnedAway.map((error) => (error as Error).name), kinds.map(() => "BrokenResourceError"));
  },
});

Deno.test({
  name: "slowloris on a TLS port: a handshake that comes a byte at a time is ended by handshakeTimeout",
  ignore: certificates === null,
  async fn() {
    const turnedAway: unknown[] = [];
    const heard = new Event();
    await openNursery(async (nursery) => {
      const [address] = await nursery.start(tlsServer(echo, {
        ...HERE,
        port: 0,
        cert,
        key,
        handshakeTimeout: 50,
        onHandshakeError(error) {
          turnedAway.push(error);
          heard.set();
        },
      }));
      using slow = await openTcpStream("127.0.0.1", address.port);
      nursery.startSoon(async () => {
        for (const byte of [0x16, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]) {
          await slow.sendAll(new Uint8Array([byte]));
          await sleep(10);
        }
      }, { daemon: true });
      await heard.wait();
      assertInstanceOf(turnedAway[0], TooSlowError);
      nursery.cancel();
    });
  },
});

Deno.test("what somebody else closes of the host's is ClosedResourceError, for who waits and ever after", async () => {
  const host = Deno.listen({ ...HERE, port: 0 });
  const listener = new SocketListener(host as unknown as NetworkListener);
  const conn = await Deno.connect({ ...HERE, port: listener.address.port });
  using _peer = await listener.accept();
  const stream = new SocketStream(conn as unknown as NetworkConn);
  await openNursery(async (nursery) => {
    const waiting = [
      () => listener.accept(),
      () => stream.receiveSome(),
      () => stream.sendAll(new Uint8Array(TOO_MUCH)),
    ].map((wait) => nursery.startSoon(() => wait().catch((error) => error)));
    await sleep(20);
    host.close();
    conn.close();
    for (const task of waiting) assertInstanceOf(await task.join(), ClosedResourceError);
  });
  for (let round = 0; round < 2; round++) {
    await assertRejects(() => listener.accept(), ClosedResourceError, "somebody else has closed the socket");
    await assertRejects(() => stream.receiveSome(), ClosedResourceError, "somebody else has closed the socket");
    await assertRejects(() => stream.sendAll(encode("x")), ClosedResourceError, "somebody else has closed the socket");
    await assertRejects(() => stream.sendEof(), ClosedResourceError, "somebody else has closed the socket");
  }
  listener.close();
  stream.close();
});

Deno.test("close() wakes who waits, also when somebody else has closed the socket a moment before", async () => {
  const host = Deno.listen({ ...HERE, port: 0 });
  const listener = new SocketListener(host as unknown as NetworkListener);
  await openNursery(async (nursery) => {
    const accepting = nursery.startSoon(() => listener.accept().catch((error) => error));
    await sleep(0);
    host.close();
    listener.close();
    listener[Symbol.dispose]();
    assertInstanceOf(await accepting.join(), ClosedResourceError);
  });
});
