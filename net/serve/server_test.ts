import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  BrokenResourceError,
  CancelScope,
  Event,
  moveOnAfter,
  openNursery,
  sleepForever,
  type TaskStatus,
  type TcpAddress,
  type UnixAddress,
} from "../../core/mod.ts";
import {
  httpServer,
  type Listener,
  listenerServer,
  openTcpListeners,
  openTcpStream,
  openTlsListeners,
  serveHttp,
  serveListeners,
  type Server,
  serveTcp,
  serveTls,
  serveUnix,
  SocketListener,
  type SocketStream,
  tcpServer,
  tlsServer,
  type TlsStream,
  unixServer,
} from "../mod.ts";

const HERE = { hostname: "127.0.0.1", port: 0 };
const IDENTITY = { cert: "-----BEGIN CERTIFICATE-----", key: "-----BEGIN PRIVATE KEY-----" };
const idle = (): void => {};

/** A listener that nobody connects to. */
const deaf = (closed: () => void = idle): SocketListener =>
  new SocketListener({
    addr: { transport: "tcp", hostname: "10.0.0.1", port: 1 },
    accept: () => new Promise(() => {}),
    close: closed,
  });

/** A server of each kind, and its short form. */
const KINDS: Readonly<
  Record<string, readonly [make: (...args: never[]) => Server<unknown>, serve: (...args: never[]) => Promise<void>]>
> = {
  tcpServer: [tcpServer, serveTcp],
  tlsServer: [tlsServer, serveTls],
  unixServer: [unixServer, serveUnix],
  httpServer: [httpServer, serveHttp],
  listenerServer: [listenerServer, serveListeners],
};

Deno.test("a server that is started serves, and counts: before it, while it serves, and when it has ended", async () => {
  const go = new Event();
  const server = tcpServer(async (stream) => {
    await go.wait();
    await stream.sendAll(new Uint8Array([7]));
  }, HERE);
  assertEquals(server.statistics(), { open: 0, accepted: 0 });
  await openNursery(async (nursery) => {
    const [address, ...others] = await nursery.start(server);
    assertEquals(others, []);
    using client = await openTcpStream("127.0.0.1", address.port);
    const before = server.statistics();
    go.set();
    assertEquals(await client.receiveSome(), new Uint8Array([7]));
    assertEquals(await client.receiveSome(), null);
    assertEquals(server.statistics().accepted, 1);
    // A snapshot, not the record in which the server counts.
    assertEquals(before.accepted <= 1 && before !== server.statistics(), true);
    nursery.cancel();
  });
  assertEquals(server.statistics(), { open: 0, accepted: 1 });
});

Deno.test("the listeners of a listenerServer() are what nursery.start() gives, and are closed at its end", async () => {
  let closed = 0;
  const listeners = [deaf(() => closed++), deaf(() => closed++)];
  await openNursery(async (nursery) => {
    assertEquals(await nursery.start(listenerServer(idle, listeners)), listeners as never);
    nursery.cancel();
  });
  assertEquals(closed, 2);
});

Deno.test("an argument that is none is told when the server is made, before any effect; the short form rejects", async () => {
  const good: Record<string, unknown[]> = {
    tcpServer: [idle, HERE],
    tlsServer: [idle, { ...HERE, ...IDENTITY }],
    unixServer: [idle, { path: "/run/x.sock" }],
    httpServer: [idle, HERE],
    listenerServer: [idle, [deaf()], {}],
  };
  for (const [name, [make, serve]] of Object.entries(KINDS)) {
    const limit = name === "httpServer" ? "maxRequests" : "maxConnections";
    const args = (change: object, handler: unknown = idle): never[] =>
      [handler, ...good[name]!.slice(1, -1), { ...good[name]!.at(-1) as object, ...change }] as never[];
    const wrong: [args: never[], type: ErrorConstructor, message: string][] = [
      [args({}, 5), TypeError, 'Cannot serve as "handler" must be a function: received 5'],
      [args({ [limit]: 0 }), RangeError, `Cannot serve as "${limit}" must be >= 1: received 0`],
      [args({ onAcceptError: 1 }), TypeError, 'Cannot serve as "onAcceptError" must be a function: received 1'],
    ];
    if (name !== "listenerServer") {
      const message = 'Cannot serve as "options" must be an object: received undefined';
      wrong.push([[idle] as never[], TypeError, message]);
    }
    for (const [given, type, message] of wrong) {
      assertThrows(() => make(...given), type, message);
      await assertRejects(() => serve(...given), type, message);
    }
  }
  assertThrows(() => tcpServer(idle, { port: -1 }), RangeError, '"port" must be a whole number from 0 to 65535');
  assertThrows(() => tlsServer(idle, { ...HERE, cert: "" } as never), TypeError, 'Cannot listen as either "cert"');
  assertThrows(() => tlsServer(idle, { ...HERE, cert: "", key: "" }), RangeError, '"cert" must be text in PEM');
  const files = { certFile: 5 as never, keyFile: "key.pem" };
  assertThrows(
    () => tlsServer(idle, { ...HERE, ...files }),
    TypeError,
    '"certFile" must be a path or a URL: received 5',
  );
  assertThrows(() => httpServer(idle as never, { ...HERE, key: "" }), TypeError, 'Cannot serve as either "cert"');
  assertThrows(() => unixServer(idle, { path: "" }), RangeError, '"path" must be the path of a file: received ""');
  assertThrows(() => unixServer(idle, { path: "/x", mode: -1 }), RangeError, '"mode" must be permissions');
  assertThrows(() => listenerServer(idle, []), RangeError, 'Cannot serve as "listeners" must have at least one');
  assertThrows(() => listenerServer(idle, [{}] as never), TypeError, 'Cannot serve as "listeners" must be an array');
});

Deno.test("what becomes of the options, and of the list of listeners, after a server was made is of no matter", async () => {
  const options = { ...HERE };
  const server = tcpServer(idle, options);
  options.port = -1;
  const listeners = [deaf()];
  const other = listenerServer(idle, listeners);
  listeners.length = 0;
  await openNursery(async (nursery) => {
    await nursery.start(server);
    assertEquals((await nursery.start(other)).length, 1);
    nursery.cancel();
  });
});

Deno.test("a server can be started once, however that has ended", async () => {
  const message = "Cannot start a server as it was started before: make one for each start";
  const [taken] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  const cancelled = tcpServer(idle, HERE);
  const failed = tcpServer(idle, { ...HERE, port: taken.address.port });
  const serving = listenerServer(idle, [deaf()]);
  assertEquals((await moveOnAfter(0, () => cancelled())).cancelledCaught, true);
  await assertRejects(() => failed(), BrokenResourceError);
  taken.close();
  await openNursery(async (nursery) => {
    await nursery.start(serving);
    for (const server of [cancelled, failed, serving]) await assertRejects(() => server(), TypeError, message);
    nursery.cancel();
  });
});

Deno.test("a server that is started with something else than a status says so, and can still be started", async () => {
  const server = tcpServer(idle, HERE);
  const message =
    'Cannot start a server as "status" must have a method started(): received an object of type CancelScope';
  await assertRejects(() => server(new CancelScope() as never), TypeError, message);
  await openNursery(async (nursery) => {
    await nursery.start(server);
    nursery.cancel();
  });
});

// Facts that hold when this file is compiled.

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Does not compile but for `true`. */
function holds<_Fact extends true>(): void {}

Deno.test("TypeScript infers from a server what nursery.start() gives, and that it is something", async () => {
  // Never run to its end: it is the compiler that checks this.
  await moveOnAfter(0, () =>
    openNursery(async (nursery) => {
      await sleepForever();
      const [tcp, ...rest] = await nursery.start(tcpServer(idle, HERE));
      holds<Same<typeof tcp, TcpAddress>>();
      holds<Same<typeof rest, TcpAddress[]>>();
      const [tls] = await nursery.start(tlsServer((stream) => void stream.alpnProtocol, { ...HERE, ...IDENTITY }));
      holds<Same<typeof tls, TcpAddress>>();
      const [unix] = await nursery.start(unixServer(idle, { path: "/x" }));
      holds<Same<typeof unix, UnixAddress>>();
      const [http] = await nursery.start(httpServer(() => new Response(), HERE));
      holds<Same<typeof http, TcpAddress>>();

      const listeners = await openTcpListeners(0);
      holds<Same<typeof listeners, [SocketListener, ...SocketListener[]]>>();
      const secure = await openTlsListeners(0, IDENTITY);
      holds<Same<typeof secure[0], SocketListener<TlsStream>>>();
      const [first] = await nursery.start(listenerServer((stream) => void stream.localAddress.port, listeners));
      holds<Same<typeof first, SocketListener>>();
      const strange = null as unknown as Listener<{ readonly name: string; close(): void }>;
      await nursery.start(
        listenerServer(({ name }) => name, [strange], { onHandlerError: (_, { name }) => void name }),
      );

      // By a function of one's own, which says what it takes.
      const port = await nursery.start((status: TaskStatus<number>) => status.started(7));
      holds<Same<typeof port, number>>();
      const nothing = await nursery.start((status) => status.started());
      holds<Same<typeof nothing, void>>();
      // In a scope of its own, where nothing can be inferred.
      const [inner] = await nursery.start<readonly [TcpAddress]>((status) => tcpServer(idle, HERE)(status));
      holds<Same<typeof inner, TcpAddress>>();

      // @ts-expect-error a handler for another kind of stream
      listenerServer((_: SocketStream) => {}, [strange]);
      // @ts-expect-error servers are told what they are started by when they are started
      tcpServer(idle, { ...HERE, status: { started() {} } });
      // @ts-expect-error a scope is no status
      await moveOnAfter(1_000, tcpServer(idle, HERE));
    }));
});
