/**
 * The seam to the network: what a run needs of the host to talk to others.
 *
 * The shapes are Deno's, so that `Deno.connect` and `Deno.listen` fit as they are; tests put a network in memory
 * here. Only types: the core itself touches no network. The default implementation is in `net/`.
 *
 * Every network implements TCP. Unix sockets and TLS are optional: a network in memory may do without them, and code
 * that needs them says so. A network in memory sets `inMemory`: its operations are not host operations, so virtual time
 * moves while they are pending, and a wait that nothing can end is a deadlock.
 */

import type { SocketAddress, TcpAddress, UnixAddress } from "./address.ts";
import type { NetworkDatagramOptions, NetworkDatagramSocket } from "./datagrams.ts";
import type { NetworkHttp } from "./http.ts";

/**
 * An open connection of the host.
 *
 * @category Low level
 */
export interface NetworkConn<A extends SocketAddress = TcpAddress> {
  /** This end. */
  readonly localAddr: A;
  /** The other end. */
  readonly remoteAddr: A;
  /**
   * Reads at least one byte into `buffer` and returns how many; `null` at the end. A pending read rejects when the
   * connection is closed.
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes some of `data`; returns how many bytes were taken. */
  write(data: Uint8Array): Promise<number>;
  /** Ends the sending direction. */
  closeWrite(): Promise<void>;
  /** Closes both directions at once. */
  close(): void;
  /** Sends small writes at once, without waiting to fill a packet. */
  setNoDelay?(noDelay?: boolean): void;
  /** Lets the host probe idle connections. */
  setKeepAlive?(keepAlive?: boolean): void;
  /** Whether it is in memory: then its operations do not count as operations of the host. */
  readonly inMemory?: boolean;
}

/**
 * An open connection of the host that speaks TLS. A missing `close_notify` is a read error named `UnexpectedEof`.
 *
 * @category Low level
 */
export interface NetworkTlsConn extends NetworkConn {
  /** Completes the handshake, which otherwise the first read or write does. Rejects when the connection is closed. */
  handshake(): Promise<NetworkTlsHandshake>;
}

/**
 * What a TLS handshake has agreed on.
 *
 * @category Low level
 */
export interface NetworkTlsHandshake {
  /** The protocol chosen by ALPN; `null` if none was. */
  readonly alpnProtocol: string | null;
}

/**
 * A listening socket of the host.
 *
 * @category Low level
 */
export interface NetworkListener<C extends NetworkConn<SocketAddress> = NetworkConn> {
  /** Where it listens. */
  readonly addr: C["localAddr"];
  /** Waits for the next connection. */
  accept(): Promise<C>;
  /** Stops listening; a pending accept rejects. The file of a Unix socket is removed. */
  close(): void;
  /** Whether it is in memory: then its operations do not count as operations of the host. */
  readonly inMemory?: boolean;
}

/**
 * Options of `Network.connect()`: one address, one attempt.
 *
 * @category Low level
 */
export interface NetworkConnectOptions {
  /** The address to connect to, as `resolve()` gave it. */
  readonly hostname: string;
  /** The port, 1 to 65535. */
  readonly port: number;
  /** The IP address of this machine to connect from; by default the host chooses one. */
  readonly localAddress?: string;
  /** Aborted one turn of the event loop after the connection has become unwanted. */
  readonly signal?: AbortSignal;
}

/**
 * Options of `Network.listen()`.
 *
 * @category Low level
 */
export interface NetworkListenOptions {
  /** The address to listen on, as `resolve()` gave it. */
  readonly hostname: string;
  /** The port, 0 for any free one. */
  readonly port: number;
  /** How many connections the host keeps waiting to be accepted. */
  readonly backlog?: number;
  /** Whether other sockets may listen on the same port, to share its connections. */
  readonly reusePort?: boolean;
}

/**
 * Options of `Network.listenTls()`.
 *
 * @category Low level
 */
export interface NetworkListenTlsOptions extends NetworkListenOptions {
  /** The certificate, and those of its authorities, in PEM. */
  readonly cert: string;
  /** The private key of the certificate, in PEM. */
  readonly key: string;
  /** The protocols offered through ALPN, in order of preference. */
  readonly alpnProtocols?: readonly string[];
}

/**
 * Options of `Network.startTls()`.
 *
 * @category Low level
 */
export interface NetworkStartTlsOptions {
  /** The name that the certificate of the server must be for. */
  readonly serverName: string;
  /** Certificates of authorities to trust besides those the host trusts, in PEM. */
  readonly caCerts?: readonly string[];
  /** The protocols offered through ALPN, in order of preference. */
  readonly alpnProtocols?: readonly string[];
}

/**
 * Options of `Network.listenUnix()`.
 *
 * @category Low level
 */
export interface NetworkListenUnixOptions {
  /** The path of the socket file to create. */
  readonly path: string;
  /** The permissions of the file, e.g. `0o600`; by default those the host gives. */
  readonly mode?: number;
}

/**
 * One address of a name.
 *
 * @category Low level
 */
export interface ResolvedAddress {
  /** The IP address. */
  readonly address: string;
  /** IP version. */
  readonly family: 4 | 6;
}

/**
 * A network for `run()`. Everything in `net` that opens a connection uses it, and nothing else.
 *
 * @category Low level
 */
export interface Network {
  /** Opens a connection. If it is no longer wanted once it is open, the caller closes it. */
  connect(options: NetworkConnectOptions): Promise<NetworkConn>;
  /** Begins to listen. */
  listen(options: NetworkListenOptions): NetworkListener;
  /**
   * Finds the addresses of a host name, in order of preference. Returns the name itself to leave the search to
   * `connect()`.
   */
  resolve(hostname: string): Promise<readonly ResolvedAddress[]>;
  /** Begins TLS on a connection of this network, as a client, and takes the connection over; does no handshake yet. */
  startTls?(conn: NetworkConn, options: NetworkStartTlsOptions): Promise<NetworkTlsConn>;
  /** Begins to listen for TLS connections; accepting one does no handshake. */
  listenTls?(options: NetworkListenTlsOptions): NetworkListener<NetworkTlsConn>;
  /** Connects to a Unix socket. Rejects with an error named `ConnectionRefused` if nobody listens on the file. */
  connectUnix?(path: string): Promise<NetworkConn<UnixAddress>>;
  /** Begins to listen on a Unix socket. Throws an error named `AddrInUse` if there is a file at that path. */
  listenUnix?(options: NetworkListenUnixOptions): NetworkListener<NetworkConn<UnixAddress>>;
  /** Removes a file if it is a socket; returns whether the path is free afterwards. */
  removeSocketFile?(path: string): Promise<boolean>;
  /** Opens a socket for datagrams. */
  openDatagrams?(options: NetworkDatagramOptions): Promise<NetworkDatagramSocket>;
  /** HTTP and WebSockets over this network; without it they are the host's, or, of a network in memory, refused. */
  readonly http?: NetworkHttp;
  /** Whether it is in memory: then its operations do not count as operations of the host. */
  readonly inMemory?: boolean;
}
