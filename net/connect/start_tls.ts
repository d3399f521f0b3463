/** Beginning TLS on a connection that is open already, as a client. */

import { composedWait } from "../../core/internal.ts";
import { ownOptions, requireHostname } from "../base/check.ts";
import { beginTls } from "../host/begin_tls.ts";
import { checkTlsClient, type StartTlsOptions } from "../host/tls_options.ts";
import { SocketStream } from "../streams/socket_stream.ts";
import { TlsStream } from "../streams/tls_stream.ts";

/**
 * Begins TLS on a connection that is open already, as mail and database protocols do after `STARTTLS`.
 *
 * The stream is taken over and closed: use the stream that is returned, whose handshake is done. Only clients can do
 * this, as the host cannot upgrade the server's end.
 *
 * The stream must be idle: no operation in progress, no cancelled receive in flight, no unread bytes (they may have
 * been injected). A `BufferedReceiver` on it must be empty for the same reason. Otherwise this throws, and the stream
 * stays usable.
 *
 * **Cancellation:** throws `Cancelled`; the connection is closed. If the scope was cancelled before the call, nothing
 * happens to the connection.
 *
 * @example Asking first
 * ```ts
 * import { BrokenResourceError, openNursery, openTcpListeners, openTcpStream, startTls } from "@trefoil/io";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const encode = (text: string) => new TextEncoder().encode(text);
 * const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(async () => {
 *     using server = await listener.accept();
 *     await server.receiveSome();
 *     await server.sendAll(encode("220 go ahead\r\n"));
 *     await server.receiveSome();
 *     await server.sendAll(encode("but this server cannot"));
 *   });
 *   using plain = await openTcpStream("127.0.0.1", listener.address.port);
 *   await plain.sendAll(encode("STARTTLS\r\n"));
 *   assertEquals(await plain.receiveSome(), encode("220 go ahead\r\n"));
 *   await assertRejects(() => startTls(plain, { serverName: "mail.test" }), BrokenResourceError, "handshake");
 * });
 * listener.close();
 * ```
 *
 * @param stream A TCP connection; not a `TlsStream`.
 * @param options The name to verify, and what to trust and to offer.
 * @returns The encrypted stream, which belongs to the caller.
 * @throws {BusyResourceError} If the stream is not idle; it stays usable.
 * @throws {BrokenResourceError} If the handshake failed, or the connection is broken; `cause` is the host's error.
 * @throws {ClosedResourceError} If the stream is closed.
 * @throws {TooSlowError} If the handshake took longer than `handshakeTimeout`.
 * @category Connecting
 */
export function startTls(
  // A `TlsStream`, which has a handshake behind it, does not fit.
  stream: SocketStream & { readonly handshake?: never },
  options: StartTlsOptions,
): Promise<TlsStream> {
  return composedWait(() => upgrade(stream, options));
}

async function upgrade(stream: SocketStream, options: StartTlsOptions): Promise<TlsStream> {
  const action = "start TLS";
  if (!(stream instanceof SocketStream) || stream instanceof TlsStream || stream.remoteAddress.transport !== "tcp") {
    throw new TypeError(`Cannot ${action} as "stream" must be a plain TCP stream: received another kind`);
  }
  const own = ownOptions(action, options);
  const serverName = requireHostname(action, "serverName", own.serverName);
  checkTlsClient(action, own);
  return await beginTls(action, stream, { ...own, serverName });
}
