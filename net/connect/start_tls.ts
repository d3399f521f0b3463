/** Beginning TLS on a connection that is open already, as a client. */

import { composedWait } from "../../core/internal.ts";
import { beginTls, checkTlsClient } from "../host/begin_tls.ts";
import { requireHost } from "../base/check.ts";
import { SocketStream } from "../streams/socket_stream.ts";
import { TlsStream, type TlsStreamOptions } from "../streams/tls_stream.ts";

/** How a client does TLS. */
export interface TlsClientOptions extends TlsStreamOptions {
  /**
   * Certificates of authorities to trust besides those the host trusts: texts in PEM.
   *
   * @default {[]}
   */
  readonly caCerts?: readonly string[];
  /**
   * The protocols on offer to ALPN, in the order of preference; the server may ignore them.
   *
   * @default {[]}
   */
  readonly alpn?: readonly string[];
  /**
   * How long the handshake may take, in milliseconds; it fails with `TooSlowError` then.
   *
   * @default {Infinity}
   */
  readonly handshakeTimeout?: number;
}

/** How `startTls()` does TLS. */
export interface StartTlsOptions extends TlsClientOptions {
  /** The name, or IP address, that the certificate of the server must be for. */
  readonly serverName: string;
}

/**
 * Begins TLS on a connection that is open already, as mail and database protocols do after `STARTTLS`.
 *
 * The stream is taken over, and is closed from then on: use the one returned, whose handshake is done. It must be at
 * rest, or nothing happens to it: nobody using it, nothing received that was not asked for (it could have been slipped
 * in by somebody between the ends; what was read ahead by a buffer of one's own must be looked at likewise), and no
 * cancelled receive still in flight, which the host could not take back. Clients only: the host knows no upgrade of
 * a server's end.
 *
 * **Cancellation:** throws `Cancelled`; the connection is closed, except in a scope that was cancelled before: then nothing
 * happens to it.
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
 *     using server = await listener!.accept();
 *     await server.receiveSome();
 *     await server.sendAll(encode("220 go ahead\r\n"));
 *     await server.receiveSome();
 *     await server.sendAll(encode("but this server cannot"));
 *   });
 *   using plain = await openTcpStream("127.0.0.1", listener!.address.port);
 *   await plain.sendAll(encode("STARTTLS\r\n"));
 *   assertEquals(await plain.receiveSome(), encode("220 go ahead\r\n"));
 *   await assertRejects(() => startTls(plain, { serverName: "mail.test" }), BrokenResourceError, "handshake");
 * });
 * listener!.close();
 * ```
 *
 * @param stream A TCP connection.
 * @param options The name to verify, and what to trust and to offer.
 * @returns The encrypted stream, which belongs to the caller.
 * @throws {BusyResourceError} If the stream is not at rest; it can be used on.
 * @throws {BrokenResourceError} If the handshake failed, or the connection is broken; `cause` is the host's error.
 * @throws {ClosedResourceError} If the stream is closed.
 * @throws {TooSlowError} If the handshake took longer than `handshakeTimeout`.
 */
export function startTls(stream: SocketStream, options: StartTlsOptions): Promise<TlsStream> {
  return composedWait(() => upgrade(stream, options));
}

async function upgrade(stream: SocketStream, options: StartTlsOptions): Promise<TlsStream> {
  const action = "start TLS";
  if (!(stream instanceof SocketStream) || stream instanceof TlsStream || stream.remoteAddress.transport !== "tcp") {
    throw new TypeError(`Cannot ${action} as "stream" must be a plain TCP stream: received another kind`);
  }
  const serverName = requireHost(action, "serverName", options?.serverName);
  checkTlsClient(action, options);
  return await beginTls(action, stream, { ...options, serverName });
}
