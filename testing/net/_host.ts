/** A host in memory: its addresses, its ports, who listens there. */

import type { NetworkAddress, NetworkListenOptions, UnixAddress } from "../../core/mod.ts";
import { addressesOf, canonical, covers, isLoopback } from "./_addresses.ts";
import { hostError } from "./_host_errors.ts";
import type { VirtualListener } from "./_virtual_listener.ts";

/** Where the ports begin that a host chooses itself. A round number is easy to recognise in a log. */
const FIRST_PORT = 40_001;
const LAST_PORT = 65_535;

/** See the header. */
export class Host {
  readonly name: string;
  /** Its address, IPv4, and the one for IPv6. */
  readonly address: string;
  readonly address6: string;
  readonly listeners: Map<number, VirtualListener<NetworkAddress>[]> = new Map();
  /** Who listens on the sockets of its file system; `null` for a file whose owner was killed. */
  readonly sockets: Map<string, VirtualListener<UnixAddress> | null> = new Map();
  /** The ports of clients. */
  readonly #taken = new Set<number>();
  #next = FIRST_PORT;
  /** Whose turn it is on ports that are shared. */
  #turn = 0;

  /** `n` counts the hosts of a network, from 1. */
  constructor(name: string, n: number) {
    this.name = name;
    [this.address, this.address6] = addressesOf(n);
  }

  /** Whether an address is one of this host's. */
  owns(address: string): boolean {
    return isLoopback(address) || address === this.address || address === this.address6;
  }

  /** Checks that somebody may listen, and chooses the port. */
  place({ hostname, port, reusePort = false }: NetworkListenOptions): NetworkAddress {
    const address = canonical(hostname);
    if (address !== "0.0.0.0" && address !== "::" && !this.owns(address)) throw hostError("AddrNotAvailable");
    const inUse = (candidate: number): boolean =>
      (this.listeners.get(candidate) ?? []).some(({ addr, reusePort: shared }) =>
        !(shared && reusePort) && (covers(addr.hostname, address) || covers(address, addr.hostname))
      );
    if (port !== 0 && inUse(port)) throw hostError("AddrInUse");
    return { transport: "tcp", hostname: address, port: port === 0 ? this.#freePort(inUse) : port };
  }

  /** Takes a port for a client. */
  takePort(): number {
    const port = this.#freePort((candidate) => this.listeners.has(candidate));
    this.#taken.add(port);
    return port;
  }

  /** The client's port is free again. */
  freePort(port: number): void {
    this.#taken.delete(port);
  }

  addListener(listener: VirtualListener<NetworkAddress>): void {
    const { port } = listener.addr;
    this.listeners.set(port, [...this.listeners.get(port) ?? [], listener]);
  }

  removeListener(listener: VirtualListener<NetworkAddress>): void {
    const { port } = listener.addr;
    const left = (this.listeners.get(port) ?? []).filter((other) => other !== listener);
    if (left.length === 0) this.listeners.delete(port);
    else this.listeners.set(port, left);
  }

  /** Who listens where a connection arrives. */
  listenerAt(address: string, port: number): VirtualListener<NetworkAddress> | null {
    const found = (this.listeners.get(port) ?? []).filter(({ addr }) => covers(addr.hostname, address));
    return found[this.#turn++ % found.length] ?? null;
  }

  #freePort(inUse: (port: number) => boolean): number {
    for (let tries = LAST_PORT - FIRST_PORT + 1; tries > 0; tries--) {
      const port = this.#next;
      this.#next = port === LAST_PORT ? FIRST_PORT : port + 1;
      if (!this.#taken.has(port) && !inUse(port)) return port;
    }
    throw hostError("AddrNotAvailable");
  }
}
