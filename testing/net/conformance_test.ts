import { openNursery, type UnixAddress } from "../../core/mod.ts";
import { openTcpListeners, openTcpStream, openUnixListener, openUnixStream, type SocketStream } from "../../net/mod.ts";
import { checkHalfCloseableStream, checkListener } from "../mod.ts";

/** More than the window and the buffers on the way. */
const CLOG = 200_000;

async function tcpPair(): Promise<[SocketStream, SocketStream]> {
  const [listener] = await openTcpListeners(0);
  using _ = listener;
  return await openNursery(async (nursery) => {
    const accepting = nursery.startSoon(() => listener.accept());
    const client = await openTcpStream("localhost", listener.address.port);
    return [client, await accepting.join()] as [SocketStream, SocketStream];
  });
}

async function unixPair(): Promise<[SocketStream<UnixAddress>, SocketStream<UnixAddress>]> {
  using listener = await openUnixListener("/run/test.sock");
  return await openNursery(async (nursery) => {
    const accepting = nursery.startSoon(() => listener.accept());
    const client = await openUnixStream("/run/test.sock");
    return [client, await accepting.join()] as [SocketStream<UnixAddress>, SocketStream<UnixAddress>];
  });
}

Deno.test("TCP streams in memory keep the rules of a half-closeable stream, in several courses of chance", async (t) => {
  for (let seed = 0; seed < 5; seed++) {
    await t.step(`seed ${seed}`, (t) => checkHalfCloseableStream(t, tcpPair, { clog: CLOG, simulation: { seed } }));
  }
});

Deno.test("TCP listeners in memory keep the rules of a listener", (t) =>
  checkListener(t, async () => {
    const [listener] = await openTcpListeners(0);
    return { listener: listener, connect: () => openTcpStream("localhost", listener.address.port) };
  }));

Deno.test("Unix streams in memory keep the rules of a half-closeable stream", (t) =>
  checkHalfCloseableStream(t, unixPair, { clog: CLOG }));

Deno.test("Unix listeners in memory keep the rules of a listener", (t) =>
  checkListener(t, async () => ({
    listener: await openUnixListener("/run/test.sock"),
    connect: () => openUnixStream("/run/test.sock"),
  })));
