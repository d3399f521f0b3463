/** What HTTP in memory needs of the network that it is on. */

import type {
  Clock,
  NetworkConn,
  NetworkConnectOptions,
  NetworkListener,
  NetworkListenOptions,
  ResolvedAddress,
} from "../../../core/lowlevel.ts";

/** How TLS begins as a client. */
export interface TlsRequest {
  readonly serverName: string;
  readonly caCerts?: readonly string[];
}

/** See the header. */
export interface HttpWire {
  readonly clock: Clock;
  /** The host that the calling code runs on. */
  here(): object;
  /** Whether that host has lost its power: then nothing is told to its code any more. */
  isDead(): boolean;
  /** Opens a connection that nobody has to close. */
  connectQuietly(options: NetworkConnectOptions): Promise<NetworkConn>;
  listen(options: NetworkListenOptions): NetworkListener;
  /** Listens for connections that begin with TLS. */
  listenSecurely(
    options: NetworkListenOptions,
    identity: { readonly cert: string; readonly key: string },
  ): NetworkListener;
  /** Begins TLS on a connection. */
  secure(conn: NetworkConn, request: TlsRequest): Promise<NetworkConn>;
  resolve(hostname: string): Promise<readonly ResolvedAddress[]>;
  /** The address that a server listens on that was given a name. */
  addressOf(hostname: string): string;
  /** Writes a line into the log. */
  note(conn: NetworkConn, text: string): void;
  /** Notes something that has to be closed; returns what to call when it is. */
  track(label: string): () => void;
}
