/** What the ways to a TLS client have in common. */

import { BrokenResourceError, failAfter } from "../../core/mod.ts";
import type { Network, NetworkConn, NetworkStartTlsOptions } from "../../core/lowlevel.ts";
import { formatAddress } from "../base/address.ts";
import { ambientNetwork } from "./deno_network.ts";
import { closeAll, takeOver } from "./host_call.ts";
import { messageOf } from "./host_errors.ts";
import type { SocketStream } from "../streams/socket_stream.ts";
import { takeConnection } from "./take_connection.ts";
import { waitForHost } from "./wait_for_host.ts";
import type { StartTlsOptions } from "./tls_options.ts";
import { TlsStream } from "../streams/tls_stream.ts";

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

  let plain: NetworkConn | null = null;
  const begin = async (): Promise<TlsStream> => {
    plain = takeConnection(stream, action);
    try {
      return takeOver(await upgrade(plain, how), (conn) => new TlsStream(conn, options));
    } catch (error) {
      // The host may have taken it already.
      closeAll(plain);
      throw new BrokenResourceError(`Cannot ${action} with ${peer}: ${messageOf(error)}`, { cause: error });
    }
  };
  const tls = await waitForHost(`begin TLS with ${peer}`, begin, {
    network: ambientNetwork(),
    discard: closeAll,
    abandoned: () => plain === null || closeAll(plain),
  });

  try {
    await (handshakeTimeout === Infinity ? tls.handshake() : failAfter(handshakeTimeout, () => tls.handshake()));
    return tls;
  } catch (error) {
    tls.close();
    throw error;
  }
}
