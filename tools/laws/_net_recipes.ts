/**
 * Recipes for what net exports: over hosts and streams that are scripted here, and HTTP on loopback. Over 400 lines, as
 * a list of recipes is best read in one piece.
 */

import {
  BufferedReceiver,
  BufferedStream,
  closeForcefully,
  fetch,
  type HalfCloseableStream,
  httpServer,
  type Listener,
  openTcpListeners,
  openTcpStream,
  openTlsListeners,
  openTlsStream,
  openUdpSocket,
  openUnixListener,
  openUnixStream,
  openWebSocket,
  pipe,
  proxy,
  serveHttp,
  serveListeners,
  serveTcp,
  serveTls,
  serveUnix,
  sleepForever,
  SocketListener,
  SocketStream,
  StapledStream,
  startTls,
  type TextSender,
  TlsStream,
  UdpSocket,
  upgradeWebSocket,
} from "../../mod.ts";
import { memoryStreamPair, trickle } from "../../testing/mod.ts";
import { Conn, datagrams, EndedStream, hostListener, network, UserStream } from "./_hosts.ts";
import { type AnyRecipe, CLEANUP, FOREVER, type Kit, NOBODY, nothing, type Recipe, recipe } from "./_recipe.ts";

const HERE_UDP = { hostname: "127.0.0.1", port: 1 };

function udp(
  way: (socket: UdpSocket) => unknown,
  more: Partial<Recipe<{ ready: UdpSocket; waiting: UdpSocket }>> = {},
) {
  return recipe<{ ready: UdpSocket; waiting: UdpSocket }>({
    open: () => ({
      ready: new UdpSocket(datagrams(true), HERE_UDP),
      waiting: new UdpSocket(datagrams(false), HERE_UDP),
    }),
    ready: ({ ready }) => way(ready),
    waiting: ({ waiting }) => way(waiting),
    close({ ready, waiting }) {
      ready.close();
      waiting.close();
    },
    ...more,
  });
}

const ONE = new Uint8Array(1);
const HERE = { hostname: "127.0.0.1", port: 0 } as const;
const IDENTITY = {
  cert: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
  key: "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
};

type Streams = Record<"ready" | "waiting", HalfCloseableStream>;

/** The recipes of a class of streams, of which there is one that is always ready and one that never is. */
function streamRecipes(
  name: string,
  open: (kit: Kit, ready: boolean) => HalfCloseableStream,
): Record<string, AnyRecipe> {
  const calls = (
    way: (stream: HalfCloseableStream) => unknown,
    more: Partial<Recipe<Streams>> = {},
  ): AnyRecipe =>
    recipe<Streams>({
      open: (kit) => ({ ready: kit.use(open(kit, true)), waiting: kit.use(open(kit, false)) }),
      ready: ({ ready }) => way(ready),
      waiting: ({ waiting }) => way(waiting),
      close({ ready, waiting }) {
        ready.close();
        waiting.close();
      },
      ...more,
    });
  return {
    [`${name}.receiveSome`]: calls((stream) => stream.receiveSome()),
    [`${name}.receiveInto`]: calls((stream) => stream.receiveInto(new Uint8Array(8))),
    [`${name}.[Symbol.asyncIterator]`]: calls((stream) => stream[Symbol.asyncIterator]().next()),
    [`${name}.sendAll`]: calls((stream) => stream.sendAll(ONE), { spoilt: true }),
    [`${name}.sendEof`]: calls((stream) => stream.sendEof(), { spoilt: true }),
    [`${name}.[Symbol.asyncDispose]`]: calls((stream) => stream[Symbol.asyncDispose](), {
      waiting: CLEANUP,
      close: NOBODY,
      uncancelled: "release",
    }),
  };
}

/** A method of `BufferedStream`, over a socket, and over a stream of the user's. */
function buffered(
  name: string,
  way: (stream: BufferedReceiver) => unknown,
): Record<string, AnyRecipe> {
  return {
    [`BufferedStream.${name}`]: bufferedOver((ready) => new SocketStream(new Conn(ready)), way),
    [`BufferedReceiver.${name}`]: bufferedOver((ready) => new SocketStream(new Conn(ready)), way, BufferedReceiver),
    [`BufferedStream.${name} (over a user's stream)`]: bufferedOver(
      (ready) => ready ? new UserStream(true) : memoryStreamPair()[0],
      way,
    ),
  };
}

function bufferedOver(
  open: (ready: boolean) => HalfCloseableStream,
  way: (stream: BufferedReceiver) => unknown,
  Buffered: new (stream: HalfCloseableStream) => BufferedReceiver = BufferedStream,
): AnyRecipe {
  return recipe<Record<"ready" | "waiting", BufferedReceiver>>({
    open: (kit) => ({
      ready: kit.use(new Buffered(open(true))),
      waiting: kit.use(new Buffered(open(false))),
    }),
    ready: ({ ready }) => way(ready),
    waiting: ({ waiting }) => way(waiting),
    close({ ready, waiting }) {
      ready.close();
      waiting.close();
    },
  });
}

/** `sendText()` of a class of streams. */
function sendTextOf(name: string, open: (ready: boolean) => TextSender & { close(): void }): Record<string, AnyRecipe> {
  return {
    [`${name}.sendText`]: recipe({
      open: (kit) => ({ ready: kit.use(open(true)), waiting: kit.use(open(false)) }),
      ready: ({ ready }) => ready.sendText("x"),
      waiting: ({ waiting }) => waiting.sendText("x"),
      close({ ready, waiting }) {
        ready.close();
        waiting.close();
      },
      spoilt: true,
    }),
  };
}

/** What opens something on the network of the run. */
function opens(
  way: () => Promise<{ close(): void } | { close(): void }[]>,
  more: Partial<Recipe<void>> = {},
): AnyRecipe {
  const both = {
    open: nothing,
    async ready() {
      for (const opened of [await way()].flat()) opened.close();
    },
    alone: way,
    waiting: way,
    close: NOBODY,
    network: network(true),
  };
  return recipe({ ...both, waiting: "a ready network answers at once", ...more });
}

/** The same on a network on which nothing happens. */
function opensNever(way: () => unknown): AnyRecipe {
  return recipe({
    keeps: "the operation of the host, which goes on",
    open: nothing,
    ready: "nothing is ever ready here",
    waiting: way,
    close: NOBODY,
    network: network(false),
  });
}

/** One call that never waits for anything, and goes on and on. */
function endless(way: () => unknown): AnyRecipe {
  return recipe({ open: nothing, ready: FOREVER, waiting: FOREVER, close: NOBODY, endless: way });
}

function buffer(byte?: string): BufferedStream<HalfCloseableStream> {
  return new BufferedStream(new UserStream(true, byte));
}

/** A socket that takes a byte at a time, each at once. */
function slowSocket(): SocketStream {
  return new SocketStream(new Conn(true, 1));
}

/** A server, which never ends by itself. */
function server(way: () => unknown): AnyRecipe {
  return recipe({ open: nothing, ready: FOREVER, waiting: way, close: NOBODY, network: network(false) });
}

/** A server of HTTP beside the calls: `/` answers, `/silent` never does, and anything else is a WebSocket. */
async function siteBeside(kit: Kit): Promise<string> {
  let url = "";
  const server = httpServer(async (request) => {
    if (request.headers.has("upgrade")) {
      return upgradeWebSocket(request, async (socket) => {
        if (request.url.endsWith("/chatty")) { for (let i = 0; i < 1e6; i++) await socket.send("hello"); }
        for await (const _ of socket);
      });
    }
    if (request.url.endsWith("/silent")) await sleepForever();
    return new Response("hello");
  }, HERE);
  await kit.beside((ready) =>
    server({
      started([address]) {
        url = `http://127.0.0.1:${address.port}/`;
        ready();
      },
    })
  );
  return url;
}

const sockets = {
  async open(kit: Kit) {
    const url = (await siteBeside(kit)).replace("http", "ws");
    const [chatty, silent] = [await openWebSocket(`${url}chatty`), await openWebSocket(url)];
    for (const socket of [chatty, silent]) kit.use(socket);
    return { url, chatty, silent };
  },
  close: ({ chatty, silent }: { chatty: { close(): unknown }; silent: { close(): unknown } }) =>
    Promise.all([chatty.close(), silent.close()]),
};

export const NET: Readonly<Record<string, AnyRecipe>> = {
  ...streamRecipes("HalfCloseableStream", (_, ready) => new SocketStream(new Conn(ready))),
  ...streamRecipes("SocketStream", (_, ready) => new SocketStream(new Conn(ready))),
  ...streamRecipes("TlsStream", (_, ready) => new TlsStream(new Conn(ready))),
  ...streamRecipes("StapledStream", (_, ready) => {
    return new StapledStream(new SocketStream(new Conn(ready)), new SocketStream(new Conn(ready)));
  }),
  ...streamRecipes("BufferedStream", (_, ready) => new BufferedStream(new SocketStream(new Conn(ready)))),
  ...buffered("receiveSome", (stream) => stream.receiveSome()),
  ...buffered("receiveInto", (stream) => stream.receiveInto(new Uint8Array(8))),
  ...buffered("[Symbol.asyncIterator]", (stream) => stream[Symbol.asyncIterator]().next()),
  "BufferedReceiver.[Symbol.asyncDispose]": recipe({
    open: () => new BufferedReceiver(new SocketStream(new Conn(false))),
    ready: (stream) => stream[Symbol.asyncDispose](),
    waiting: CLEANUP,
    close: NOBODY,
    uncancelled: "release",
  }),
  ...sendTextOf("SocketStream", (ready) => new SocketStream(new Conn(ready))),
  ...sendTextOf("TextSender", (ready) => new SocketStream(new Conn(ready))),
  ...sendTextOf("TlsStream", (ready) => new TlsStream(new Conn(ready))),
  ...sendTextOf("BufferedStream", (ready) => new BufferedStream(new SocketStream(new Conn(ready)))),
  ...sendTextOf("StapledStream", (ready) => {
    return new StapledStream(new SocketStream(new Conn(ready)), new SocketStream(new Conn(ready)));
  }),
  ...buffered("receiveExactly", (stream) => stream.receiveExactly(1)),
  ...buffered("peek", (stream) => stream.peek(1)),
  ...buffered("receiveUntil", (stream) => stream.receiveUntil("\n")),
  ...buffered("receiveMessage", (stream) => stream.receiveMessage(() => ({ value: 1, size: 1 }))),
  ...buffered("receiveLine", (stream) => stream.receiveLine()),
  ...buffered("lines", (stream) => stream.lines().next()),
  ...buffered("receiveUint8", (stream) => stream.receiveUint8()),
  ...buffered("receiveUint16", (stream) => stream.receiveUint16()),
  ...buffered("receiveUint32", (stream) => stream.receiveUint32()),
  ...buffered("receiveUint64", (stream) => stream.receiveUint64()),
  "BufferedStream.receiveUint8 (ended)": recipe({
    open: () => new BufferedStream(new EndedStream()),
    ready: FOREVER,
    waiting: FOREVER,
    close: NOBODY,
    refused: (stream) => stream.receiveUint8(),
  }),
  "BufferedStream.receiveSome (ended)": recipe({
    open: () => new BufferedStream(new EndedStream()),
    ready: (stream) => stream.receiveSome(),
    waiting: "it has ended",
    close: NOBODY,
  }),

  ...Object.fromEntries(["SocketListener", "Listener"].flatMap((name) => [
    [
      `${name}.accept`,
      recipe({
        open: (kit) => {
          const listener = (ready: boolean) =>
            kit.use(new SocketListener(hostListener(ready), (conn) => new SocketStream(conn)));
          return { ready: listener(true), waiting: listener(false) };
        },
        ready: async ({ ready }) => (await ready.accept()).close(),
        alone: ({ ready }) => ready.accept(),
        waiting: ({ waiting }) => waiting.accept(),
        close({ ready, waiting }) {
          ready.close();
          waiting.close();
        },
      }),
    ],
    [
      `${name}.[Symbol.asyncDispose]`,
      recipe({
        open: () => new SocketListener(hostListener(false), (conn) => new SocketStream(conn)),
        ready: (listener) => listener[Symbol.asyncDispose](),
        waiting: CLEANUP,
        close: NOBODY,
        uncancelled: "release",
      }),
    ],
  ])),
  "TlsStream.handshake": recipe({
    open: (kit) => ({
      ready: kit.use(new TlsStream(new Conn(true))),
      waiting: kit.use(new TlsStream(new Conn(false))),
    }),
    ready: ({ ready }) => ready.handshake(),
    waiting: ({ waiting }) => waiting.handshake(),
    close({ ready, waiting }) {
      ready.close();
      waiting.close();
    },
  }),

  openTcpStream: opens(() => openTcpStream("127.0.0.1", 1)),
  "openTcpStream (by name)": opens(() => openTcpStream("example.org", 1)),
  "openTcpStream (never)": opensNever(() => openTcpStream("127.0.0.1", 1)),
  openTlsStream: opens(() => openTlsStream("127.0.0.1", 1)),
  "openTlsStream (never)": opensNever(() => openTlsStream("127.0.0.1", 1)),
  openUdpSocket: opens(() => openUdpSocket()),
  "openUdpSocket (never)": opensNever(() => openUdpSocket()),
  "UdpSocket.receive": udp((socket) => socket.receive()),
  "UdpSocket.send": udp((socket) => socket.send(ONE)),
  "UdpSocket.joinGroup": udp((socket) => socket.joinGroup("239.1.1.1")),
  "UdpSocket.leaveGroup": udp((socket) => socket.leaveGroup("239.1.1.1")),
  "UdpSocket.[Symbol.asyncIterator]": udp((socket) => socket[Symbol.asyncIterator]().next()),
  "UdpSocket.[Symbol.asyncDispose]": udp((socket) => socket[Symbol.asyncDispose](), {
    waiting: CLEANUP,
    close: NOBODY,
    uncancelled: "release",
  }),
  openUnixStream: opens(() => openUnixStream("/run/x.sock")),
  "openUnixStream (never)": opensNever(() => openUnixStream("/run/x.sock")),
  openTcpListeners: opens(() => openTcpListeners(0)),
  openTlsListeners: opens(() => openTlsListeners(0, IDENTITY)),
  openUnixListener: opens(() => openUnixListener("/run/x.sock")),
  "openUnixListener (never)": {
    ...opensNever(() => openUnixListener("/run/x.sock")),
    // Somebody has left a socket there: it asks, by a connection, whether that is still alive.
    network: {
      ...network(false),
      listenUnix() {
        throw new Deno.errors.AddrInUse("Address in use");
      },
    },
  },
  startTls: recipe({
    open: nothing,
    ready: async () => (await startTls(new SocketStream(new Conn(true)), { serverName: "x.test" })).close(),
    alone: () => startTls(new SocketStream(new Conn(true)), { serverName: "x.test" }),
    waiting: "a ready network answers at once",
    close: NOBODY,
    network: network(true),
  }),
  "startTls (never)": opensNever(() => startTls(new SocketStream(new Conn(false)), { serverName: "x.test" })),
  serveTcp: server(() => serveTcp(nothing, { port: 0 })),
  serveTls: server(() => serveTls(nothing, { port: 0, ...IDENTITY })),
  serveUnix: server(() => serveUnix(nothing, { path: "/run/x.sock" })),
  serveListeners: recipe({
    open: () => new SocketListener(hostListener(false), (conn) => new SocketStream(conn)),
    ready: FOREVER,
    waiting: (listener) => serveListeners(nothing, [listener]),
    close: (listener) => listener.close(),
    spoilt: true,
  }),
  serveHttp: recipe({
    open: nothing,
    ready: FOREVER,
    waiting: () => serveHttp(() => new Response(), HERE),
    close: NOBODY,
    slow: true,
  }),
  fetch: recipe({
    open: siteBeside,
    ready: async (url) => void await (await fetch(url)).text(),
    alone: (url) => fetch(url),
    waiting: (url) => fetch(`${url}silent`),
    close: NOBODY,
    slow: true,
  }),
  openWebSocket: recipe({
    async open(kit) {
      const silent = Deno.listen(HERE);
      const conns: Deno.Conn[] = [];
      const accepting = (async () => {
        for await (const conn of silent) conns.push(conn);
      })();
      kit.defer(async () => {
        silent.close();
        await accepting;
        for (const conn of conns) conn.close();
      });
      return { url: (await siteBeside(kit)).replace("http", "ws"), silent: `ws://127.0.0.1:${silent.addr.port}/` };
    },
    ready: async ({ url }) => void await (await openWebSocket(url)).close(),
    alone: ({ url }) => openWebSocket(url),
    waiting: ({ silent }) => openWebSocket(silent),
    close: NOBODY,
    slow: true,
  }),
  "WebSocketChannel.receive": recipe({
    ...sockets,
    ready: ({ chatty }) => chatty.receive(),
    waiting: ({ silent }) => silent.receive(),
  }),
  "WebSocketChannel.[Symbol.asyncIterator]": recipe({
    ...sockets,
    ready: ({ chatty }) => chatty[Symbol.asyncIterator]().next(),
    waiting: ({ silent }) => silent[Symbol.asyncIterator]().next(),
  }),
  "WebSocketChannel.send": recipe({
    ...sockets,
    ready: ({ silent }) => silent.send("hello"),
    waiting: "a peer on this machine takes what it is sent",
  }),
  "WebSocketChannel.close": recipe({
    ...sockets,
    ready: ({ silent }) => silent.close(),
    waiting: CLEANUP,
    close: NOBODY,
    uncancelled: "release",
  }),
  "WebSocketChannel.[Symbol.asyncDispose]": recipe({
    ...sockets,
    ready: ({ silent }) => silent[Symbol.asyncDispose](),
    waiting: CLEANUP,
    close: NOBODY,
    uncancelled: "release",
  }),
  pipe: recipe({
    open: () => new SocketStream(new Conn(false)),
    ready: () => pipe(new EndedStream(), new UserStream(true)),
    waiting: (silent) => pipe(silent, new UserStream(true)),
    close: NOBODY,
  }),
  proxy: recipe({
    open: nothing,
    ready: () => proxy(new EndedStream(), new EndedStream()),
    waiting: () => proxy(new SocketStream(new Conn(false)), new SocketStream(new Conn(false))),
    close: NOBODY,
  }),
  "pipe (endless)": endless(() => pipe(new UserStream(true), new UserStream(true))),
  "proxy (endless)": endless(() => proxy(new UserStream(true), new UserStream(true))),
  "trickle (endless)": endless(() => trickle(new UserStream(true), new Uint8Array(300_000), { every: 0 })),
  "BufferedStream.receiveUntil (endless)": endless(() => buffer().receiveUntil("x", { max: 1e7 })),
  "BufferedStream.receiveExactly (endless)": endless(() => buffer().receiveExactly(3_000_000)),
  "BufferedStream.receiveLine (endless)": endless(() => buffer("x").receiveLine({ max: 1e7 })),
  "BufferedStream.receiveMessage (endless)": endless(() => buffer().receiveMessage(() => null, { max: 1e7 })),
  "BufferedStream.sendAll (endless)": endless(() => new BufferedStream(slowSocket()).sendAll(new Uint8Array(300_000))),
  "SocketStream.sendAll (endless)": endless(() => slowSocket().sendAll(new Uint8Array(300_000))),
  "serveListeners (endless)": endless(() => {
    return serveListeners(nothing, [new SocketListener(hostListener(true), (conn) => new SocketStream(conn))]);
  }),
  "serveListeners (endless, of somebody's)": endless(() => {
    const accept = () => Promise.resolve({ close() {} });
    return serveListeners(nothing, [{ accept, close() {} } as Listener<{ close(): void }>]);
  }),
  closeForcefully: recipe({
    open: nothing,
    ready: () => closeForcefully(new UserStream(true)),
    waiting: CLEANUP,
    close: NOBODY,
    uncancelled: "release",
  }),
};
