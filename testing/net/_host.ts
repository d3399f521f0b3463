/** A host in memory: its addresses, its ports, who listens there. */

import { composedWait, failureOf, NOTHING, requireFunction, requireText } from "../../core/internal.ts";
import { BrokenResourceError, type Task, type TcpAddress, type UdpAddress, type UnixAddress } from "../../core/mod.ts";
import type { NetworkDatagramOptions, NetworkListenOptions } from "../../core/lowlevel.ts";
import { requireKnown } from "../base/check.ts";
import { DEAD, Incarnation } from "../driver/incarnation.ts";
import { addressesOf, canonical, covers, isLoopback } from "./_addresses.ts";
import type { VirtualDatagrams } from "./_datagrams.ts";
import { hostError } from "./_host_errors.ts";
import type { Link } from "./_link.ts";
import type { VirtualListener } from "./_virtual_listener.ts";
import type { VirtualHost } from "./virtual_network.ts";

/** Where the ports begin that a host chooses itself. A round number is easy to recognise in a log. */
const FIRST_PORT = 40_001;
const LAST_PORT = 65_535;

/** What a host needs of its network. */
export interface HostNetwork {
  /** Starts a task beside the test. */
  startSoon(fn: () => unknown, options: { readonly name?: string }): Task<void>;
  /** A host is cut off from everybody, or back again. */
  setUp(host: Host, up: boolean): void;
}

/** How something has ended that ran on a host: `crash` is the error for those who wait for it. */
type Ending<T> = { readonly value: T } | { readonly crash: Error };

/** See the header. */
export class Host implements VirtualHost {
  readonly network: HostNetwork;
  readonly name: string;
  /** Its address, IPv4, and the one for IPv6. */
  readonly address: string;
  readonly address6: string;
  /** The ways to other hosts, as far as somebody asked. Written by the network. */
  readonly links: Map<Host, Link> = new Map();
  readonly listeners: Map<number, VirtualListener<TcpAddress>[]> = new Map();
  /** Who listens on the sockets of its file system; `null` for a file whose owner was killed. */
  readonly sockets: Map<string, VirtualListener<UnixAddress> | null> = new Map();
  /** Sockets for datagrams. */
  readonly datagrams: Set<VirtualDatagrams> = new Set();
  /** The ports of clients. */
  readonly #taken = new Set<number>();
  #next = FIRST_PORT;
  /** Whose turn it is on ports that are shared. */
  #turn = 0;
  /** Whether it has not crashed. Written by `crash()` and `restart()`. */
  up = true;
  /** What runs on it, and ends with a crash. Written by `restart()`. */
  #incarnation = new Incarnation(this);
  /** What was started on it, to be started again. */
  readonly #programs: { readonly fn: () => unknown; readonly name: string }[] = [];

  /** `n` counts the hosts of a network, from 1. */
  constructor(network: HostNetwork, name: string, n: number) {
    this.network = network;
    this.name = name;
    [this.address, this.address6] = addressesOf(n);
  }

  run<T>(fn: () => T | Promise<T>): Promise<T> {
    return composedWait(async () => {
      requireFunction("run a function on a host", "fn", fn);
      const ending = await this.#live(fn);
      if ("crash" in ending) throw ending.crash;
      return ending.value;
    });
  }

  async #live<T>(fn: () => T | Promise<T>): Promise<Ending<T>> {
    if (!this.up) return { crash: this.#crashed() };
    const incarnation = this.#incarnation;
    try {
      const outcome = await incarnation.run(fn);
      if (outcome !== DEAD && !incarnation.dead) return { value: outcome.value as T };
    } catch (error) {
      // Whatever comes of the cleanup of a host that has lost its power is nobody's business.
      if (!incarnation.dead || failureOf(error) === NOTHING) throw error;
      return { crash: this.#crashed({ cause: error }) };
    }
    return { crash: this.#crashed() };
  }

  startSoon(fn: () => unknown, options: { readonly name?: string } = {}): Task<void> {
    requireFunction("start a task", "fn", fn);
    requireKnown("start a task", options, ["name"]);
    requireText("start a task", "name", options.name);
    if (!this.up) throw this.#crashed();
    const program = { fn, name: options.name ?? `${this.name}${fn.name === "" ? "" : `: ${fn.name}`}` };
    this.#programs.push(program);
    return this.#start(program);
  }

  crash(): void {
    if (!this.up) return;
    this.up = false;
    // First what others see: the cleanup of what ends now must not reach them any more.
    for (const listener of [...this.listeners.values()].flat()) listener.vanish();
    for (const listener of this.sockets.values()) listener?.vanish();
    this.listeners.clear();
    for (const socket of this.datagrams) socket.vanish();
    this.datagrams.clear();
    for (const path of this.sockets.keys()) this.sockets.set(path, null);
    this.network.setUp(this as Host, false);
    this.#incarnation.end(`host "${this.name}" crashed`);
  }

  restart(): void {
    if (this.up) return;
    this.up = true;
    this.#incarnation = new Incarnation(this);
    this.network.setUp(this as Host, true);
    for (const program of this.#programs) this.#start(program);
  }

  #start({ fn, name }: { readonly fn: () => unknown; readonly name: string }): Task<void> {
    // Nobody waits for it: its crash, unlike that of another host, is no error.
    return this.network.startSoon(() => this.#live(fn), { name });
  }

  #crashed(options?: ErrorOptions): BrokenResourceError {
    return new BrokenResourceError(`Cannot go on as host "${this.name}" must be up: it has crashed`, options);
  }

  /** Whether an address is one of this host's. */
  owns(address: string): boolean {
    return isLoopback(address) || address === this.address || address === this.address6;
  }

  /** Checks that somebody may listen, and chooses the port. */
  place({ hostname, port, reusePort = false }: NetworkListenOptions): TcpAddress {
    const address = canonical(hostname);
    if (address !== "0.0.0.0" && address !== "::" && !this.owns(address)) throw hostError("AddrNotAvailable");
    const inUse = (candidate: number): boolean =>
      (this.listeners.get(candidate) ?? []).some(({ addr, reusePort: shared }) =>
        !(shared && reusePort) && (covers(addr.hostname, address) || covers(address, addr.hostname))
      );
    if (port !== 0 && inUse(port)) throw hostError("AddrInUse");
    return { transport: "tcp", hostname: address, port: port === 0 ? this.#freePort(inUse) : port };
  }

  /** Checks that somebody may receive datagrams, and chooses the port. */
  placeDatagrams({ hostname, port, reuseAddress = false }: NetworkDatagramOptions): UdpAddress {
    const address = canonical(hostname);
    if (address !== "0.0.0.0" && address !== "::" && !this.owns(address)) throw hostError("AddrNotAvailable");
    const inUse = (candidate: number): boolean =>
      [...this.datagrams].some(({ addr, reuseAddress: shared }) =>
        addr.port === candidate && !(shared && reuseAddress) &&
        (covers(addr.hostname, address) || covers(address, addr.hostname))
      );
    if (port !== 0 && inUse(port)) throw hostError("AddrInUse");
    return { transport: "udp", hostname: address, port: port === 0 ? this.#freePort(inUse) : port };
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

  addListener(listener: VirtualListener<TcpAddress>): void {
    const { port } = listener.addr;
    this.listeners.set(port, [...this.listeners.get(port) ?? [], listener]);
  }

  removeListener(listener: VirtualListener<TcpAddress>): void {
    const { port } = listener.addr;
    const left = (this.listeners.get(port) ?? []).filter((other) => other !== listener);
    if (left.length === 0) this.listeners.delete(port);
    else this.listeners.set(port, left);
  }

  /** Who listens where a connection arrives. */
  listenerAt(address: string, port: number): VirtualListener<TcpAddress> | null {
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
