/** What the ways to a TLS client have in common. */

import { BrokenResourceError, failAfter, type Network } from "../core/mod.ts";
import { formatAddress } from "./_address.ts";
import { requireAlpn, requireAtLeast, requireMissingCloseNotify, requirePem } from "./_check.ts";
import { ambientNetwork } from "./_deno_network.ts";
import type { NetworkStartTlsOptions, NetworkTlsConn } from "../core/mod.ts";
import { textOf, waitForHost } from "./_wait_for_host.ts";
import { type SocketStream, takeConnection } from "./socket_stream.ts";
import type { StartTlsOptions, TlsClientOptions } from "./start_tls.ts";
import { TlsStream } from "./tls_stream.ts";

/** Checks options, before any effect. */
export function checkTlsClient(action: string, options: TlsClientOptions): void {
  const { caCerts = [], alpn = [], handshakeTimeout = Infinity, missingCloseNotify = "error" } = options;
  if (!Array.isArray(caCerts)) {
    throw new TypeError(`Cannot ${action} as "caCerts" must be an array of texts in PEM: received ${typeof caCerts}`);
  }
  // The host passes over what it cannot read, and then just trusts nobody.
  for (const cert of caCerts) requirePem(action, "caCerts", cert, "CERTIFICATE");
  requireAlpn(action, alpn);
  requireAtLeast(action, "handshakeTimeout", handshakeTimeout, 0);
  requireMissingCloseNotify(action, missingCloseNotify);
}

/** The network's way to begin TLS; not every network has one. */
export function tlsClientOf(action: string): NonNullable<Network["startTls"]> {
  const network = ambientNetwork();
  if (network.startTls !== undefined) return network.startTls.bind(network);
  throw new TypeError(`Cannot ${action} as the network of this run must have a method "startTls": it has none`);
}

/** Takes a plain stream over and completes the handshake; whatever fails after the taking closes the connection. */
export async function beginTls(action: string, stream: SocketStream, options: StartTlsOptions): Promise<TlsStream> {
  const upgrade = tlsClientOf(action);
  const peer = formatAddress(stream.remoteAddress);
  const { serverName, caCerts, alpn, handshakeTimeout = Infinity } = options;
  const how: NetworkStartTlsOptions = {
    serverName,
    ...(caCerts === undefined ? {} : { caCerts }),
    ...(alpn === undefined ? {} : { alpnProtocols: alpn }),
  };

  async function begin(): Promise<NetworkTlsConn> {
    const plain = takeConnection(stream, action);
    try {
      return await upgrade(plain, how);
    } catch (error) {
      try {
        plain.close();
      } catch {
        // The host had taken it already.
      }
      throw new BrokenResourceError(`Cannot ${action} with ${peer}: ${textOf(error)}`, { cause: error });
    }
  }

  const tls = new TlsStream(await waitForHost(`begin TLS with ${peer}`, begin, (late) => late.close()), options);
  try {
    await (handshakeTimeout === Infinity ? tls.handshake() : failAfter(handshakeTimeout, () => tls.handshake()));
    return tls;
  } catch (error) {
    tls.close();
    throw error;
  }
}
