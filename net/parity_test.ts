/**
 * The same servers and clients over loopback and over the network in memory: the same results, and the same errors, by
 * class, code and words.
 */

import { createConnection } from "node:net";
import { assertEquals } from "@std/assert";
import {
  all,
  ErrorGroup,
  Event,
  moveOnAfter,
  type Nursery,
  openNursery,
  sleep,
  sleepForever,
  type TcpAddress,
  untilShutdown,
} from "../core/mod.ts";
import { currentRun, type NetworkConn } from "../core/lowlevel.ts";
import { simulate, type Simulation } from "../testing/mod.ts";
import {
  BufferedStream,
  openTcpListeners,
  openTcpStream,
  serveListeners,
  type ServeTcpOptions,
  SocketListener,
  SocketStream,
  tcpServer,
} from "./mod.ts";

const HERE = { hostname: "127.0.0.1" };
const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** An error and what it was caused by, without what differs from run to run. */
function describe(error: unknown): unknown {
  if (error instanceof ErrorGroup) return error.errors.map(describe);
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: string };
  const message = error.message.replace(/:\d+/g, ":port").replace(/ #\d+/g, " #id");
  return [
    error.constructor.name,
    error.name,
    code,
    message,
    ...error.cause === undefined ? [] : [describe(error.cause)],
  ];
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then((value) => ({ value }), (error) => describe(error));

/** Runs a scenario over both networks, and requires the same of both. */
function parity(name: string, scenario: () => Promise<unknown>): void {
  Deno.test(`over loopback and in memory alike: ${name}`, async () => {
    const real = await scenario();
    for (let seed = 0; seed < 5; seed++) assertEquals(await simulate(scenario, { seed }), real);
  });
}

async function withServer<T>(
  handler: (stream: SocketStream) => unknown,
  client: (port: number, nursery: Nursery) => Promise<T>,
  options: Partial<ServeTcpOptions> = {},
): Promise<T> {
  return await openNursery(async (nursery) => {
    const [address] = await nursery.start(tcpServer(handler, { ...HERE, port: 0, ...options }));
    const result = await client(address.port, nursery);
    nursery.cancel();
    return result;
  });
}

async function tcpPair(): Promise<[SocketStream, SocketStream]> {
  const [listener] = await openTcpListeners(0, HERE);
  using _ = listener;
  return await openNursery(async (nursery) => {
    const accepting = nursery.startSoon(() => listener.accept());
    const client = await openTcpStream("127.0.0.1", listener.address.port);
    return [client, await accepting.join()] as [SocketStream, SocketStream];
  });
}

/** Both ends of a connection as the network gives them. */
async function rawPair(): Promise<[NetworkConn, NetworkConn, { close(): void }]> {
  const network = currentRun().network;
  const listener = network?.listen({ ...HERE, port: 0 }) ?? Deno.listen({ ...HERE, port: 0 });
  const { port } = listener.addr as TcpAddress;
  const [server, client] = await Promise.all([
    listener.accept(),
    network?.connect({ ...HERE, port }) ?? Deno.connect({ ...HERE, port }),
  ]);
  return [client as NetworkConn, server as NetworkConn, listener];
}

/** Sends until the peer's system has said that nobody receives it any more. */
async function sendUntilBroken(stream: SocketStream): Promise<unknown> {
  while (true) {
    const end = await failure(stream.sendAll(encode("x")));
    if (Array.isArray(end)) return end;
    await sleep(1);
  }
}

async function receiveAll(stream: SocketStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += decode(chunk);
  return text;
}

parity("an echo server, line by line, and the end of both directions", () =>
  withServer(async (stream) => {
    for await (const chunk of stream) await stream.sendAll(chunk);
    await stream.sendEof();
  }, async (port) => {
    await using client = new BufferedStream(await openTcpStream("127.0.0.1", port));
    await client.sendAll(encode("one\ntwo\nthree\n"));
    await client.sendEof();
    const lines: string[] = [];
    for await (const line of client.lines()) lines.push(line);
    return lines;
  }));

parity("addresses of both ends, of the listener, and of a server told by name", () =>
  withServer(async (stream) => {
    const { localAddress, remoteAddress } = stream;
    await stream.sendAll(encode(JSON.stringify([localAddress, remoteAddress])));
  }, async (port) => {
    using client = await openTcpStream("localhost", port);
    const server = JSON.parse(await receiveAll(client));
    const plain = ({ hostname, port, transport }: TcpAddress) => ({ hostname, port, transport });
    assertEquals(server, [plain(client.remoteAddress), plain(client.localAddress)]);
    assertEquals(client.remoteAddress.port, port);
    return [client.localAddress.hostname, client.remoteAddress.hostname, client.localAddress.transport];
  }));

parity("nobody listens", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  const { port } = listener.address;
  listener.close();
  return await failure(openTcpStream("127.0.0.1", port));
});

parity("the port is taken, also by who listens on every address", async () => {
  const results: unknown[] = [];
  for (const [first, second] of [["127.0.0.1", "127.0.0.1"], ["0.0.0.0", "127.0.0.1"], ["127.0.0.1", "0.0.0.0"]]) {
    const [listener] = await openTcpListeners(0, { hostname: first! });
    results.push(await failure(openTcpListeners(listener.address.port, { hostname: second! })));
    listener.close();
    const [again] = await openTcpListeners(listener.address.port, { hostname: second! });
    again!.close();
  }
  return results;
});

parity("a connection that waits to be accepted when the listener closes is reset", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  using client = await openTcpStream("127.0.0.1", listener.address.port);
  listener.close();
  return [await failure(client.receiveSome()), await failure(client.receiveSome())];
});

parity("the peer closes: what it sent arrives, then the end; sends break", async () => {
  const [client, server] = await tcpPair();
  await server.sendAll(encode("bye"));
  server.close();
  const results = [await receiveAll(client), await failure(client.sendAll(encode("x")))];
  results.push(
    await sendUntilBroken(client),
    await failure(client.sendAll(encode("z"))),
    await failure(client.receiveSome()),
  );
  client.close();
  return results;
});

parity("the peer closes with bytes unread: the end for who receives, and sends break", async () => {
  const [client, server] = await tcpPair();
  await client.sendAll(encode("unread"));
  server.close();
  const results = [await failure(client.receiveSome()), await sendUntilBroken(client)];
  client.close();
  return results;
});

parity("a blocked send ends when the peer closes", async () => {
  const [client, server] = await tcpPair();
  const results = await openNursery(async (nursery) => {
    const sending = nursery.startSoon(() => failure(client.sendAll(new Uint8Array(64 << 20))));
    await sleep(0);
    server.close();
    return await sending.join();
  });
  client.close();
  return results;
});

parity("what the network itself says: reads, writes and closes in every state", async () => {
  const results: unknown[] = [];
  {
    const [client, server, listener] = await rawPair();
    listener.close();
    const reads = [client.read(new Uint8Array(1)), client.read(new Uint8Array(1))].map(failure);
    results.push(await client.read(new Uint8Array(0)));
    client.close();
    results.push(await Promise.all(reads));
    results.push(await failure(client.read(new Uint8Array(1))), await failure(client.write(new Uint8Array(1))));
    results.push(await failure(client.closeWrite()), await failure(Promise.try(() => client.close())));
    results.push(await server.read(new Uint8Array(1)), await server.write(new Uint8Array(3)));
    server.close();
  }
  {
    const [client, server, listener] = await rawPair();
    await client.closeWrite();
    await client.closeWrite();
    results.push(await failure(client.write(new Uint8Array(1))), await failure(client.write(new Uint8Array(0))));
    client.close();
    server.close();
    const first = failure((listener as Deno.Listener).accept());
    results.push(await failure((listener as Deno.Listener).accept()));
    listener.close();
    results.push(await first, await failure((listener as Deno.Listener).accept()));
    results.push(await failure(Promise.try(() => listener.close())));
  }
  return results;
});

parity("a cancelled receive loses no byte, a cancelled accept no connection", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  await moveOnAfter(1, () => listener.accept());
  using client = await openTcpStream("127.0.0.1", listener.address.port);
  using server = await listener.accept();
  listener.close();
  await moveOnAfter(1, () => server.receiveSome());
  await client.sendAll(encode("kept"));
  client.close();
  return await receiveAll(server);
});

parity("maxConnections: others wait until there is a place", async () => {
  const log: string[] = [];
  const [begun, go] = [new Event(), new Event()];
  await withServer(async (stream) => {
    const name = decode((await stream.receiveSome(1))!);
    log.push(`begin ${name}`);
    begun.set();
    if (name === "a") await go.wait();
    log.push(`end ${name}`);
    await stream.sendAll(encode(name));
  }, async (port, nursery) => {
    const ask = async (name: string) => {
      using client = await openTcpStream("127.0.0.1", port);
      await client.sendAll(encode(name));
      return await receiveAll(client);
    };
    const first = nursery.startSoon(() => ask("a"));
    await begun.wait();
    const second = nursery.startSoon(() => ask("b"));
    await sleep(10);
    log.push("let go");
    go.set();
    log.push(await first.join(), await second.join());
  }, { maxConnections: 1 });
  return log;
});

parity("handlerTimeout closes the connection of who says nothing", async () => {
  const errors: unknown[] = [];
  return await withServer((stream) => stream.receiveSome(), async (port) => {
    using client = await openTcpStream("127.0.0.1", port);
    return [await receiveAll(client), errors];
  }, { handlerTimeout: 20, onHandlerError: (error) => void errors.push(describe(error)) });
});

parity("serveListeners() over two listeners, and a shutdown that lets handlers finish", async () => {
  const listeners = [...await openTcpListeners(0, HERE), ...await openTcpListeners(0, HERE)];
  let begun = 0;
  return await openNursery(async (nursery) => {
    const served = nursery.startSoon(() =>
      serveListeners(async (stream: SocketStream) => {
        if (++begun === 2) nursery.cancelScope.shutdown({ grace: 10_000 });
        await untilShutdown(() => sleepForever());
        await stream.sendAll(encode("done"));
      }, listeners)
    );
    const clients = await Promise.all(listeners.map(({ address }) => openTcpStream("127.0.0.1", address.port)));
    const answers = await Promise.all(clients.map(receiveAll));
    await served.join();
    for (const client of clients) client.close();
    return [answers, await failure(openTcpStream("127.0.0.1", listeners[0]!.address.port))];
  });
});

parity("1 MiB both ways at once arrives as it was sent", async () => {
  const [client, server] = await tcpPair();
  const bytes = new Uint8Array(1 << 20).map((_, i) => (i * 31 + (i >> 8)) & 255);
  const results = await openNursery((nursery) => {
    const sums: number[] = [];
    for (const stream of [client, server]) {
      nursery.startSoon(async () => {
        await stream.sendAll(bytes);
        await stream.sendEof();
      });
      nursery.startSoon(async () => {
        let at = 0;
        for await (const chunk of stream) {
          for (const byte of chunk) if (byte !== bytes[at++]) throw new Error(`at ${at}`);
        }
        sums.push(at);
      });
    }
    return sums;
  });
  client.close();
  server.close();
  return results;
});

Deno.test("listeners and streams of the network itself are in memory, and wrap into ours", () =>
  simulate(async () => {
    const network = currentRun().network!;
    using listener = new SocketListener(network.listen({ ...HERE, port: 0 }));
    using client = new SocketStream(await network.connect(listener.address));
    using server = await listener.accept();
    await client.sendAll(encode("x"));
    assertEquals(await server.receiveSome(), encode("x"));
  }));

/** The other end of a connection, which can do more than a stream of ours. */
interface Peer {
  send(text: string): Promise<void>;
  end(): Promise<void>;
  /** Resets the connection; both ends know when it returns. */
  reset(): Promise<void>;
}

/** `node:net` resets connections for real, which nothing of Deno does. */
async function withRealPeer<T>(body: (stream: SocketStream, peer: Peer) => Promise<T>): Promise<T> {
  const [listener] = await openTcpListeners(0, HERE);
  const socket = createConnection({ host: "127.0.0.1", port: listener.address.port, allowHalfOpen: true });
  const over = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  const connected = new Promise<void>((resolve) => socket.on("connect", () => resolve()));
  socket.on("error", () => {});
  socket.pause();
  try {
    using stream = await listener.accept();
    await connected;
    return await body(stream, {
      send: (text) => new Promise((resolve) => socket.write(text, () => resolve())),
      end: () => new Promise((resolve) => socket.end(() => resolve())),
      reset: () => {
        socket.resetAndDestroy();
        return over;
      },
    });
  } finally {
    socket.destroy();
    listener.close();
    await over;
  }
}

async function withPeerInMemory<T>(
  sim: Simulation,
  body: (stream: SocketStream, peer: Peer) => Promise<T>,
): Promise<T> {
  const [stream, other] = await tcpPair();
  using _stream = stream;
  using _other = other;
  return await body(stream, {
    send: (text) => other.sendAll(encode(text)),
    end: () => other.sendEof(),
    reset: async () => {
      await sleep(1);
      sim.net.reset("test", "test");
    },
  });
}

const receive = (stream: SocketStream) => failure(stream.receiveSome());
const send = (stream: SocketStream, size: number) => failure(stream.sendAll(new Uint8Array(size)));

const RESETS: Readonly<Record<string, (stream: SocketStream, peer: Peer) => Promise<unknown>>> = {
  "while nobody waits, found by a receive": async (stream, peer) => {
    await peer.reset();
    return [await receive(stream), await receive(stream), await send(stream, 1), await send(stream, 1)];
  },
  "while nobody waits, found by a send": async (stream, peer) => {
    await peer.reset();
    return [await send(stream, 1), await receive(stream), await send(stream, 1), await receive(stream)];
  },
  "with bytes that were not received yet": async (stream, peer) => {
    await peer.send("last words");
    await peer.reset();
    let text = "";
    for (let size = 4; text.length < 10; size = 100) text += decode((await stream.receiveSome(size))!);
    return [text, await receive(stream), await receive(stream)];
  },
  "while a receive waits": async (stream, peer) => {
    const [first] = await all([() => receive(stream), () => peer.reset()]);
    return [first, await receive(stream), await send(stream, 1)];
  },
  "after the peer's end": async (stream, peer) => {
    await peer.end();
    const end = await receive(stream);
    await peer.reset();
    return [
      end,
      await sendUntilBroken(stream),
      await receive(stream),
      await stream.sendEof().then(() => "sent", describe),
    ];
  },
};

for (const [when, scenario] of Object.entries(RESETS)) {
  Deno.test(`over loopback and in memory alike: a reset ${when}`, async () => {
    const real = await withRealPeer(scenario);
    for (let seed = 0; seed < 5; seed++) {
      assertEquals(await simulate((sim) => withPeerInMemory(sim, scenario), { seed }), real);
    }
  });
}
