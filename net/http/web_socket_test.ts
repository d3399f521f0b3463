import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  BrokenResourceError,
  type Cancelled,
  ClosedResourceError,
  EndOfChannel,
  Event,
  isCancelled,
  moveOnAfter,
  type Nursery,
  openMemoryChannel,
  openNursery,
  select,
  sleep,
  sleepForever,
} from "../../core/mod.ts";
import { hostOperation } from "../../core/lowlevel.ts";

import {
  httpServer,
  openTcpStream,
  openWebSocket,
  type ServeHttpOptions,
  tcpServer,
  upgradeWebSocket,
  type UpgradeWebSocketOptions,
  type WebSocketChannel,
} from "../mod.ts";

const HERE = { hostname: "127.0.0.1", port: 0 };

/** Runs a server of conversations beside a test. */
async function withServer(
  converse: (socket: WebSocketChannel) => unknown,
  test: (url: string, nursery: Nursery) => Promise<void>,
  options: UpgradeWebSocketOptions = {},
  more: Partial<ServeHttpOptions> = {},
): Promise<void> {
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(
      httpServer((request) => upgradeWebSocket(request, converse, options), { ...HERE, ...more }),
    );
    await test(`ws://127.0.0.1:${address.port}/`, nursery);
    nursery.cancel();
  });
}

const echo = async (socket: WebSocketChannel): Promise<void> => {
  for await (const message of socket) await socket.send(message);
};

Deno.test("text and bytes arrive as they were sent, in order, both ways", () =>
  withServer(echo, async (url) => {
    await using socket = await openWebSocket(url);
    const messages = ["", "hello", new Uint8Array(0), new Uint8Array([1, 2, 3]), "ü".repeat(70_000)];
    for (const message of messages) await socket.send(message);
    for (const message of messages) assertEquals(await socket.receive(), message);
  }));

Deno.test("1,000 messages on each of 20 sockets at the same time", () =>
  withServer(echo, async (url) => {
    await openNursery((nursery) => {
      for (let n = 0; n < 20; n++) {
        nursery.startSoon(async () => {
          await using socket = await openWebSocket(url);
          await openNursery((inner) => {
            inner.startSoon(async () => {
              for (let i = 0; i < 1_000; i++) await socket.send(`${n} ${i}`);
            });
            inner.startSoon(async () => {
              for (let i = 0; i < 1_000; i++) assertEquals(await socket.receive(), `${n} ${i}`);
            });
          });
        });
      }
    });
  }));

Deno.test("the subprotocol is agreed on", () =>
  withServer(echo, async (url) => {
    await using socket = await openWebSocket(url, { protocols: ["v1", "v2"] });
    assertEquals(socket.protocol, "v2");
  }, { protocol: "v2" }));

Deno.test("headers of the client reach the handler", async () => {
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(httpServer((request) => {
      const name = request.headers.get("x-name");
      return upgradeWebSocket(request, (socket) => socket.send(`${name}`));
    }, { ...HERE }));
    await using socket = await openWebSocket(`ws://127.0.0.1:${address.port}/`, { headers: { "x-name": "me" } });
    assertEquals(await socket.receive(), "me");
    nursery.cancel();
  });
});

Deno.test("what was sent before a close arrives, then the channel ends and says how", () =>
  withServer(async (socket) => {
    await socket.send("one");
    await socket.send("two");
    await socket.close({ code: 3001, reason: "that is all" });
  }, async (url) => {
    await using socket = await openWebSocket(url);
    while (socket.end === null) await sleep(1);
    assertEquals(socket.end, { code: 3001, reason: "that is all" });
    assertEquals(await Array.fromAsync(socket), ["one", "two"]);
    const error = await socket.receive().catch((error) => error);
    assertInstanceOf(error, EndOfChannel);
    assertEquals(error.message, "Cannot receive as the peer has closed the WebSocket: 3001 that is all");
    await assertRejects(
      () => socket.send("more"),
      BrokenResourceError,
      "Cannot send as the peer has closed the WebSocket",
    );
  }));

Deno.test("select() takes messages as those of a channel: in its order, none in vain, and the end is passed over", () =>
  withServer(async (socket) => {
    for (const message of ["one", "two", "three"]) await socket.send(message);
  }, async (url) => {
    await using socket = await openWebSocket(url);
    const [send, commands] = openMemoryChannel<string>(2);
    while (socket.end === null) await sleep(1);
    send.trySend("a");
    assertEquals(await select({ socket, commands }, { inOrder: true }), { from: "socket", value: "one" });
    assertEquals(await select({ commands, socket }, { inOrder: true }), { from: "commands", value: "a" });
    const choosy = {
      async receive(): Promise<string> {
        for (let value = await commands.receive();; value = await commands.receive()) if (value !== "b") return value;
      },
    };
    send.trySend("b");
    // The message may be taken again once the wrapper lets go of what it was chosen for.
    assertEquals(await select({ choosy, socket }, { inOrder: true }), { from: "socket", value: "two" });
    assertEquals(await socket.receive(), "three");
    await assertRejects(() => select({ socket }), EndOfChannel);
    send.trySend("c");
    assertEquals(await select({ socket, commands }, { inOrder: true }), { from: "commands", value: "c" });
  }));

Deno.test("select() that waits for a WebSocket and is given something else leaves its messages, and their order", () =>
  withServer(async (socket) => {
    for (let n = 0; n < 200; n++) {
      await socket.send(`${n}`);
      if (n % 10 === 9) await sleep(1);
    }
  }, async (url) => {
    await using socket = await openWebSocket(url);
    const [send, ticks] = openMemoryChannel<number>(1);
    const got: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        for (let n = 0;; n++) await send.send(n);
      }, { daemon: true });
      while (got.length < 200) {
        const { from, value } = await select({ socket, ticks });
        if (from === "socket") got.push(value as string);
        if (got.length < 200 && got.length % 3 === 0) got.push(await socket.receive() as string);
      }
    });
    assertEquals(got, Array.from({ length: 200 }, (_, n) => `${n}`));
  }));

Deno.test("a server learns how its client has closed", async () => {
  const over = new Event();
  let end: WebSocketChannel["end"] = null;
  await withServer(async (socket) => {
    assertEquals(await Array.fromAsync(socket), ["bye"]);
    end = socket.end;
    over.set();
  }, async (url) => {
    const socket = await openWebSocket(url);
    await socket.send("bye");
    await socket.close({ code: 4000, reason: "done" });
    await over.wait();
  });
  assertEquals(end, { code: 4000, reason: "done" });
});

Deno.test("close() ends the waits of this end with ClosedResourceError, and is idempotent", () =>
  withServer(() => sleepForever(), async (url) => {
    const socket = await openWebSocket(url);
    const waiting = assertRejects(
      () => socket.receive(),
      ClosedResourceError,
      "Cannot receive as this end of the WebSocket was closed",
    );
    await sleep(1);
    await Promise.all([socket.close(), socket.close()]);
    await waiting;
    await socket.close();
    await assertRejects(() => socket.receive(), ClosedResourceError);
    await assertRejects(
      () => socket.send("x"),
      ClosedResourceError,
      "Cannot send as this end of the WebSocket was closed",
    );
    assertEquals(socket.end, null);
  }));

Deno.test("a cancelled receive loses no message", () =>
  withServer(echo, async (url) => {
    await using socket = await openWebSocket(url);
    let got = 0;
    let cancelled = 0;
    await openNursery((nursery) => {
      nursery.startSoon(async () => {
        for (let n = 0; n < 300; n++) {
          await socket.send(`${n}`);
          if (n % 10 === 0) await sleep(1);
        }
      });
      nursery.startSoon(async () => {
        while (got < 300) {
          const outcome = await moveOnAfter(got % 3 === 0 ? 0.2 : 5, () => socket.receive());
          if (outcome.cancelledCaught) cancelled++;
          else assertEquals(outcome.value, `${got++}`);
        }
      });
    });
    assert(cancelled > 0);
  }));

Deno.test("a message that comes in the turn of a cancellation goes to one of the two", () =>
  withServer(echo, async (url) => {
    await using socket = await openWebSocket(url);
    await openNursery(async (nursery) => {
      const first = nursery.startSoon(() => socket.receive());
      const second = nursery.startSoon(() => socket.receive());
      await sleep(1);
      await socket.send("one");
      first.cancel();
      assertEquals(await second.join(), "one");
    });
  }));

Deno.test("send() waits while the peer does not take what was sent, and sends nothing when cancelled", async () => {
  const go = new Event();
  const chunk = new Uint8Array(1 << 20);
  let received = 0;
  await withServer(async (socket) => {
    await go.wait();
    for await (const message of socket) {
      received++;
      if (typeof message === "string") break;
    }
    await socket.send("thanks");
  }, async (url) => {
    // A peer that reads nothing at all: the host itself would read for a WebSocket of ours.
    const blocked = new Event();
    await openNursery(async (nursery) => {
      const [address] = await nursery.start(tcpServer(async (stream) => {
        const request = new TextDecoder().decode((await stream.receiveSome())!);
        const key = /sec-websocket-key: (.*)\r/i.exec(request)![1];
        const digest = await hostOperation(
          "sha-1",
          crypto.subtle.digest("SHA-1", new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)),
        );
        const accept = btoa(String.fromCharCode(...new Uint8Array(digest)));
        await stream.sendAll(
          new TextEncoder().encode(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
              `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
          ),
        );
        await blocked.wait();
      }, { ...HERE }));
      const socket = await openWebSocket(`ws://127.0.0.1:${address.port}/`);
      let sent = 0;
      while (true) {
        const outcome = await moveOnAfter(100, () => socket.send(chunk));
        if (outcome.cancelledCaught) break;
        assert(++sent < 64, "send() never waits");
      }
      blocked.set();
      await assertRejects(() => socket.receive(), BrokenResourceError);
      await assertRejects(() => socket.send("x"), BrokenResourceError);
      nursery.cancel();
    });

    await using socket = await openWebSocket(url);
    go.set();
    for (let n = 0; n < 40; n++) await socket.send(chunk);
    await socket.send("end");
    assertEquals(await socket.receive(), "thanks");
  });
  assertEquals(received, 41);
});

Deno.test("a peer that sends more than is kept is cut off, after what was kept", async () => {
  const flooded = new Event();
  const checked = new Event();
  await withServer(async (socket) => {
    await flooded.wait();
    assertEquals(await socket.receive(), "0");
    assertEquals(await socket.receive(), "1");
    const error = await socket.receive().catch((error) => error);
    assertInstanceOf(error, BrokenResourceError);
    assertEquals(
      error.message,
      "Cannot receive as the WebSocket broke: the peer has sent more than the 150 bytes that are kept for a receiver",
    );
    await assertRejects(() => socket.send("x"), BrokenResourceError);
    checked.set();
  }, async (url) => {
    await using socket = await openWebSocket(url);
    for (let n = 0; n < 5; n++) await socket.send(`${n}`);
    const error = await socket.receive().catch((error) => error);
    // Deno's server hangs up, without waiting for the answer to its close frame, when a message comes instead of that.
    if (error instanceof EndOfChannel) {
      assertEquals(socket.end, { code: 1009, reason: "more messages than are received" });
    } else assertInstanceOf(error, BrokenResourceError);
    flooded.set();
    await checked.wait();
  }, { maxBuffered: 150 });
});

Deno.test("a peer that vanishes breaks the socket, which is told from a close", async () => {
  const broken = new Event();
  await withServer(async (socket) => {
    await assertRejects(() => socket.receive(), BrokenResourceError, "Cannot receive as the WebSocket broke: ");
    assertEquals(socket.end, null);
    broken.set();
  }, async (url) => {
    using client = await openTcpStream("127.0.0.1", Number(new URL(url).port));
    await client.sendAll(
      new TextEncoder().encode(
        "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
      ),
    );
    assert(new TextDecoder().decode((await client.receiveSome())!).startsWith("HTTP/1.1 101"));
    client.close();
    await broken.wait();
  });
});

Deno.test("cancelling a server cancels its conversations and closes their sockets", async () => {
  const errors: Cancelled[] = [];
  const open = new Event();
  await openNursery(async (outer) => {
    const ended = new Event();
    const ready = new Event();
    let url = "";
    outer.startSoon(async () => {
      await ready.wait();
      const socket = await openWebSocket(url);
      await socket.receive().catch(() => {});
      await socket.close();
      ended.set();
    });
    await withServer(async (socket) => {
      open.set();
      try {
        await socket.receive();
      } catch (error) {
        errors.push(error as Cancelled);
        throw error;
      }
    }, async (where) => {
      url = where;
      ready.set();
      await open.wait();
    });
    await ended.wait();
  });
  assertEquals(errors.map((error) => isCancelled(error)), [true]);
});

Deno.test("a conversation that fails is an error of its handler, and closes the socket", async () => {
  const errors: unknown[] = [];
  await withServer(
    () => Promise.reject(new RangeError("converse")),
    async (url) => {
      await using socket = await openWebSocket(url);
      await assertRejects(() => socket.receive(), EndOfChannel);
      while (errors.length === 0) await sleep(1);
      assertEquals(errors.map(String), ["RangeError: converse"]);
    },
    {},
    { onHandlerError: (error) => void errors.push(error) },
  );
});

Deno.test("an upgrade that is asked for, but not returned, harms nobody", async () => {
  await openNursery(async (nursery) => {
    let first = true;
    const [address] = await nursery.start(httpServer((request) => {
      const response = upgradeWebSocket(request, echo);
      if (!first) return response;
      first = false;
      return new Response("no", { status: 403 });
    }, { ...HERE }));
    const url = `ws://127.0.0.1:${address.port}/`;
    await assertRejects(
      () => openWebSocket(url),
      BrokenResourceError,
      `Cannot open a WebSocket to ${url} as the handshake was not completed: `,
    );
    await using socket = await openWebSocket(url);
    await socket.send("on");
    assertEquals(await socket.receive(), "on");
    nursery.cancel();
  });
});

Deno.test("a handler may wait before it upgrades", async () => {
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(httpServer(async (request) => {
      await sleep(5);
      return upgradeWebSocket(request, echo);
    }, { ...HERE, handlerTimeout: 10_000, maxRequests: 1 }));
    await using socket = await openWebSocket(`ws://127.0.0.1:${address.port}/`);
    await socket.send("late");
    await sleep(5);
    assertEquals(await socket.receive(), "late");
    nursery.cancel();
  });
});

Deno.test("openWebSocket() that is cancelled gives the connection up", async () => {
  await openNursery(async (nursery) => {
    const gone = new Event();
    const [address] = await nursery.start(tcpServer(async (stream) => {
      for await (const _ of stream);
      gone.set();
    }, { ...HERE }));
    const outcome = await moveOnAfter(20, () => openWebSocket(`ws://127.0.0.1:${address.port}/`));
    assert(outcome.cancelledCaught);
    await gone.wait();
    nursery.cancel();
  });
});

Deno.test("close() waits no longer than its timeout for a peer that does not answer", async () => {
  const release = new Event();
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(tcpServer(async (stream) => {
      const request = new TextDecoder().decode((await stream.receiveSome())!);
      const key = /sec-websocket-key: (.*)\r/i.exec(request)![1];
      const digest = await hostOperation(
        "sha-1",
        crypto.subtle.digest("SHA-1", new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)),
      );
      const accept = btoa(String.fromCharCode(...new Uint8Array(digest)));
      await stream.sendAll(
        new TextEncoder().encode(
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
            `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
        ),
      );
      await release.wait();
    }, { ...HERE }));
    const socket = await openWebSocket(`ws://127.0.0.1:${address.port}/`);
    // Also in a cancelled scope.
    const cleanup = await moveOnAfter(0, () => socket.close({ timeout: 20 }));
    assert(!cleanup.cancelledCaught);
    const again = await moveOnAfter(5_000, () => socket.close({ timeout: 20 }));
    assert(!again.cancelledCaught);
    release.set();
    await socket.close();
    nursery.cancel();
  });
});

Deno.test("upgradeWebSocket() and openWebSocket() say what is wrong", async () => {
  const headers = {
    upgrade: "h2c, websocket",
    connection: "keep-alive, Upgrade",
    "sec-websocket-key": "a",
    "sec-websocket-version": "13",
  };
  const good = new Request("http://here/", { headers });
  const wrong: [() => unknown, string][] = [
    [
      () => upgradeWebSocket(good, undefined as never),
      'Cannot upgrade to a WebSocket as "handler" must be a function: received undefined',
    ],
    [
      () => upgradeWebSocket(good, echo, { maxBuffered: -1 }),
      'Cannot upgrade to a WebSocket as "maxBuffered" must be a whole number >= 0 or Infinity: received -1',
    ],
    [
      () => upgradeWebSocket(good, echo, { idleTimeout: 0 }),
      'Cannot upgrade to a WebSocket as "idleTimeout" must be >= 1: received 0',
    ],
  ];
  for (const [call, message] of wrong) assertThrows(call, Error, message);
  const status = (without: string, options = {}): number => {
    const request = new Request("http://here/", { headers });
    request.headers.delete(without);
    return upgradeWebSocket(request, echo, options).status;
  };
  assertEquals([...Object.keys(headers), "other"].map((name) => status(name)), [426, 426, 400, 426, 101]);
  assertEquals(status("other", { protocol: "v1" }), 400);
  await assertRejects(
    () => openWebSocket("ftp://here/"),
    RangeError,
    "Cannot open a WebSocket as the URL and the subprotocols must be valid: ",
  );
  await assertRejects(
    () => openWebSocket("ws://here/", { highWaterMark: NaN }),
    RangeError,
    'Cannot open a WebSocket as "highWaterMark" must be a whole number >= 0 or Infinity: received NaN',
  );
});

Deno.test("send() and close() say what is wrong, and have done nothing", () =>
  withServer(echo, async (url) => {
    await using socket = await openWebSocket(url);
    for (const options of [null, 5, "x"]) {
      const message = `Cannot close as "options" must be an object: received ${JSON.stringify(options)}`;
      await assertRejects(() => socket.close(options as never), TypeError, message);
    }
    const wrong: [() => Promise<unknown>, string][] = [
      [() => socket.send(1 as never), 'Cannot send as "message" must be a string or a Uint8Array: received 1'],
      [
        () => socket.close({ code: 1001 }),
        'Cannot close as "code" must be 1000 or from 3000 to 4999: received 1001',
      ],
      [
        () => socket.close({ reason: "ü".repeat(62) }),
        `Cannot close as "reason" must have at most 123 bytes: received "${"ü".repeat(39)}…"`,
      ],
      [() => socket.close({ timeout: -1 }), 'Cannot close as "timeout" must be >= 0: received -1'],
    ];
    for (const [call, message] of wrong) assertEquals(await call().catch((error: Error) => error.message), message);
    await socket.send("still open");
    assertEquals(await socket.receive(), "still open");
  }));
