import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  BrokenResourceError,
  CancelScope,
  checkpoint,
  currentTask,
  EndOfChannel,
  type ErrorGroup,
  Event,
  moveOnAfter,
  openNursery,
  shielded,
  sleep,
  sleepForever,
  type TcpAddress,
  untilShutdown,
} from "../../core/mod.ts";
import { hostOperation } from "../../core/lowlevel.ts";
import { simulated } from "../../testing/mod.ts";
import {
  BufferedStream,
  closeForcefully,
  fetch,
  httpServer,
  openTcpStream,
  openWebSocket,
  type ServeHttpOptions,
  type Server,
  tcpServer,
  upgradeWebSocket,
  type UpgradeWebSocketOptions,
  type WebSocketChannel,
} from "../mod.ts";
import { makeCertificates } from "../_fixtures/make_certificates.ts";
import { denoHttp } from "../host/deno_http.ts";
import { Channel } from "./_web_socket_channel.ts";

// Peers that write their frames by hand, and hosts that do as they are told.

const HERE = { hostname: "127.0.0.1", port: 0 };
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A frame of a server, as RFC 6455, section 5.2, has it; `claimed` is the length that its header says. */
function frame(opcode: number, payload: Uint8Array | string = "", { fin = true, claimed = -1 } = {}): Uint8Array {
  const bytes = typeof payload === "string" ? encode(payload) : payload;
  const length = claimed === -1 ? bytes.length : claimed;
  const header = new DataView(new ArrayBuffer(length < 126 ? 2 : 10));
  header.setUint8(0, (fin ? 0x80 : 0) | opcode);
  header.setUint8(1, length < 126 ? length : 127);
  if (header.byteLength > 2) header.setBigUint64(2, BigInt(length));
  return Uint8Array.of(...new Uint8Array(header.buffer), ...bytes);
}

/** The same of a client: masked, with zeros. */
function masked(bytes: Uint8Array): Uint8Array {
  const header = bytes[1] === 127 ? 10 : 2;
  const whole = Uint8Array.of(...bytes.subarray(0, header), 0, 0, 0, 0, ...bytes.subarray(header));
  whole[1]! |= 0x80;
  return whole;
}

/** The bytes of a close frame. */
const closing = (code: number, reason = ""): Uint8Array => Uint8Array.of(code >> 8, code & 255, ...encode(reason));

/** One end of a connection that was upgraded. */
class Peer {
  constructor(
    readonly role: "client" | "server",
    readonly head: string,
    readonly stream: BufferedStream,
  ) {}

  send(...frames: Uint8Array[]): Promise<void> {
    return this.stream.sendAll(
      Uint8Array.from(frames.flatMap((bytes) => [...(this.role === "client" ? masked(bytes) : bytes)])),
    );
  }

  async receive(): Promise<{ opcode: number; payload: Uint8Array }> {
    const [first, second] = await this.stream.receiveExactly(2);
    let length = second! & 127;
    if (length === 126) length = await this.stream.receiveUint16();
    else if (length === 127) length = Number(await this.stream.receiveUint64());
    const mask = second! >= 128 ? await this.stream.receiveExactly(4) : new Uint8Array(4);
    const payload = (await this.stream.receiveExactly(length)).map((byte, n) => byte ^ mask[n % 4]!);
    return { opcode: first! & 15, payload };
  }
}

/** Runs a server of conversations beside a test. */
async function withServer(
  converse: (socket: WebSocketChannel) => unknown,
  test: (port: number, server: Server<TcpAddress>) => Promise<void>,
  options: UpgradeWebSocketOptions = {},
  more: Partial<ServeHttpOptions> = {},
): Promise<void> {
  const server = httpServer((request) => upgradeWebSocket(request, converse, options), { ...HERE, ...more });
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(server);
    await test(address.port, server);
    nursery.cancel();
  });
}

/** Connects to a server, and asks for an upgrade. */
async function withClient(port: number, body: (peer: Peer) => Promise<void>, extra: string[] = []): Promise<void> {
  using tcp = await openTcpStream("127.0.0.1", port);
  const stream = new BufferedStream(tcp);
  const lines = [
    "GET / HTTP/1.1",
    "Host: here",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    ...extra,
  ];
  await stream.sendAll(encode(lines.join("\r\n") + "\r\n\r\n"));
  const head = decode(await stream.receiveUntil("\r\n\r\n")) + "\r\n";
  assert(head.startsWith("HTTP/1.1 101 "), head);
  await body(new Peer("client", head, stream));
}

/** Runs a server of one raw peer per connection beside a test. */
async function withRawServer(
  serve: (peer: Peer) => Promise<void>,
  test: (url: string) => Promise<void>,
  extra: string[] = [],
): Promise<void> {
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(tcpServer(async (tcp) => {
      const stream = new BufferedStream(tcp);
      const head = decode(await stream.receiveUntil("\r\n\r\n")) + "\r\n";
      const key = /sec-websocket-key: (.*)\r/i.exec(head)![1];
      const text = encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
      const digest = new Uint8Array(await hostOperation("sha-1", crypto.subtle.digest("SHA-1", text)));
      const lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        `Sec-WebSocket-Accept: ${btoa(String.fromCharCode(...digest))}`,
        ...extra,
      ];
      await stream.sendAll(encode(lines.join("\r\n") + "\r\n\r\n"));
      await serve(new Peer("server", head, stream));
    }, { ...HERE }));
    await test(`ws://127.0.0.1:${(address as { port: number }).port}/`);
    nursery.cancel();
  });
}

/** A host's socket that does what a test says. */
class FakeSocket {
  readyState: number = WebSocket.OPEN;
  bufferedAmount = 0;
  protocol = "";
  binaryType = "";
  onopen: () => void = () => {};
  onmessage: (event: { data: string }) => void = () => {};
  onerror: (event: unknown) => void = () => {};
  onclose: (event: unknown) => void = () => {};
  sent: unknown[] = [];
  closed: [number, string][] = [];

  send(message: unknown): void {
    if (message instanceof Uint8Array && message.buffer instanceof SharedArrayBuffer) throw new TypeError("shared");
    this.sent.push(message);
  }

  close(code: number, reason: string): void {
    this.readyState = WebSocket.CLOSING;
    this.closed.push([code, reason]);
  }

  channel(role: "client" | "server" = "client"): Channel {
    return new Channel(denoHttp, this as unknown as WebSocket, {}, role);
  }

  end(code: number): void {
    this.readyState = WebSocket.CLOSED;
    this.onclose({ code, reason: "", wasClean: true });
  }
}

Deno.test(
  "a message goes to a receive() that is cancelled after it, and past one that is cancelled before it",
  simulated(async () => {
    const socket = new FakeSocket();
    const channel = socket.channel();
    for (const late of [true, false]) {
      const outcome = await moveOnAfter(Infinity, async (scope) => {
        const receiving = channel.receive();
        if (!late) scope.cancel();
        socket.onmessage({ data: "one" });
        if (late) scope.cancel();
        return await receiving;
      });
      assertEquals(outcome.cancelledCaught, !late);
      if (!outcome.cancelledCaught) assertEquals(outcome.value, "one");
    }
    assertEquals(await channel.receive(), "one");
  }),
);

Deno.test(
  "messages are received in the order in which they came, however the two alternate",
  simulated(async () => {
    const socket = new FakeSocket();
    const channel = socket.channel();
    let put = 0;
    let got = 0;
    for (const [puts, gets] of [[3, 1], [2, 3], [0, 1], [1, 1], [50_000, 20_000], [10, 30_010]] as const) {
      for (let n = 0; n < puts; n++) socket.onmessage({ data: `${put++}` });
      for (let n = 0; n < gets; n++) assertEquals(await channel.receive(), `${got++}`);
    }
    assertEquals(got, put);
    // All that was kept is given back to the budget: otherwise this would be too much.
    const big = "x".repeat(8_388_000);
    socket.onmessage({ data: big });
    assertEquals((await channel.receive() as string).length, big.length);
  }),
);

Deno.test(
  "several receivers take turns, and a loop ends with the channel where receive() throws",
  simulated(async () => {
    const socket = new FakeSocket();
    const channel = socket.channel();
    const loop = channel[Symbol.asyncIterator]();
    await openNursery(async (nursery) => {
      const first = nursery.startSoon(() => channel.receive());
      const second = nursery.startSoon(() => loop.next());
      const third = nursery.startSoon(() => assertRejects(() => channel.receive(), EndOfChannel));
      const fourth = nursery.startSoon(() => loop.next());
      nursery.startSoon(() => {
        socket.onmessage({ data: "1" });
        socket.onmessage({ data: "2" });
        socket.end(1000);
      });
      assertEquals(await first.join(), "1");
      assertEquals(await second.join(), { done: false, value: "2" });
      await third.join();
      assertEquals(await fourth.join(), { done: true, value: undefined });
    });
  }),
);

Deno.test(
  "send() never counts as sent what a host drops that is closing",
  simulated(async () => {
    const socket = new FakeSocket();
    const channel = socket.channel();
    socket.bufferedAmount = 1 << 20;
    const sending = channel.send("dropped");
    // The peer has closed, and does not take the answer: Deno says nothing yet, and that nothing is left to be sent.
    socket.readyState = WebSocket.CLOSED;
    socket.bufferedAmount = 0;
    await assertRejects(() => sending, BrokenResourceError, "Cannot send as the peer has closed the WebSocket");
    assertEquals(socket.sent, []);
  }),
);

Deno.test(
  "a message that the host refuses fails its own send() and no other",
  simulated(async () => {
    const socket = new FakeSocket();
    const channel = socket.channel();
    socket.bufferedAmount = 1 << 20;
    const sends = [new Uint8Array(new SharedArrayBuffer(1)), "next"].map((message) => channel.send(message));
    socket.bufferedAmount = 0;
    await assertRejects(() => sends[0]!, TypeError, "shared");
    await sends[1];
    assertEquals(socket.sent, ["next"]);
  }),
);

Deno.test(
  "a socket that the host never opens is given up, and one that it opens too late is closed",
  simulated(async () => {
    const socket = new FakeSocket();
    socket.readyState = WebSocket.CONNECTING;
    const channel = socket.channel("server");
    const error = await channel.opened("upgrade", 1).catch((error) => error);
    assertInstanceOf(error, BrokenResourceError);
    assertEquals(error.message, "Cannot upgrade as the handshake was not completed: the connection was lost");
    await channel.close({ code: 1001 });
    socket.onopen();
    assertEquals(socket.closed, [[1001, ""], [1001, ""]]);
  }),
);

Deno.test(
  "an upgrade that fails in the host is over, although no close event follows",
  simulated(async () => {
    const socket = new FakeSocket();
    socket.readyState = WebSocket.CONNECTING;
    const channel = socket.channel("server");
    const opening = channel.opened("upgrade");
    const cause = new Error("hung up");
    socket.onerror({ message: "", error: cause });
    const error = await opening.catch((error) => error);
    assertEquals(error.message, "Cannot upgrade as the handshake was not completed: hung up");
    assertEquals(error.cause, cause);
    await channel.close();
  }),
);

Deno.test("a request that is cancelled before its upgrade gets no WebSocket", () =>
  openNursery(async (nursery) => {
    let conversations = 0;
    const [address] = await nursery.start(httpServer((request) => {
      const task = currentTask();
      queueMicrotask(() => task.cancel());
      return upgradeWebSocket(request, () => void conversations++);
    }, { ...HERE }));
    await assertRejects(
      () => openWebSocket(`ws://127.0.0.1:${(address as { port: number }).port}/`),
      BrokenResourceError,
      "503",
    );
    assertEquals(conversations, 0);
    nursery.cancel();
  }));

Deno.test("a subprotocol is found however the client lists it, and both ends know it", async () => {
  for (const list of ["v1,v2", "v1, v2", "v2", "v1 ,\tv2"]) {
    await withServer((socket) => socket.send(socket.protocol), (port) =>
      withClient(port, async (peer) => {
        assert(/\r\nsec-websocket-protocol: v2\r\n/i.test(peer.head), peer.head);
        assertEquals(await peer.receive(), { opcode: TEXT, payload: encode("v2") });
      }, [`Sec-WebSocket-Protocol: ${list}`]), { protocol: "v2" });
  }
});

Deno.test("a client refuses a subprotocol that it did not offer", () =>
  withRawServer(async (peer) => {
    assertEquals((await peer.receive()).opcode, CLOSE);
  }, async (url) => {
    const error = await openWebSocket(url, { protocols: ["v1"] }).catch((error) => error);
    assertInstanceOf(error, BrokenResourceError);
    assertEquals(
      error.message,
      `Cannot open a WebSocket to ${url} as the server must choose one of the subprotocols on offer: received "v2"`,
    );
  }, ["Sec-WebSocket-Protocol: v2"]));

Deno.test("a request that cannot be upgraded is answered with the reason, and the server goes on", () =>
  withServer((socket) => socket.send("hello"), async (port) => {
    const url = `http://127.0.0.1:${port}/`;
    const response = await fetch(url);
    assertEquals([response.status, response.headers.get("sec-websocket-version")], [426, "13"]);
    assertEquals(
      await response.text(),
      'Cannot upgrade to a WebSocket as the header "upgrade" must contain "websocket": received undefined',
    );
    // What looks like a blank is none.
    for (const word of ["websocket\u00a0", "websocket\u0085", "websockets", "websocket;"]) {
      using stream = await openTcpStream("127.0.0.1", port);
      const request =
        `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: ${word}\r\nConnection: upgrade\r\nSec-WebSocket-Key: a\r\n\r\n`;
      await stream.sendAll(Uint8Array.from(request, (char) => char.charCodeAt(0)));
      assert(decode((await stream.receiveSome())!).startsWith("HTTP/1.1 426 "));
    }
    const refused = await openWebSocket(`ws://127.0.0.1:${port}/`, { protocols: ["v1"] }).catch((error) => error);
    assertInstanceOf(refused, BrokenResourceError);
    assert(refused.message.endsWith("Invalid status code: 400"), refused.message);
    assertInstanceOf(refused.cause, Error);
  }, { protocol: "v2" }));

Deno.test("frames of every kind: what is a message, what is the end, and what breaks the socket", async () => {
  const rows: [string, Uint8Array[], string][] = [
    ["text", [frame(TEXT, "hi")], "hi"],
    ["bytes", [frame(BINARY, Uint8Array.of(1, 2))], "1,2"],
    ["empty", [frame(TEXT)], ""],
    ["fragments", [frame(TEXT, "a", { fin: false }), frame(PING), frame(0, "b", { fin: false }), frame(0)], "ab"],
    ["a character across fragments", [
      frame(TEXT, Uint8Array.of(0xc3), { fin: false }),
      frame(0, Uint8Array.of(0xbc)),
    ], "ü"],
    ["invalid UTF-8", [frame(TEXT, Uint8Array.of(0xff))], "broken"],
    ["a continuation of nothing", [frame(0, "a")], "broken"],
    ["a message in a message", [frame(TEXT, "a", { fin: false }), frame(TEXT)], "broken"],
    ["an unknown kind", [frame(3)], "broken"],
    ["a ping that is too long", [frame(PING, new Uint8Array(126))], "broken"],
    ["more than the host takes", [frame(BINARY, "", { claimed: 64 << 20 })], "broken"],
    ["far more than that", [frame(BINARY, "", { claimed: 2 ** 40 })], "broken"],
    ["a close", [frame(CLOSE, closing(4321, "bye"))], "end: 4321 bye"],
    ["a close without a code", [frame(CLOSE)], "end: 1005 "],
    ["a close with half a code", [frame(CLOSE, Uint8Array.of(3))], "broken"],
    ["a close with a code of no frame", [frame(CLOSE, closing(1006))], "broken"],
    ["a close whose reason is no UTF-8", [frame(CLOSE, Uint8Array.of(3, 232, 255))], "broken"],
  ];
  for (const [name, frames, expected] of rows) {
    const found: string[] = [];
    const told = new Event();
    await withServer(async (socket) => {
      try {
        found.push(String(await socket.receive()));
      } catch (error) {
        if (error instanceof EndOfChannel) found.push(`end: ${socket.end!.code} ${socket.end!.reason}`);
        else {
          assertInstanceOf(error, BrokenResourceError);
          assertInstanceOf(error.cause, Error);
          assertEquals(socket.end, null);
          assertEquals(error.message, `Cannot receive as the WebSocket broke: ${error.cause.message}`);
          found.push("broken");
        }
      }
      told.set();
    }, (port) =>
      withClient(port, async (peer) => {
        await peer.send(...frames);
        await told.wait();
      }));
    assertEquals(found, [expected], name);
  }
});

Deno.test("a client that is silent is asked for a sign of life, and cut off; without a limit it is left alone", async () => {
  const errors: unknown[] = [];
  await withServer(
    (socket) => socket.receive().catch((error) => errors.push(error)),
    (port) =>
      withClient(port, async (peer) => {
        assertEquals((await peer.receive()).opcode, PING);
        await peer.send(frame(PONG));
        assertEquals((await peer.receive()).opcode, PING);
        assertEquals((await peer.receive()).opcode, CLOSE);
        assertEquals(await peer.stream.receiveSome(), null);
      }),
    { idleTimeout: 40 },
  );
  assertEquals(errors.map(String), [
    "BrokenResourceError: Cannot receive as the WebSocket broke: No response from ping frame.",
  ]);
  await withServer(async (socket) => {
    for await (const message of socket) await socket.send(message);
  }, (port) =>
    withClient(port, async (peer) => {
      await peer.send(frame(TEXT, "first"));
      assertEquals(await peer.receive(), { opcode: TEXT, payload: encode("first") });
    }), { idleTimeout: Infinity });
});

Deno.test("a cancelled send() leaves nothing behind: the peer gets all that was sent before, and nothing of it", async () => {
  const blocked = new Event();
  const over = new Event();
  let sent = 0;
  let received = 0;
  await withRawServer(async (peer) => {
    await blocked.wait();
    while (true) {
      const { opcode, payload } = await peer.receive();
      if (opcode === CLOSE) break;
      assertEquals([payload.length, payload[0]], [1 << 20, 0]);
      received++;
    }
    await peer.send(frame(CLOSE, closing(1000)));
    over.set();
  }, async (url) => {
    const socket = await openWebSocket(url);
    while (true) {
      // The host says at once whether it holds too much: a wait is one for the peer.
      const before = moveOnAfter(200, () => socket.send(new Uint8Array(1 << 20)));
      if ((await before).cancelledCaught) break;
      assert(++sent < 64, "send() never waits");
    }
    const outcome = await moveOnAfter(0, () => socket.send(new Uint8Array(1 << 20).fill(1)));
    assert(outcome.cancelledCaught);
    blocked.set();
    await socket.close({ timeout: 10_000 });
    await over.wait();
  });
  assertEquals(received, sent);
});

Deno.test("both ends may close at the same time", () =>
  withRawServer(async (peer) => {
    await peer.receive();
    // As if it had been on its way.
    await peer.send(frame(CLOSE, closing(4001, "me first")));
  }, async (url) => {
    const socket = await openWebSocket(url);
    await socket.close({ code: 4002, timeout: 10_000 });
    assertEquals(socket.end, null);
  }));

Deno.test("leaving a loop leaves the socket open", () =>
  withRawServer((peer) => peer.send(...["1", "2", "3"].map((text) => frame(TEXT, text))), async (url) => {
    await using socket = await openWebSocket(url);
    for await (const message of socket) {
      if (message === "2") break;
    }
    assertEquals(await socket.receive(), "3");
  }));

Deno.test("a shutdown of the server leaves conversations their grace, then closes their sockets", async () => {
  const scope = new CancelScope();
  const seen: unknown[] = [];
  await scope.run(() =>
    openNursery(async (nursery) => {
      const [address] = await nursery.start(httpServer((request) =>
        upgradeWebSocket(request, async (socket) => {
          const idle = await untilShutdown(() => socket.receive());
          seen.push(idle.cancelledCaught);
          await socket.send("going down");
          seen.push(await socket.receive());
          nursery.startSoon(() => scope.cancel());
          await sleepForever();
        }), { ...HERE }));
      await using socket = await openWebSocket(`ws://127.0.0.1:${(address as { port: number }).port}/`);
      await checkpoint();
      scope.shutdown({ grace: 60_000 });
      assertEquals(await socket.receive(), "going down");
      await socket.send("last words");
      await shielded(() => assertRejects(() => socket.receive(), EndOfChannel));
      seen.push(socket.end);
    })
  );
  assertEquals(seen, [true, "last words", { code: 1001, reason: "" }]);
});

Deno.test("a loop over the messages ends with the error if the connection breaks: that is no end", () =>
  withRawServer(
    (peer) => peer.send(frame(TEXT, "one")),
    async (url) => {
      await using socket = await openWebSocket(url);
      const got: unknown[] = [];
      await assertRejects(async () => {
        for await (const message of socket) got.push(message);
      }, BrokenResourceError);
      assertEquals([got, socket.end], [["one"], null]);
    },
  ));

Deno.test("a client cuts off a server that sends more than it keeps, with a code that a client may use", () =>
  withRawServer(
    async (peer) => {
      for (let n = 0; n < 3; n++) await peer.send(frame(BINARY, new Uint8Array(100)));
      const { opcode, payload } = await peer.receive();
      assertEquals([opcode, payload.slice(0, 2)], [CLOSE, closing(4009)]);
      await peer.send(frame(CLOSE, payload.slice(0, 2)));
    },
    async (url) => {
      await using socket = await openWebSocket(url, { maxBuffered: 200 });
      while (socket.end === null) {
        const outcome = await socket.send("").then(() => checkpoint(), (error) => error);
        if (outcome instanceof BrokenResourceError) break;
      }
      assertEquals((await socket.receive()).length, 100);
      await assertRejects(() => socket.receive(), BrokenResourceError, "more than the 200 bytes");
    },
  ));

Deno.test("a request that is under way when a shutdown begins may still become a conversation", async () => {
  const scope = new CancelScope();
  const asked = new Event();
  const go = new Event();
  await openNursery(async (nursery) => {
    const server = httpServer(async (request) => {
      asked.set();
      await go.wait();
      return upgradeWebSocket(request, (socket) => socket.send("hello"));
    }, HERE);
    const [address] = await nursery.start<readonly [TcpAddress]>((status) => scope.run(() => server(status)));
    nursery.startSoon(async () => {
      await asked.wait();
      scope.shutdown({ grace: 60_000 });
      // The server is told of it, and has asked the host by then for what it may ask.
      for (let turn = 0; turn < 10; turn++) await checkpoint();
      go.set();
    });
    await using socket = await openWebSocket(`ws://127.0.0.1:${address.port}/`);
    assertEquals(await Array.fromAsync(socket), ["hello"]);
    assertEquals(socket.end, { code: 1000, reason: "" });
  });
});

Deno.test("a client that leaves ends its conversation, and neither fails the server nor is told as an error", async () => {
  const errors: unknown[] = [];
  const kinds: Record<string, (socket: WebSocketChannel) => unknown> = {
    "by receive()": async (socket) => {
      while (true) await socket.receive();
    },
    "by send()": async (socket) => {
      while (true) await socket.send(new Uint8Array(10_000));
    },
    "in a nursery": (socket) =>
      openNursery((nursery) => {
        nursery.startSoon(() => socket.receive());
        nursery.startSoon(() => sleepForever());
      }),
    "with an error of its own": (socket) =>
      openNursery((nursery) => {
        nursery.startSoon(() => socket.receive());
        nursery.startSoon(() => sleepForever().finally(() => Promise.reject(new RangeError("own"))));
      }),
  };
  for (const [kind, converse] of Object.entries(kinds)) {
    for (const vanishes of [false, true]) {
      await withServer(
        converse,
        (port, { statistics }) =>
          withClient(port, async (peer) => {
            if (vanishes) await closeForcefully(peer.stream);
            else await peer.send(frame(CLOSE, closing(1000)));
            while (statistics().open > 0) await sleep(1);
          }),
        {},
        { onHandlerError: (error) => void errors.push(error) },
      );
      if (kind !== "with an error of its own") assertEquals(errors, [], kind);
    }
  }
  for (const error of errors) assertEquals((error as ErrorGroup).flatten().map(String), ["RangeError: own"]);
  assertEquals(errors.length, 2);
});

const certificates = await makeCertificates();

Deno.test({
  name: "wss: trusts the authorities it is given, and no others",
  ignore: certificates === null,
  fn: () =>
    withServer(
      (socket) => socket.send("safe"),
      async (port) => {
        const url = `wss://127.0.0.1:${port}/`;
        const { ca, otherKey } = certificates!;
        await using socket = await openWebSocket(url, { caCerts: [ca] });
        assertEquals(await socket.receive(), "safe");
        const error = await openWebSocket(url).catch((error) => error);
        assertInstanceOf(error, BrokenResourceError);
        assert(error.message.endsWith("invalid peer certificate: UnknownIssuer"), error.message);
        await assertRejects(
          () => openWebSocket(url, { caCerts: [otherKey] }),
          RangeError,
          'Cannot open a WebSocket as "caCerts" must be text in PEM',
        );
      },
      {},
      { cert: certificates!.cert, key: certificates!.key },
    ),
});
