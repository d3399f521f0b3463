/** Connecting to a TLS server. */

import { composedWait, requireOptions } from "../../core/internal.ts";
import { requireHostname } from "../base/check.ts";
import { beginTls, tlsClientOf } from "../host/begin_tls.ts";
import { checkTlsClient, type TlsClientOptions } from "../host/tls_options.ts";
import type { TlsStream } from "../streams/tls_stream.ts";
import { openTcpStream, type OpenTcpStreamOptions } from "./open_tcp_stream.ts";

/**
 * Options of `openTlsStream()`.
 *
 * @category Connecting
 */
export interface OpenTlsStreamOptions extends Omit<OpenTcpStreamOptions, "localAddress">, TlsClientOptions {
  /** The name that the certificate of the server must be for. By default it is `hostname`. */
  readonly serverName?: string;
}

/**
 * Opens a TLS connection to a host, by name or address.
 *
 * Connects as `openTcpStream()` does, with the same racing of addresses, and completes the handshake. When it returns,
 * the server has proved its identity. There is no timeout for the whole: put `failAfter()` around it.
 *
 * **Cancellation:** throws `Cancelled`; nothing is left open.
 *
 * @example A server that does not speak TLS
 * ```ts
 * import { BrokenResourceError, openNursery, openTcpListeners, openTlsStream } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
 * await openNursery(async (nursery) => {
 *   nursery.startSoon(async () => {
 *     using server = await listener.accept();
 *     await server.sendAll(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
 *     await server.receiveSome();
 *   });
 *   await assertRejects(
 *     () => openTlsStream("127.0.0.1", listener.address.port, { alpn: ["http/1.1"], handshakeTimeout: 5_000 }),
 *     BrokenResourceError,
 *     "the peer does not speak TLS",
 *   );
 * });
 * listener.close();
 * ```
 *
 * @param hostname A host name or an IP address.
 * @param port The port, 1 to 65535.
 * @param options What to trust, to verify and to offer.
 * @returns The encrypted stream, which belongs to the caller.
 * @throws {BrokenResourceError} If no address could be reached, or the handshake failed.
 * @throws {TooSlowError} If the handshake took longer than `handshakeTimeout`.
 * @throws {RangeError} If `port`, `hostname` or an option is not valid.
 * @category Connecting
 */
export function openTlsStream(
  hostname: string,
  port: number,
  options: OpenTlsStreamOptions = {},
): Promise<TlsStream> {
  return composedWait(() => open(hostname, port, options));
}

async function open(hostname: string, port: number, options: OpenTlsStreamOptions): Promise<TlsStream> {
  const action = "open a TLS stream";
  requireOptions(action, options);
  const serverName = options.serverName === undefined
    ? requireHostname(action, "hostname", hostname)
    : requireHostname(action, "serverName", options.serverName);
  checkTlsClient(action, options);
  if ("localAddress" in options) {
    throw new TypeError(
      `Cannot ${action} as "localAddress" must be left out: the host cannot begin TLS on a connection from one`,
    );
  }
  tlsClientOf(action);
  const plain = await openTcpStream(hostname, port, options);
  try {
    return await beginTls(action, plain, { ...options, serverName });
  } catch (error) {
    // Harmless if it was taken over.
    plain.close();
    throw error;
  }
}
