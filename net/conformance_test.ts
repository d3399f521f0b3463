import { openNursery } from "../core/mod.ts";
import { checkHalfCloseableStream, checkListener } from "../testing/mod.ts";
import { openTcpListeners, openTcpStream, type SocketStream } from "./mod.ts";

async function tcpPair(): Promise<[SocketStream, SocketStream]> {
  const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
  using _ = listener!;
  return await openNursery(async (nursery) => {
    const accepting = nursery.startSoon(() => listener!.accept());
    const client = await openTcpStream("127.0.0.1", listener!.address.port);
    return [client, await accepting.join()] as [SocketStream, SocketStream];
  });
}

Deno.test("TCP streams keep the rules of a half-closeable stream, over loopback", (t) =>
  checkHalfCloseableStream(t, tcpPair, { time: "real" }));

Deno.test("TCP listeners keep the rules of a listener, over loopback", (t) =>
  checkListener(t, async () => {
    const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
    return { listener: listener!, connect: () => openTcpStream("127.0.0.1", listener!.address.port) };
  }, { time: "real" }));
