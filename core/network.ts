/**
 * The seam to the network: what a run needs of the host to talk to others.
 *
 * The shapes are Deno's, so that `Deno.connect` and `Deno.listen` fit as they are; tests put a network in memory
 * here. Only types: the core itself touches no network. The default implementation is in `net/`.
 */

/** Where a TCP connection goes to or comes from. */
export interface NetworkAddress {
  /** Always `"tcp"`. */
  readonly transport: "tcp";
  /** The IP address. */
  readonly hostname: string;
  /** The port, 1 to 65535. */
  readonly port: number;
}

/** An open connection of the host. */
export interface NetworkConn {
  /** This end. */
  readonly localAddr: NetworkAddress;
  /** The other end. */
  readonly remoteAddr: NetworkAddress;
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
}

/** A listening socket of the host. */
export interface NetworkListener {
  /** Where it listens. */
  readonly addr: NetworkAddress;
  /** Waits for the next connection. */
  accept(): Promise<NetworkConn>;
  /** Stops listening; a pending accept rejects. */
  close(): void;
}

/** How to connect: one address, one attempt. */
export interface NetworkConnectOptions {
  /** The IP address to connect to. */
  readonly hostname: string;
  /** The port, 1 to 65535. */
  readonly port: number;
  /** Aborted, a turn of the event loop later, when nobody wants the connection any more. */
  readonly signal?: AbortSignal;
}

/** Where to listen. */
export interface NetworkListenOptions {
  /** The IP address to listen on. */
  readonly hostname: string;
  /** The port, 0 for any free one. */
  readonly port: number;
  /** How many connections the host keeps waiting to be accepted. */
  readonly backlog?: number;
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
  /** Finds the addresses of a host name, in the order of preference. */
  resolve(hostname: string): Promise<readonly ResolvedAddress[]>;
}
