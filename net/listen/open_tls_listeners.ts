/** Listening for TLS connections. */

import type { NetworkListener, NetworkTlsConn } from "../../core/lowlevel.ts";
import { composedWait, isInstance } from "../../core/internal.ts";
import { ownOptions } from "../base/check.ts";
import { ambientNetwork } from "../host/deno_network.ts";
import { makeAtOnce } from "../host/host_call.ts";
import { isNotCapable, isOfSystem, messageOf } from "../host/host_errors.ts";
import { listenOnAll } from "../host/listen_on_all.ts";
import { checkListenTls, type OpenTlsListenersOptions, readIdentity } from "../host/tls_options.ts";
import { TlsStream } from "../streams/tls_stream.ts";
import { SocketListener } from "./socket_listener.ts";

/**
 * Listens for TLS connections on a TCP port, on every address that the host name stands for.
 *
 * Accepting a connection does no handshake, so a silent client does not keep others from being accepted. The task that
 * serves the connection does it by `TlsStream.handshake()`; otherwise the first send or receive does it. `serveTls()`
 * takes care of all that.
 *
 * **Cancellation:** throws `Cancelled`; nothing is left open.
 *
 * @example What a missing certificate looks like
 * ```ts
 * import { openTlsListeners } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * const options = { hostname: "127.0.0.1", alpn: ["echo/1"], certFile: "no/cert.pem", keyFile: "no/key.pem" };
 * await assertRejects(() => openTlsListeners(8443, options), Error, "no/cert.pem");
 * ```
 *
 * @param port The port; 0 takes any free one, the same for all addresses.
 * @param options The certificate and its key, protocols, and what `openTcpListeners()` takes.
 * @returns A listener for each address, at least one; they belong to the caller.
 * @throws {BrokenResourceError} If the port is in use, the address is not of this machine, or a file cannot be read.
 *   `cause` is the host's error, or the `ErrorGroup` of the failures of all addresses.
 * @throws {RangeError} If the host cannot use the certificate or the key, or `port` or `hostname` is not a valid port
 *   or host name.
 * @category Listening
 */
export function openTlsListeners(
  port: number,
  options: OpenTlsListenersOptions,
): Promise<[SocketListener<TlsStream>, ...SocketListener<TlsStream>[]]> {
  return composedWait(() => listen(port, options));
}

async function listen(
  port: number,
  options: OpenTlsListenersOptions,
): Promise<[SocketListener<TlsStream>, ...SocketListener<TlsStream>[]]> {
  const own = ownOptions("listen", options);
  checkListenTls(port, own);
  const { alpn = [], missingCloseNotify = "error" } = own;
  const network = ambientNetwork();
  if (network.listenTls === undefined) {
    throw new TypeError('Cannot listen as the network of this run must have a method "listenTls": it has none');
  }
  const listenTls = network.listenTls.bind(network);
  const { cert, key } = await readIdentity("listen", own);
  return await listenOnAll<NetworkListener<NetworkTlsConn>, SocketListener<TlsStream>>(port, own, {
    listen(where) {
      try {
        return makeAtOnce("listenTls", () => listenTls({ ...where, cert, key, alpnProtocols: alpn }));
      } catch (error) {
        // Errors of the network have a code; what the host says of certificates has none.
        if (isNotCapable(error) || isInstance(error, TypeError) || isOfSystem(error)) throw error;
        throw new RangeError(
          `Cannot listen as "cert" and "key" must be a certificate and its key: ${messageOf(error)}`,
          {
            cause: error,
          },
        );
      }
    },
    // `listenTls()` gives out nothing else.
    wrap: (listener) =>
      new SocketListener<TlsStream>(listener, (conn) => new TlsStream(conn as NetworkTlsConn, { missingCloseNotify })),
  });
}
