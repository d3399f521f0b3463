import { openNursery } from "../core/mod.ts";
import type { NetworkConn, NetworkTlsConn } from "../core/lowlevel.ts";
import { checkHalfCloseableStream, checkListener, memoryStreamPair } from "../testing/mod.ts";
import { makeCertificates } from "./_fixtures/make_certificates.ts";
import {
  openTcpListeners,
  openTcpStream,
  openTlsListeners,
  openTlsStream,
  SocketListener,
  SocketStream,
  TlsStream,
} from "./mod.ts";

const HERE = { hostname: "127.0.0.1" };
const certificates = await makeCertificates();
const { ca, cert, key } = certificates ?? { ca: "", cert: "", key: "" };
const ignore = certificates === null;

async function tcpPair(): Promise<[SocketStream, SocketStream]> {
  const [listener] = await openTcpListeners(0, HERE);
  using _ = listener;
  return await openNursery(async (nursery) => {
    const accepting = nursery.startSoon(() => listener.accept());
    const client = await openTcpStream("127.0.0.1", listener.address.port);
    return [client, await accepting.join()] as [SocketStream, SocketStream];
  });
}

async function tlsPair(): Promise<[SocketStream, SocketStream]> {
  const [listener] = await openTlsListeners(0, { ...HERE, cert, key });
  using _ = listener;
  return await openNursery(async (nursery) => {
    const accepting = nursery.startSoon(async () => {
      const server = await listener.accept();
      await server.handshake();
      return server;
    });
    const client = await openTlsStream("127.0.0.1", listener.address.port, { caCerts: [ca] });
    return [client, await accepting.join()] as [SocketStream, SocketStream];
  });
}

Deno.test("TCP streams keep the rules of a half-closeable stream, over loopback", (t) =>
  checkHalfCloseableStream(t, tcpPair, { time: "real" }));

Deno.test("socket streams keep the rules over a host that misbehaves", (t) =>
  checkHalfCloseableStream(t, () => memoryStreamPair(), { over: (conn) => new SocketStream(conn) }));

Deno.test("TLS streams keep the rules over a host that misbehaves", async (t) => {
  for (const missingCloseNotify of ["error", "end"] as const) {
    const over = (conn: NetworkConn) => {
      const handshake = () => Promise.resolve({ alpnProtocol: null });
      return new TlsStream(Object.assign(conn, { handshake }), { missingCloseNotify });
    };
    await t.step(missingCloseNotify, (t) => checkHalfCloseableStream(t, () => memoryStreamPair(), { over }));
  }
});

Deno.test("listeners keep the rules over a host that misbehaves", (t) => {
  const make = async () => {
    const [listener] = await openTcpListeners(0);
    return { listener: listener, connect: () => openTcpStream("localhost", listener.address.port) };
  };
  return checkListener(t, make, { over: (listener) => new SocketListener(listener) });
});

Deno.test("TCP listeners keep the rules of a listener, over loopback", (t) =>
  checkListener(t, async () => {
    const [listener] = await openTcpListeners(0, HERE);
    return { listener: listener, connect: () => openTcpStream("127.0.0.1", listener.address.port) };
  }, { time: "real" }));

Deno.test({
  name: "TLS streams keep the rules of a half-closeable stream, over loopback",
  ignore,
  fn: (t) => checkHalfCloseableStream(t, tlsPair, { time: "real" }),
});

Deno.test({
  name: "TLS listeners keep the rules of a listener, over loopback",
  ignore,
  fn: (t) =>
    checkListener(t, async () => {
      const [listener] = await openTlsListeners(0, { ...HERE, cert, key });
      const { port } = listener.address;
      // Accepting does no handshake, so a client that waited for it would never connect.
      const connect = async () => {
        const conn = await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts: [ca] });
        return new TlsStream(conn as unknown as NetworkTlsConn);
      };
      return { listener: listener, connect };
    }, { time: "real" }),
});
