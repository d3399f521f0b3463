/**
 * The host's datagrams, by `Deno.listenDatagram` or by `node:dgram`.
 *
 * Facts of Deno 2.9.6, each one tried: the first is there with `--unstable-net` alone, is pulled, so that the system
 * keeps the queue, and costs a fifth of the second; it has no buffers and no time to live to set. The second is there
 * always, cannot be paused, throws where nobody can catch it if it may not bind, and says `UNKNOWN` of what it may not
 * send to, so permissions are asked for first. Neither ever tells that nobody listens at the other end.
 */

import type { Datagram, NetworkDatagramOptions, NetworkDatagramSocket } from "../../core/lowlevel.ts";
import type { UdpAddress } from "../../core/mod.ts";
import { outside } from "../../core/internal.ts";
import { formatAddress, ipVersion } from "../base/address.ts";
import { DatagramQueue } from "../base/datagram_queue.ts";

/** The largest datagram there is: nothing is ever cut. */
const LARGEST = 65_535;

const BROADCAST = "255.255.255.255";

/** An error as the system would give it. */
function hostRefusal(name: "PermissionDenied" | "AddrNotAvailable", message: string, code: string): Error {
  return Object.assign(new Deno.errors[name](message), { code });
}

/** Opens a socket of the host. */
export async function openHostDatagrams(options: NetworkDatagramOptions): Promise<NetworkDatagramSocket> {
  const { receiveBuffer, sendBuffer, ttl, broadcast } = options;
  const { listenDatagram } = Deno as unknown as { listenDatagram?: ListenDatagram };
  const needsNode = (receiveBuffer ?? sendBuffer ?? ttl) !== undefined || broadcast === true ||
    options.interface !== undefined;
  if (listenDatagram !== undefined && !needsNode) return new DenoDatagrams(listenDatagram, options);
  await requireAccess(formatAddress(options));
  return await openWithNode(options);
}

/** As much as is used of what is there with a flag alone. */
type ListenDatagram = (options: {
  readonly transport: "udp";
  readonly hostname: string;
  readonly port: number;
  readonly reuseAddress?: boolean;
  readonly loopback?: boolean;
}) => DenoSocket;

interface DenoSocket {
  readonly addr: UdpAddress;
  receive(buffer: Uint8Array): Promise<[Uint8Array<ArrayBuffer>, UdpAddress]>;
  send(data: Uint8Array, to: UdpAddress): Promise<number>;
  joinMulticastV4(address: string, networkInterface: string): Promise<Membership>;
  joinMulticastV6(address: string, networkInterface: number): Promise<Membership>;
  close(): void;
}

interface Membership {
  leave(): Promise<void>;
}

class DenoDatagrams implements NetworkDatagramSocket {
  readonly addr: UdpAddress;
  readonly dropped = 0;
  readonly queued = 0;
  readonly #socket: DenoSocket;
  readonly #groups = new Map<string, Membership>();

  constructor(listenDatagram: ListenDatagram, { hostname, port, reuseAddress, loopback }: NetworkDatagramOptions) {
    this.#socket = listenDatagram({
      transport: "udp",
      hostname,
      port,
      ...(reuseAddress === undefined ? {} : { reuseAddress }),
      ...(loopback === undefined ? {} : { loopback }),
    });
    this.addr = this.#socket.addr;
  }

  async receive(): Promise<Datagram> {
    const [data, { hostname, port }] = await this.#socket.receive(new Uint8Array(LARGEST));
    // A copy, so that a small datagram does not keep 64 KiB.
    return { data: data.slice(), remoteAddress: { transport: "udp", hostname, port } };
  }

  async send(data: Uint8Array, { hostname, port }: { hostname: string; port: number }): Promise<void> {
    // The system allows it to these sockets; but not to the others.
    if (hostname === BROADCAST) throw hostRefusal("PermissionDenied", "Permission denied (os error 13)", "EACCES");
    await this.#socket.send(data, { transport: "udp", hostname, port });
  }

  async joinGroup(address: string): Promise<void> {
    const membership = ipVersion(address) === 6
      ? await this.#socket.joinMulticastV6(address, 0)
      : await this.#socket.joinMulticastV4(address, "0.0.0.0");
    this.#groups.set(address, membership);
  }

  async leaveGroup(address: string): Promise<void> {
    const membership = this.#groups.get(address);
    if (membership === undefined) {
      throw hostRefusal("AddrNotAvailable", "Cannot assign requested address (os error 99)", "EADDRNOTAVAIL");
    }
    this.#groups.delete(address);
    await membership.leave();
  }

  close(): void {
    this.#socket.close();
  }
}

type NodeSocket = ReturnType<typeof import("node:dgram")["createSocket"]>;

async function openWithNode(options: NetworkDatagramOptions): Promise<NetworkDatagramSocket> {
  const { hostname, port, reuseAddress = false, broadcast, loopback, ttl, receiveBuffer, sendBuffer, queue } = options;
  // A module of Node's is loaded when it is first needed.
  const { createSocket } = await outside(() => import("node:dgram"));
  const socket = createSocket({ type: ipVersion(hostname) === 6 ? "udp6" : "udp4", reuseAddr: reuseAddress });
  const datagrams = new NodeDatagrams(socket, queue, options.interface);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, hostname, () => {
        socket.off("error", reject);
        resolve();
      });
    });
    if (broadcast) socket.setBroadcast(true);
    if (loopback !== undefined) socket.setMulticastLoopback(loopback);
    if (ttl !== undefined) socket.setMulticastTTL(ttl);
    if (options.interface !== undefined) socket.setMulticastInterface(options.interface);
    if (receiveBuffer !== undefined) socket.setRecvBufferSize(receiveBuffer);
    if (sendBuffer !== undefined) socket.setSendBufferSize(sendBuffer);
  } catch (error) {
    datagrams.close();
    throw error;
  }
  datagrams.bound();
  return datagrams;
}

class NodeDatagrams implements NetworkDatagramSocket {
  addr!: UdpAddress;
  readonly #socket: NodeSocket;
  readonly #queue: DatagramQueue;
  readonly #interface: string | undefined;
  #closed = false;

  constructor(socket: NodeSocket, room: number, networkInterface: string | undefined) {
    this.#socket = socket;
    this.#queue = new DatagramQueue(room);
    this.#interface = networkInterface;
    socket.on("message", (bytes, { address, port }) => {
      const data = new Uint8Array(bytes);
      this.#queue.add({ data, remoteAddress: { transport: "udp", hostname: address, port } });
    });
    socket.on("error", (error) => this.#queue.end(error));
  }

  get dropped(): number {
    return this.#queue.dropped;
  }

  get queued(): number {
    return this.#queue.size;
  }

  bound(): void {
    const { address, port } = this.#socket.address();
    this.addr = { transport: "udp", hostname: address, port };
  }

  receive(): Promise<Datagram> {
    return this.#queue.next();
  }

  async send(data: Uint8Array, { hostname, port }: { hostname: string; port: number }): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) =>
        this.#socket.send(data, port, hostname, (error) => error ? reject(error) : resolve())
      );
    } catch (error) {
      // What it may not send to, and what it does not know, are one to it.
      if ((error as { code?: string }).code === "UNKNOWN") await requireAccess(formatAddress({ hostname, port }));
      throw error;
    }
  }

  // deno-lint-ignore require-await -- so that it rejects
  async joinGroup(address: string): Promise<void> {
    this.#socket.addMembership(address, this.#interface);
  }

  // deno-lint-ignore require-await -- so that it rejects
  async leaveGroup(address: string): Promise<void> {
    this.#socket.dropMembership(address, this.#interface);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.end(new Deno.errors.Interrupted("operation canceled"));
    this.#socket.close();
  }
}

async function requireAccess(host: string): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "net", host });
  if (state === "granted") return;
  throw new Deno.errors.NotCapable(`Requires net access to "${host}", run again with the --allow-net flag`);
}
