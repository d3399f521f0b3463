/** The datagrams of a network: the shape of what sends and receives them. Only types, as in `network.ts`. */

import type { UdpAddress } from "./address.ts";

/**
 * A datagram that has come.
 *
 * @category UDP
 */
export interface Datagram {
  /** Its bytes, which belong to whoever received it. May be empty. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Where it came from. */
  readonly remoteAddress: UdpAddress;
}

/**
 * How a network opens a socket for datagrams.
 *
 * @category Seams
 */
export interface NetworkDatagramOptions {
  /** The address to receive on. */
  readonly hostname: string;
  /** The port, 0 for any free one. */
  readonly port: number;
  /** Whether other sockets may use the same port. */
  readonly reuseAddress?: boolean;
  /** Whether datagrams may be sent to broadcast addresses. */
  readonly broadcast?: boolean;
  /** Whether datagrams to a group come back to sockets of this machine. */
  readonly loopback?: boolean;
  /** How many routers datagrams to a group may pass. */
  readonly ttl?: number;
  /** The address of the interface that groups are joined on. */
  readonly interface?: string;
  /** The size of the system's buffer for what was not received, in bytes. */
  readonly receiveBuffer?: number;
  /** The size of the system's buffer for what is to be sent, in bytes. */
  readonly sendBuffer?: number;
  /** How many datagrams are kept for a receiver, where the system does not keep them. */
  readonly queue: number;
}

/**
 * A socket for datagrams, as a network gives it.
 *
 * @category Seams
 */
export interface NetworkDatagramSocket {
  /** Where it receives. */
  readonly addr: UdpAddress;
  /** Whether it is in memory: then its operations do not count as operations of the host. */
  readonly inMemory?: boolean;
  /** How many datagrams were dropped as nobody received them. */
  readonly dropped: number;
  /** How many datagrams wait for a receiver. */
  readonly queued: number;
  /** The next datagram. Called once at a time. Rejects when the socket is closed. */
  receive(): Promise<Datagram>;
  /** Sends a datagram, whole or not at all. */
  send(data: Uint8Array, to: { readonly hostname: string; readonly port: number }): Promise<void>;
  /** Begins to receive what is sent to a group. */
  joinGroup(address: string): Promise<void>;
  /** Receives no more of what is sent to a group. */
  leaveGroup(address: string): Promise<void>;
  /** Closes it. */
  close(): void;
}
