/** Where the ends of connections are. */

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

/**
 * One end of UDP.
 *
 * @category Addresses
 */
export interface UdpAddress {
  /** Always `"udp"`. */
  readonly transport: "udp";
  /** The IP address. */
  readonly hostname: string;
  /** The port, 1 to 65535. */
  readonly port: number;
}
