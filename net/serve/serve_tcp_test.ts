import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { getAvailablePort } from "@std/net";
import {
  BrokenResourceError,
  BusyResourceError,
  ClosedResourceError,
  Event,
  moveOnAfter,
  type Nursery,
  openMemoryChannel,
  openNursery,
  shutdownRequested,
  sleep,
  sleepForever,
  type TcpAddress,
  TooSlowError,
} from "../../core/mod.ts";
import { simulated } from "../../testing/mod.ts";
import {
  type Listener,
  listenerServer,
  openTcpListeners,
  openTcpStream,
  serveListeners,
  serveTcp,
  type ServeTcpOptions,
  SocketListener,
  type SocketStream,
  tcpServer,
} from "../mod.ts";

const HERE = { hostname: "127.0.0.1" };

/** Runs a server on a free port of this machine beside a test. */
async function withServer(
  handler: (stream: SocketStream) => unknown,
  options: Partial<ServeTcpOptions>,
  test: (port: number, nursery: Nursery) => Promise<void>,
): Promise<void> {
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(tcpServer(handler, { ...HERE, port: 0, ...options }));
    await test(address.port, nursery);
    nursery.cancel();
  });
}

/** Connects and returns all that the server sends. */
async function ask(port: number): Promise<string> {
  using stream = await openTcpStream("127.0.0.1", port);
  let text = "";
  for await (const chunk of stream) text += new TextDecoder().decode(chunk);
  return text;
}

/** Waits until nobody listens on a port any more: the host closes a listener a moment later. */
async function untilRefused(port: number): Promise<void> {
  try {
    while (true) {
      using _late = await openTcpStream("127.0.0.1", port);
      await sleep(1);
    }
  } catch (error) {
    if (!(error instanceof BrokenResourceError)) throw error;
  }
}

const say = (text: string) => (stream: SocketStream) => stream.sendAll(new TextEncoder().encode(text));

Deno.test("serveTcp() serves connections side by side, and closes each after its handler", () =>
  withServer(say("hello"), {}, async (port) => {
    assertEquals(await Promise.all(Array.from({ length: 50 }, () => ask(port))), Array(50).fill("hello"));
  }));

Deno.test("onHandlerError lets the server go on, with the stream still open", async () => {
  const errors: string[] = [];
  await withServer(() => Promise.reject(new TypeError("handler")), {
    onHandlerError: async (error, stream) => {
      errors.push(String(error));
      await stream.sendAll(new TextEncoder().encode("sorry"));
    },
  }, async (port) => {
    assertEquals([await ask(port), await ask(port)], ["sorry", "sorry"]);
  });
  assertEquals(errors, ["TypeError: handler", "TypeError: handler"]);
});

Deno.test("onHandlerError is told whatever was thrown, also null", async () => {
  const errors: unknown[] = [];
  await withServer(() => Promise.reject(null), { onHandlerError: (error) => void errors.push(error) }, async (port) => {
    assertEquals(await ask(port), "");
  });
  assertEquals(errors, [null]);
});

Deno.test("handlerTimeout fails a handler that takes too long", async () => {
  const errors: unknown[] = [];
  await withServer(
    () => sleepForever(),
    { handlerTimeout: 5, onHandlerError: (error) => void errors.push(error) },
    async (port) => {
      assertEquals(await ask(port), "");
    },
  );
  assertEquals(errors.length, 1);
  assertInstanceOf(errors[0], TooSlowError);
});

Deno.test("maxConnections leaves others waiting, and serves them in turn", async () => {
  let open = 0;
  let most = 0;
  await withServer(
    async (stream) => {
      most = Math.max(most, ++open);
      await sleep(1);
      await say("x")(stream);
      open--;
    },
    { maxConnections: 3 },
    async (port) => {
      assertEquals((await Promise.all(Array.from({ length: 20 }, () => ask(port)))).join(""), "x".repeat(20));
    },
  );
  assertEquals(most, 3);
});

Deno.test("shutdown() stops accepting, lets handlers finish, and the server returns", async () => {
  const started = new Event();
  const refused = new Event();
  const log: string[] = [];
  await openNursery(async (nursery) => {
    const server = tcpServer(async (stream) => {
      started.set();
      await refused.wait();
      assert(shutdownRequested());
      await say("finished")(stream);
    }, { ...HERE, port: 0 });
    const [address] = await nursery.start<readonly [TcpAddress]>((status) =>
      server(status).then(() => log.push("server returned"))
    );
    const answer = nursery.startSoon(() => ask(address.port));
    await started.wait();
    nursery.cancelScope.shutdown({ grace: 60_000 });
    const outcome = await moveOnAfter(5_000, () => untilRefused(address.port));
    assert(!outcome.cancelledCaught);
    refused.set();
    assertEquals(await answer.join(), "finished");
  });
  assertEquals(log, ["server returned"]);
});

Deno.test("shutdown() cancels handlers when the grace is over, and closes their streams", async () => {
  await openNursery(async (nursery) => {
    const [address] = await nursery.start(tcpServer(() => sleepForever(), { ...HERE, port: 0 }));
    const client = await openTcpStream("127.0.0.1", address.port);
    nursery.startSoon(async () => {
      using _ = client;
      assertEquals(await client.receiveSome().catch((error) => error.name), "Cancelled");
    });
    nursery.cancelScope.shutdown({ grace: 5 });
  });
});

Deno.test("a server that is cancelled closes everything", async () => {
  await withServer(() => sleepForever(), {}, async (port) => {
    await openTcpStream("127.0.0.1", port).then((stream) => stream.close());
    await moveOnAfter(5, () => ask(port));
  });
});

Deno.test("serveTcp() says what is wrong before any effect", async () => {
  const port = getAvailablePort();
  const [listener] = await openTcpListeners(port, HERE);
  const taken = await assertRejects(
    () => serveTcp(() => {}, { ...HERE, port }),
    BrokenResourceError,
    `Cannot listen on 127.0.0.1:${port}: Address already in use`,
  );
  assert(taken.cause instanceof Deno.errors.AddrInUse);
  listener.close();
  const check = (message: string, options: object, handler: unknown = () => {}) =>
    assertRejects(() => serveTcp(handler as () => void, { ...HERE, port: 0, ...options }), Error, message);
  await check('Cannot serve as "handler" must be a function: received null', {}, null);
  await check('Cannot listen as "port" must be a whole number from 0 to 65535: received 70000', { port: 70_000 });
  await check('Cannot listen as "port" must be a number: received "80"', { port: "80" });
  await check('Cannot listen as "backlog" must be a whole number >= 1: received 0', { backlog: 0 });
  await check('Cannot serve as "maxConnections" must be >= 1: received 0', { maxConnections: 0 });
  await check('Cannot serve as "maxConnections" must be a whole number or Infinity: received 1.5', {
    maxConnections: 1.5,
  });
  await check('Cannot serve as "handlerTimeout" must be >= 0: received NaN', { handlerTimeout: NaN });
  await check('Cannot serve as "onHandlerError" must be a function: received 5', { onHandlerError: 5 });
  await check('Cannot listen as "hostname" must be a host name or IP address: received "a b"', { hostname: "a b" });
});

Deno.test("SocketListener.accept(): a cancelled one loses no connection, two at once are an error", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  await openNursery(async (nursery) => {
    await moveOnAfter(0, () => listener.accept());
    await moveOnAfter(Infinity, async (scope) => {
      const accepting = listener.accept();
      scope.cancel();
      await accepting;
    });
    using client = await openTcpStream("127.0.0.1", listener.address.port);
    using server = await listener.accept();
    assertEquals(server.remoteAddress.port, client.localAddress.port);
    const blocked = nursery.startSoon(() => listener.accept().catch((error) => error));
    await sleep(0);
    await assertRejects(
      () => listener.accept(),
      BusyResourceError,
      "Cannot accept as another task is accepting on this listener: let one task do it",
    );
    listener.close();
    listener.close();
    assertEquals(
      String(await blocked.join()),
      "ClosedResourceError: Cannot accept as the listener was closed meanwhile",
    );
    await assertRejects(() => listener.accept(), ClosedResourceError, "Cannot accept as the listener is closed");
  });
});

Deno.test("SocketListener.close() closes a connection that nobody has accepted", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  await moveOnAfter(Infinity, async (scope) => {
    const accepting = listener.accept();
    scope.cancel();
    await accepting;
  });
  using client = await openTcpStream("127.0.0.1", listener.address.port);
  // The connection lands in the listener, with nobody waiting.
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  listener.close();
  const end = await client.receiveSome().catch((error) => error);
  assert(end === null || end instanceof BrokenResourceError);
});

Deno.test("SocketListener.accept() ignores errors of one connection, and throws those of the host", async () => {
  const failures: unknown[] = [
    { code: "ECONNABORTED" },
    { code: "EPROTO" },
    Object.assign(new Error("full"), { code: "EMFILE" }),
  ];
  const listener = new SocketListener({
    addr: { transport: "tcp", hostname: "10.0.0.1", port: 1 },
    accept: () => Promise.reject(failures.shift()),
    close() {},
  });
  await assertRejects(() => listener.accept(), Error, "full");
  assertEquals(failures.length, 0);
  listener.close();
});

Deno.test(
  "serveListeners() reports a want of resources once per burst, and tries again every 100 ms",
  simulated(async (sim) => {
    const full = Object.assign(new Error("too many open files"), { code: "EMFILE" });
    const stream = { close() {} };
    // The process stays at its limit: whenever a connection is closed, one more can be accepted.
    const script: (Error | { close(): void } | number)[] = [full, full, stream, full, stream, 1_000, full, 901, full];
    const reports: string[] = [];
    const served: number[] = [];
    const listener: Listener<{ close(): void }> = {
      accept: async () => {
        let next = script.shift();
        while (typeof next === "number") {
          await sleep(next);
          next = script.shift();
        }
        if (next === undefined) return sleepForever();
        return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
      },
      close() {},
      [Symbol.dispose]() {},
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        serveListeners(() => void served.push(sim.now), [listener], {
          onAcceptError: (error) => reports.push(`${sim.now} ${error}`),
        })
      );
      await sleep(10_000);
      nursery.cancel();
    });
    assertEquals(served, [200, 300]);
    assertEquals(script, []);
    // A second without a failure ends the burst: 200 to 1300, but not 1300 to 2301.
    assertEquals(reports, [
      "0 Error: too many open files",
      "1300 Error: too many open files",
      "2301 Error: too many open files",
    ]);
  }),
);

Deno.test(
  "maxConnections counts connections, not listeners that wait for some",
  simulated(async () => {
    const served: string[] = [];
    const closed: string[] = [];
    const stream = (name: string) => ({ name, close: () => void closed.push(name) });
    const [send, receive] = openMemoryChannel<ReturnType<typeof stream>>(Infinity);
    const listener = (accept: () => Promise<ReturnType<typeof stream>>) => ({
      accept,
      close() {},
      [Symbol.dispose]() {},
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
    const server = listenerServer(async ({ name }) => {
      served.push(name);
      if (name === "c") await sleepForever();
      await sleep(10);
    }, [
      listener(() => sleepForever()),
      listener(() => receive.receive()),
    ], { maxConnections: 1 });
    await openNursery(async (nursery) => {
      nursery.startSoon(server);
      for (const name of ["a", "b", "c", "d"]) send.trySend(stream(name));
      await sleep(1_000);
      assertEquals([served, closed], [["a", "b", "c"], ["a", "b"]]);
      // One that waits for its place is open, too, as a request is that waits under maxRequests.
      assertEquals(server.statistics(), { open: 2, accepted: 4 });
      nursery.cancel();
    });
    assertEquals(server.statistics(), { open: 0, accepted: 4 });
    // One that was accepted, but not served, is closed as well.
    assertEquals([served, closed.toSorted()], [["a", "b", "c"], ["a", "b", "c", "d"]]);
  }),
);
