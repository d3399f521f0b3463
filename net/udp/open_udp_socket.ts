/** Opening a socket for datagrams. */

import { BrokenResourceError } from "../../core/mod.ts";
import { checkpointIfCancelled, type NetworkDatagramSocket } from "../../core/lowlevel.ts";
import { composedWait, requireBoolean, requireInteger, requireOptions } from "../../core/internal.ts";
import { formatAddress, ipVersion } from "../base/address.ts";
import { requireIp, requirePort } from "../base/check.ts";
import { ambientNetwork } from "../host/deno_network.ts";
import { closeAll } from "../host/host_call.ts";
import { isNotCapable, messageOf } from "../host/host_errors.ts";
import { waitForHost } from "../host/wait_for_host.ts";
import { type Destination, requireDestination } from "./_destination.ts";
import { UdpSocket } from "./udp_socket.ts";

/**
 * Options of `openUdpSocket()`.
 *
 * @category UDP
 */
export interface OpenUdpSocketOptions {
  /**
   * The IP address to receive on. By default any of this machine, of the family of `remote`; with a `remote` on this
   * machine, only that.
   *
   * @default {"0.0.0.0"}
   */
  readonly hostname?: string;
  /**
   * The port, 0 for any free one.
   *
   * @default {0}
   */
  readonly port?: number;
  /**
   * Where datagrams go that are sent without a destination. Datagrams from elsewhere are dropped, and counted.
   */
  readonly remote?: { readonly hostname: string; readonly port: number };
  /**
   * Whether other sockets may use the same port.
   *
   * @default {false}
   */
  readonly reuseAddress?: boolean;
  /**
   * Whether datagrams may be sent to broadcast addresses.
   *
   * @default {false}
   */
  readonly broadcast?: boolean;
  /** Groups to join, and how to send to groups. */
  readonly multicast?: MulticastOptions;
  /** The size of the buffer in which the system keeps what was not received yet, in bytes. By default the system's. */
  readonly receiveBuffer?: number;
  /** The size of the system's buffer for what is to be sent, in bytes. By default the system's. */
  readonly sendBuffer?: number;
  /**
   * How many datagrams the library keeps for a receiver, where the system does not. When it is full, what comes is
   * dropped, and counted.
   *
   * @default {256}
   */
  readonly queue?: number;
}

/**
 * How a socket uses multicast groups.
 *
 * @category UDP
 */
export interface MulticastOptions {
  /**
   * The groups to join: their IP addresses.
   *
   * @default {[]}
   */
  readonly groups?: readonly string[];
  /** The address of the interface to join on. By default the system chooses. */
  readonly interface?: string;
  /** Whether datagrams to a group come back to sockets of this machine. By default they do. */
  readonly loopback?: boolean;
  /** How many routers datagrams to a group may pass: 0 to 255. By default 1, so that they stay in the local network. */
  readonly ttl?: number;
}

/**
 * Opens a socket that sends and receives datagrams (UDP, RFC 768).
 *
 * Works without flags. With `--unstable-net`, a socket that needs no buffers, interface, broadcast or time to live is
 * Deno's own, which is five times as fast and lets the system keep what was not received yet.
 *
 * Needs `--allow-net` for the address and each destination.
 *
 * **Not guaranteed:** anything about a datagram that was sent. That nobody listens is not reported, either. If the
 * program is busy while hundreds of datagrams come, the system drops what its buffer does not hold: raise
 * `receiveBuffer`.
 *
 * **Cancellation:** throws `Cancelled`; nothing is left open.
 *
 * @example A question and its answer
 * ```ts
 * import { failAfter, openUdpSocket } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * using server = await openUdpSocket({ hostname: "127.0.0.1", port: 0 });
 * using client = await openUdpSocket({ hostname: "127.0.0.1", remote: server.localAddress });
 * await client.send(new TextEncoder().encode("hello"));
 * const { data, remoteAddress } = await failAfter(5_000, () => server.receive());
 * await server.send(data, remoteAddress);
 * const answer = await failAfter(5_000, () => client.receive());
 * assertEquals(new TextDecoder().decode(answer.data), "hello");
 * ```
 *
 * @param options Where to receive, and how to send.
 * @returns The socket, which belongs to the caller.
 * @throws {BrokenResourceError} If the port is in use, or the address is not of this machine; `cause` is the host's
 * error.
 * @throws {RangeError} If an address, the port or a number is out of its range.
 * @throws {TypeError} If an option is of the wrong kind, or the network of the run has no datagrams.
 * @category UDP
 */
export function openUdpSocket(options: OpenUdpSocketOptions = {}): Promise<UdpSocket> {
  return composedWait(() => open(options));
}

const ACTION = "open a UDP socket";

async function open(options: OpenUdpSocketOptions): Promise<UdpSocket> {
  check(options);
  const { remote, hostname = anyTowards(remote), port = 0, multicast = {}, queue = 256 } = options;
  const { groups = [], ...how } = multicast;
  await checkpointIfCancelled();
  const network = ambientNetwork();
  if (network.openDatagrams === undefined) {
    throw new TypeError(`Cannot ${ACTION} as the network of this run must have a method "openDatagrams": it has none`);
  }
  const where = formatAddress({ hostname, port });
  const { reuseAddress, broadcast, receiveBuffer, sendBuffer } = options;
  const given = Object.fromEntries(
    Object.entries({ reuseAddress, broadcast, receiveBuffer, sendBuffer, ...how }).filter(([, value]) =>
      value !== undefined
    ),
  );
  let opened: NetworkDatagramSocket;
  try {
    opened = await waitForHost(
      `${ACTION} on ${where}`,
      () => network.openDatagrams!({ hostname, port, queue, ...given }),
      { network, discard: closeAll },
    );
  } catch (error) {
    if (isNotCapable(error) || !isOfHost(error)) throw error;
    throw new BrokenResourceError(`Cannot ${ACTION} on ${where} as the network refused: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const socket = new UdpSocket(opened, remote === undefined ? undefined : { ...remote });
  try {
    for (const group of groups) await socket.joinGroup(group);
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}

/** Whether an error is what the host says, and none of cancellation. */
function isOfHost(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code !== undefined;
}

/** The address of this machine that leads to another: of its family, and of the machine alone for one on it. */
function anyTowards(remote: Destination | undefined): string {
  const address = String(remote?.hostname ?? "");
  if (address.includes(":")) return address === "::1" ? "::1" : "::";
  return address.startsWith("127.") ? "127.0.0.1" : "0.0.0.0";
}

function check(options: OpenUdpSocketOptions): void {
  requireOptions(ACTION, options);
  const { remote, port = 0, multicast, queue, receiveBuffer, sendBuffer } = options;
  if (remote !== undefined) requireOptions(`${ACTION} with "remote"`, remote);
  const { hostname = anyTowards(remote) } = options;
  requireIp(ACTION, "hostname", hostname);
  requirePort(ACTION, port, 0);
  for (const name of ["reuseAddress", "broadcast"] as const) {
    if (options[name] !== undefined) requireBoolean(ACTION, name, options[name]);
  }
  for (const [name, value] of Object.entries({ queue, receiveBuffer, sendBuffer })) {
    if (value !== undefined) requireInteger(ACTION, name, value, 1, 2 ** 31 - 1);
  }
  if (remote !== undefined) {
    requireDestination(`${ACTION} with "remote"`, remote, ipVersion(hostname) === 6 ? 6 : 4);
  }
  if (multicast === undefined) return;
  requireOptions(`${ACTION} with "multicast"`, multicast);
  const { groups = [], loopback, ttl } = multicast;
  if (!Array.isArray(groups)) throw new TypeError(`Cannot ${ACTION} as "groups" must be an array of addresses`);
  for (const group of groups) requireIp(ACTION, "groups", group);
  if (multicast.interface !== undefined) requireIp(ACTION, "interface", multicast.interface);
  if (loopback !== undefined) requireBoolean(ACTION, "loopback", loopback);
  if (ttl !== undefined) requireInteger(ACTION, "ttl", ttl, 0, 255);
}
