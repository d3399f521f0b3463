/** A host in memory: its addresses, its ports, who listens there. */

import { composedWait, failureOf, NOTHING } from "../../core/internal.ts";
import { BrokenResourceError, type Task, type TcpAddress, type UnixAddress } from "../../core/mod.ts";
import type { NetworkListenOptions } from "../../core/lowlevel.ts";
import { requireFunction, requireOptions } from "../base/check.ts";
import { DEAD, Incarnation } from "../driver/incarnation.ts";
import { addressesOf, canonical, covers, isLoopback } from "./_addresses.ts";
import { hostError } from "./_host_errors.ts";
import type { Link } from "./_link.ts";
import type { SimulatedNetwork } from "./simulated_network.ts";
import type { VirtualListener } from "./_virtual_listener.ts";
import type { VirtualHost } from "./virtual_network.ts";

/** Where the ports begin that a host chooses itself. A round number is easy to recognise in a log. */
const FIRST_PORT = 40_001;
const LAST_PORT = 65_535;

/** What runs on a host is over, together with the host. */
class HostCrash extends BrokenResourceError {}

/** See the header. */
export class Host implements VirtualHost {
  readonly network: SimulatedNetwork;
  readonly name: string;
  /** Its address, IPv4, and the one for IPv6. */
  readonly address: string;
  readonly address6: string;
  /** The ways to other hosts, as far as somebody asked. Written by the network. */
  readonly links: Map<Host, Link> = new Map();
  readonly listeners: Map<number, VirtualListener<TcpAddress>[]> = new Map();
  /** Who listens on the sockets of its file system; `null` for a file whose owner was killed. */
  readonly sockets: Map<string, VirtualListener<UnixAddress> | null> = new Map();
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
  constructor(network: SimulatedNetwork, name: string, n: number) {
    this.network = network;
    this.name = name;
    [this.address, this.address6] = addressesOf(n);
  }

  run<T>(fn: () => T | Promise<T>): Promise<T> {
    return composedWait(() => this.#run(fn));
  }

  async #run<T>(fn: () => T | Promise<T>): Promise<T> {
    requireFunction("run a function on a host", "fn", fn);
    this.#requireUp();
    const incarnation = this.#incarnation;
    try {
      const outcome = await incarnation.run(fn);
      if (outcome !== DEAD && !incarnation.dead) return outcome.value as T;
    } catch (error) {
      // Whatever comes of the cleanup of a host that has lost its power is nobody's business.
      if (!incarnation.dead || failureOf(error) === NOTHING) throw error;
      throw this.#crashed({ cause: error });
    }
    throw this.#crashed();
  }

  startSoon(fn: () => unknown, options: { readonly name?: string } = {}): Task<void> {
    requireFunction("start a task", "fn", fn);
    requireOptions("start a task", options, ["name"]);
    this.#requireUp();
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
    return this.network.startSoon(async () => {
      try {
        await this.run(fn);
      } catch (error) {
        if (!(error instanceof HostCrash)) throw error;
      }
    }, { name });
  }

  #requireUp(): void {
    if (!this.up) throw this.#crashed();
  }

  #crashed(options?: ErrorOptions): HostCrash {
    return new HostCrash(`Cannot go on as host "${this.name}" must be up: it has crashed`, options);
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
