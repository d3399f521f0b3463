import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { BrokenResourceError, moveOnAfter, openNursery, run } from "../../core/mod.ts";
import type { Network } from "../../core/lowlevel.ts";
import { checkHalfCloseableStream } from "../../testing/mod.ts";
import { openTcpListeners, openTcpStream, openTlsStream, type SocketStream, startTls } from "../mod.ts";

const HERE = { hostname: "127.0.0.1" };
const FROM = { localAddress: "127.0.0.1" };

async function pair(): Promise<[SocketStream, SocketStream]> {
  const [listener] = await openTcpListeners(0, HERE);
  using _ = listener;
  const client = await openTcpStream("127.0.0.1", listener.address.port, FROM);
  return [client, await listener.accept()];
}

Deno.test("streams from a local address keep the rules of a half-closeable stream", (t) =>
  checkHalfCloseableStream(t, pair, { time: "real" }));

Deno.test("openTcpStream() connects from the local address it is told, and both ends know it", async () => {
  const [client, server] = await pair();
  assertEquals(client.localAddress, { transport: "tcp", hostname: "127.0.0.1", port: server.remoteAddress.port });
  assertEquals(server.remoteAddress.hostname, "127.0.0.1");
  assertEquals({ ...client.remoteAddress }, { ...server.localAddress });
  client.close();
  server.close();
});

Deno.test("a local address of the other IP version, or a server that is gone, is an error that says so", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  const { port } = listener.address;
  await assertRejects(
    () => openTcpStream("127.0.0.1", port, { localAddress: "::1" }),
    BrokenResourceError,
    `Cannot connect to 127.0.0.1:${port} as no address of it can be reached from "localAddress" ::1: found 127.0.0.1`,
  );
  listener.close();
  const error = await assertRejects(
    () => openTcpStream("127.0.0.1", port, FROM),
    BrokenResourceError,
    `Cannot connect to 127.0.0.1:${port} as no attempt succeeded: 127.0.0.1:${port}: connect ECONNREFUSED`,
  );
  assertInstanceOf(error.cause, AggregateError);
});

Deno.test("a local address that the program may not use is the error of a missing permission, which can be caught", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  const error = await openTcpStream("127.0.0.1", listener.address.port, { localAddress: "192.0.2.1" }).catch((e) => e);
  assertInstanceOf(error, Deno.errors.NotCapable);
  assertEquals(error.message, 'Requires net access to "192.0.2.1:0", run again with the --allow-net flag');
  listener.close();
});

Deno.test("localAddress is checked before any effect, and is nothing for TLS", async () => {
  const open = (localAddress: unknown) => openTcpStream("127.0.0.1", 1, { localAddress: localAddress as string });
  const action = 'Cannot open a TCP stream as "localAddress" must be';
  await assertRejects(() => open(5), TypeError, `${action} a string: received 5`);
  await assertRejects(() => open("localhost"), RangeError, `${action} an IP address: received "localhost"`);
  await assertRejects(
    () => openTlsStream("127.0.0.1", 1, FROM as object),
    TypeError,
    'Cannot open a TLS stream as "localAddress" must be left out: the host cannot begin TLS on a connection from one',
  );
  const [client, server] = await pair();
  await assertRejects(
    () => startTls(client, { serverName: "localhost" }),
    BrokenResourceError,
    "Cannot start TLS with",
  );
  client.close();
  server.close();
});

Deno.test("a connect from a local address that is cancelled at any time leaves nothing open", async () => {
  const [listener] = await openTcpListeners(0, HERE);
  const { port } = listener.address;
  for (let round = 0; round < 60; round++) {
    const outcome = await moveOnAfter(Infinity, async (scope) => {
      const opening = openTcpStream("127.0.0.1", port, FROM);
      opening.catch(() => {});
      for (let turn = round % 6; turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
      scope.cancel();
      return await opening;
    });
    if (!outcome.cancelledCaught) outcome.value.close();
  }
  // Every connection the listener got is one whose other end is closed.
  using last = await openTcpStream("127.0.0.1", port);
  await last.sendAll(new Uint8Array([7]));
  for (let found = false; !found;) {
    using stream = await listener.accept();
    const end = await stream.receiveSome().catch((error) => error);
    found = end instanceof Uint8Array;
    assert(found || end === null || end instanceof BrokenResourceError);
  }
  listener.close();
});

Deno.test("the network of a run is told the local address, and only then", async () => {
  const told: unknown[] = [];
  const network: Network = {
    connect({ hostname, localAddress }) {
      told.push([hostname, localAddress]);
      return Promise.reject(new Error("no"));
    },
    listen() {
      throw new Error("no");
    },
    resolve: () => Promise.resolve([{ address: "10.0.0.1", family: 4 }, { address: "::1", family: 6 }]),
  };
  await run(() =>
    openNursery(async () => {
      await openTcpStream("name", 1, { localAddress: "10.0.0.9" }).catch(() => {});
      await openTcpStream("10.0.0.2", 1).catch(() => {});
    }), { network });
  assertEquals(told, [["10.0.0.1", "10.0.0.9"], ["10.0.0.2", undefined]]);
});
