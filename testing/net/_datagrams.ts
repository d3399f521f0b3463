/**
 * Datagrams in memory: each goes its own way over the link, so that jitter lets them overtake each other; what a link
 * loses is lost, and what meets a partition as well. Nobody is told whether they arrive.
 */

import type { Datagram, NetworkDatagramOptions, NetworkDatagramSocket } from "../../core/lowlevel.ts";
import type { UdpAddress } from "../../core/mod.ts";
import { covers } from "./_addresses.ts";
import { hostError } from "./_host_errors.ts";

const BROADCAST = "255.255.255.255";

/** What a socket needs of its network. */
export interface DatagramNetwork {
  /** Sends a datagram to wherever its address leads. */
  carry(from: VirtualDatagrams, data: Uint8Array<ArrayBuffer>, to: { hostname: string; port: number }): void;
}

/** A socket on a host. */
export class VirtualDatagrams implements NetworkDatagramSocket {
  readonly inMemory = true;
  readonly addr: UdpAddress;
  readonly reuseAddress: boolean;
  readonly loopback: boolean;
  readonly groups: Set<string> = new Set();
  dropped = 0;
  readonly #network: DatagramNetwork;
  readonly #broadcast: boolean;
  readonly #room: number;
  readonly #onClose: () => void;
  readonly #waiting: Datagram[] = [];
  #receiver: { resolve(datagram: Datagram): void; reject(error: unknown): void } | null = null;
  #closed = false;

  constructor(network: DatagramNetwork, addr: UdpAddress, options: NetworkDatagramOptions, onClose: () => void) {
    const { reuseAddress = false, loopback = true, broadcast = false, queue } = options;
    this.#network = network;
    this.addr = addr;
    this.reuseAddress = reuseAddress;
    this.loopback = loopback;
    this.#broadcast = broadcast;
    this.#room = queue;
    this.#onClose = onClose;
  }

  get queued(): number {
    return this.#waiting.length;
  }

  receive(): Promise<Datagram> {
    if (this.#closed) return Promise.reject(hostError("BadResource"));
    const first = this.#waiting.shift();
    if (first !== undefined) return Promise.resolve(first);
    return new Promise((resolve, reject) => this.#receiver = { resolve, reject });
  }

  // deno-lint-ignore require-await -- so that it rejects
  async send(data: Uint8Array, to: { hostname: string; port: number }): Promise<void> {
    if (this.#closed) throw hostError("BadResource");
    if (to.hostname === BROADCAST && !this.#broadcast) throw hostError("PermissionDenied");
    this.#network.carry(this, new Uint8Array(data), to);
  }

  // deno-lint-ignore require-await -- so that it rejects
  async joinGroup(address: string): Promise<void> {
    if (!isMulticast(address)) throw hostError("InvalidInput");
    this.groups.add(address);
  }

  // deno-lint-ignore require-await -- so that it rejects
  async leaveGroup(address: string): Promise<void> {
    if (!this.groups.delete(address)) throw hostError("AddrNotAvailable");
  }

  close(): void {
    if (this.#closed) return;
    this.vanish();
    this.#onClose();
  }

  /** Its host has crashed, or it was closed. */
  vanish(): void {
    this.#closed = true;
    this.#receiver?.reject(hostError("Interrupted"));
    this.#receiver = null;
    this.#waiting.length = 0;
  }

  /** Whether it receives what is sent to an address. */
  hears(hostname: string): boolean {
    if (isMulticast(hostname)) return this.groups.has(hostname);
    return hostname === BROADCAST ? this.addr.hostname === "0.0.0.0" : covers(this.addr.hostname, hostname);
  }

  /** A datagram has arrived. */
  take(datagram: Datagram): void {
    if (this.#closed) return;
    const receiver = this.#receiver;
    this.#receiver = null;
    if (receiver !== null) receiver.resolve(datagram);
    else if (this.#waiting.length < this.#room) this.#waiting.push(datagram);
    else this.dropped++;
  }
}

/** Whether an address is that of a group (RFC 5771; RFC 4291, section 2.7). */
export function isMulticast(address: string): boolean {
  return /^(?:22[4-9]|23\d)\./.test(address) || /^ff/i.test(address);
}

/** Whether an address is that of all hosts. */
export function isBroadcast(address: string): boolean {
  return address === BROADCAST;
}
