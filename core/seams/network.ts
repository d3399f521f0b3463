/**
 * The seam to the network: what a run needs of the host to talk to others.
 *
 * The shapes are Deno's, so that `Deno.connect` and `Deno.listen` fit as they are; tests put a network in memory
 * here. Only types: the core itself touches no network. The default implementation is in `net/`.
 *
 * TCP is what every network has. Unix sockets and TLS are optional: a network in memory may do without, and what
 * needs them says so. A network in memory says that it is one (`inMemory`): what waits for it waits for the program
 * itself, so time goes on meanwhile, and a wait that nothing can end is a deadlock.
 */

/**
 * One end of a TCP connection, with TLS or without.
 *
 * @category Addresses
 */
export interface TcpAddress {
  /** Always `"tcp"`. */
  readonly transport: "tcp";
  /** The IP address. */
  readonly hostname: string;
  /** The port, 1 to 65535. */
  readonly port: number;
}

/**
 * One end of a connection over a Unix socket.
 *
 * @category Addresses
 */
export interface UnixAddress {
  /** Always `"unix"`. */
  readonly transport: "unix";
  /** The path of the socket; `null` for the end that connected, which has none. */
  readonly path: string | null;
}

/**
 * One end of a connection of any kind; `transport` tells which kind.
 *
 * @category Addresses
 */
export type SocketAddress = TcpAddress | UnixAddress;

/** An open connection of the host. */
export interface NetworkConn<A extends SocketAddress = TcpAddress> {
  /** This end. */
  readonly localAddr: A;
  /** The other end. */
  readonly remoteAddr: A;
  /** Reads at least one byte into `buffer`; `null` at the end. A pending read rejects when the connection is closed. */
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
  /** Whether it is in memory: then its operations are not accounted for as operations of the host. */
  readonly inMemory?: boolean;
}

/** An open connection of the host that speaks TLS. A missing `close_notify` is a read error called `UnexpectedEof`. */
export interface NetworkTlsConn extends NetworkConn {
  /** Completes the handshake, which otherwise the first read or write does. Rejects when the connection is closed. */
  handshake(): Promise<NetworkTlsHandshake>;
}

/** What a TLS handshake has agreed on. */
export interface NetworkTlsHandshake {
  /** The protocol chosen by ALPN; `null` if none was. */
  readonly alpnProtocol: string | null;
}

/** A listening socket of the host. */
export interface NetworkListener<C extends NetworkConn<SocketAddress> = NetworkConn> {
  /** Where it listens. */
  readonly addr: C["localAddr"];
  /** Waits for the next connection. */
  accept(): Promise<C>;
  /** Stops listening; a pending accept rejects. The file of a Unix socket is removed. */
  close(): void;
  /** Whether it is in memory: then its operations are not accounted for as operations of the host. */
  readonly inMemory?: boolean;
}

/** How to connect: one address, one attempt. */
export interface NetworkConnectOptions {
  /** The address to connect to, as `resolve()` gave it. */
  readonly hostname: string;
  /** The port, 1 to 65535. */
  readonly port: number;
  /** The IP address of this machine to connect from; the host chooses one if left out. */
  readonly localAddress?: string;
  /** Aborted, a turn of the event loop later, when nobody wants the connection any more. */
  readonly signal?: AbortSignal;
}

/** Where to listen. */
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

/** Where to listen for TLS, and as whom. */
export interface NetworkListenTlsOptions extends NetworkListenOptions {
  /** The certificate, and those of its authorities, in PEM. */
  readonly cert: string;
  /** The private key of the certificate, in PEM. */
  readonly key: string;
  /** The protocols on offer to ALPN, in the order of preference. */
  readonly alpnProtocols?: readonly string[];
}

/** How to begin TLS as a client. */
export interface NetworkStartTlsOptions {
  /** The name that the certificate of the server must be for. */
  readonly serverName: string;
  /** Certificates of authorities to trust besides those the host trusts, in PEM. */
  readonly caCerts?: readonly string[];
  /** The protocols on offer to ALPN, in the order of preference. */
  readonly alpnProtocols?: readonly string[];
}

/** Where to listen on a Unix socket. */
export interface NetworkListenUnixOptions {
  /** The path of the socket file to be made. */
  readonly path: string;
  /** The permissions of the file, e.g. `0o600`; those the host gives if left out. */
  readonly mode?: number;
}

/** One address of a name. */
export interface ResolvedAddress {
  /** The IP address. */
  readonly address: string;
  /** IP version. */
  readonly family: 4 | 6;
}

/** A network for `run()`: everything in `net` that opens a connection uses nothing else. */
export interface Network {
  /** Opens a connection. The caller closes it if it does not want it any more by the time it is there. */
  connect(options: NetworkConnectOptions): Promise<NetworkConn>;
  /** Begins to listen. */
  listen(options: NetworkListenOptions): NetworkListener;
  /** Finds the addresses of a host name, in the order of preference; the name itself, if `connect()` shall find them. */
  resolve(hostname: string): Promise<readonly ResolvedAddress[]>;
  /** Begins TLS on a connection of this network, as a client, and takes the connection over; does no handshake yet. */
  startTls?(conn: NetworkConn, options: NetworkStartTlsOptions): Promise<NetworkTlsConn>;
  /** Begins to listen for TLS connections; accepting one does no handshake. */
  listenTls?(options: NetworkListenTlsOptions): NetworkListener<NetworkTlsConn>;
  /** Connects to a Unix socket. The error is called `ConnectionRefused` if nobody listens on the file. */
  connectUnix?(path: string): Promise<NetworkConn<UnixAddress>>;
  /** Begins to listen on a Unix socket. The error is called `AddrInUse` if there is a file of that path. */
  listenUnix?(options: NetworkListenUnixOptions): NetworkListener<NetworkConn<UnixAddress>>;
  /** Removes a file if it is a socket; returns whether there is none any more. */
  removeSocketFile?(path: string): Promise<boolean>;
  /**
   * Called before an operation that only the host has, such as serving HTTP, or a request to `url`. Throws if that
   * would get past this network.
   */
  requireHost?(action: string, url?: string): void;
  /** Whether it is in memory: then its operations are not accounted for as operations of the host. */
  readonly inMemory?: boolean;
}
