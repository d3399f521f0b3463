/**
 * The network of a simulation: hosts and connections in memory, on the simulation's clock.
 *
 * What `net/` needs of a network and no more: byte streams that keep their order, connections that come about, end and
 * break as those of TCP do. No packets: what a program can observe is modelled, and nothing below.
 *
 *     SimulatedNetwork ──▶ Host ──▶ VirtualListener
 *                    └───▶ Connection = 2 VirtualConn + 2 Flow, each over a Link (the rules of one direction)
 *
 * All that takes time is an alarm of the clock, and nothing an operation of the host: see `Network.inMemory`.
 */

import type {
  Clock,
  Network,
  NetworkAddress,
  NetworkConn,
  NetworkConnectOptions,
  NetworkListener,
  NetworkListenOptions,
  NetworkListenUnixOptions,
  ResolvedAddress,
  SocketAddress,
  UnixAddress,
} from "../../core/mod.ts";
import { prepareTracking } from "../_leaks.ts";
import { canonical, isLoopback } from "./_addresses.ts";
import { Connection } from "./_connection.ts";
import type { Flow, Wire } from "./_flow.ts";
import { Host } from "./_host.ts";
import { hostError, unknownName } from "./_host_errors.ts";
import { Link } from "./_link.ts";
import type { VirtualConn } from "./_virtual_conn.ts";
import { VirtualListener } from "./_virtual_listener.ts";

/** The host on which code runs of which nothing else is said. */
const DEFAULT_HOST = "test";

/** See the header. */
export class SimulatedNetwork implements Network, Wire {
  readonly inMemory = true;
  readonly clock: Clock;
  readonly random: () => number;
  readonly #hosts = new Map<string, Host>();
  readonly #byAddress = new Map<string, Host>();
  readonly #links = new Map<Host, Map<Host, Link>>();
  /** The way to addresses that nobody has. */
  readonly #nowhere = new Link();
  readonly #connections = new Set<Connection>();

  constructor(clock: Clock, random: () => number) {
    this.clock = clock;
    this.random = random;
    this.#nowhere.holds.add(this);
    this.#addHost(DEFAULT_HOST);
  }

  // What `net/` calls.

  async connect(options: NetworkConnectOptions): Promise<NetworkConn> {
    const { port, localAddress, signal } = options;
    const opened = this.#opening();
    const from = this.#here();
    // The address of no machine in particular is the machine itself, to those who connect.
    const hostname = { "0.0.0.0": "127.0.0.1", "::": "::1" }[options.hostname] ?? canonical(options.hostname);
    const to = isLoopback(hostname) ? from : this.#byAddress.get(hostname) ?? null;
    const local = localAddress === undefined ? addressTowards(from, hostname) : canonical(localAddress);
    if (!from.owns(local)) throw hostError("AddrNotAvailable");
    signal?.throwIfAborted();
    const localPort = from.takePort();
    const connection = this.#connect({
      from,
      to,
      client: { transport: "tcp", hostname: local, port: localPort },
      server: { transport: "tcp", hostname, port },
      names: [`${from.name}:${localPort}`, `${to?.name ?? hostname}:${port}`],
      find: () => to?.listenerAt(hostname, port) ?? null,
      onEnd: () => from.freePort(localPort),
    });
    return await this.#opened(connection, opened, signal) as NetworkConn;
  }

  listen(options: NetworkListenOptions): NetworkListener {
    const host = this.#here();
    const addr = host.place(options);
    const tracked = prepareTracking()(`listener on ${host.name}:${addr.port}`);
    const listener: VirtualListener<NetworkAddress> = new VirtualListener({
      addr,
      backlog: options.backlog,
      reusePort: options.reusePort,
      // On Linux, a socket that listens on both IPv6 and IPv4 shows addresses of IPv4 as addresses of IPv6.
      addressesOf: ({ client }) =>
        addr.hostname === "::"
          ? [mapped(client.remoteAddr), mapped(client.localAddr)]
          : [client.remoteAddr, client.localAddr],
      opening: () => this.#opening(),
      onClose: () => {
        tracked.close();
        host.removeListener(listener);
      },
    });
    host.addListener(listener);
    return listener as unknown as NetworkListener;
  }

  resolve(hostname: string): Promise<readonly ResolvedAddress[]> {
    const name = hostname.toLowerCase();
    const address = name === "localhost" ? "127.0.0.1" : this.#hosts.get(name)?.address;
    return address === undefined ? Promise.reject(unknownName(hostname)) : Promise.resolve([{ address, family: 4 }]);
  }

  async connectUnix(path: string): Promise<NetworkConn<UnixAddress>> {
    const opened = this.#opening();
    const host = this.#here();
    const target = host.sockets.get(path);
    if (target === undefined) throw hostError("NotFound");
    const connection = this.#connect({
      from: host,
      to: host,
      client: { transport: "unix", path: null },
      server: { transport: "unix", path },
      names: [`${host.name}:(unnamed)`, `${host.name}:${path}`],
      find: () => host.sockets.get(path) ?? null,
      onEnd: () => {},
    });
    return await this.#opened(connection, opened) as NetworkConn<UnixAddress>;
  }

  listenUnix({ path }: NetworkListenUnixOptions): NetworkListener<NetworkConn<UnixAddress>> {
    const host = this.#here();
    if (host.sockets.has(path)) throw hostError("AddrInUse");
    const tracked = prepareTracking()(`listener on ${host.name}:${path}`);
    const listener: VirtualListener<UnixAddress> = new VirtualListener<UnixAddress>({
      addr: { transport: "unix", path },
      addressesOf: ({ client }) => [client.remoteAddr, client.localAddr],
      opening: () => this.#opening(),
      onClose: () => {
        tracked.close();
        host.sockets.delete(path);
      },
    });
    host.sockets.set(path, listener);
    return listener as unknown as NetworkListener<NetworkConn<UnixAddress>>;
  }

  removeSocketFile(path: string): Promise<boolean> {
    const { sockets } = this.#here();
    // Nothing else lies in this file system; and nobody removes a file that is in use.
    if (sockets.get(path) === null) sockets.delete(path);
    return Promise.resolve(true);
  }

  // What its parts call.

  note(_flow: Flow, _what: string, _arrives: number | null): void {}

  /** The host of the calling code. */
  #here(): Host {
    return this.#hosts.get(DEFAULT_HOST)!;
  }

  #addHost(name: string): Host {
    const host = new Host(name, this.#hosts.size + 1);
    this.#hosts.set(name, host);
    this.#byAddress.set(host.address, host).set(host.address6, host);
    return host;
  }

  /** The way from one host to another. */
  #link(from: Host, to: Host | null): Link {
    if (to === null) return this.#nowhere;
    return this.#links.getOrInsertComputed(from, () => new Map()).getOrInsertComputed(to, () => new Link());
  }

  /** Called when an operation begins that may open a connection: takes note of where, in case nobody closes it. */
  #opening(): (conn: VirtualConn) => void {
    const track = prepareTracking();
    return (conn) => {
      const tracked = track(`connection ${conn.out.label}`);
      conn.onClose = () => tracked.close();
    };
  }

  #connect(parts: {
    readonly from: Host;
    readonly to: Host | null;
    readonly client: SocketAddress;
    readonly server: SocketAddress;
    readonly names: readonly [string, string];
    find(): VirtualListener | null;
    onEnd(): void;
  }): Connection {
    const connection = new Connection({
      ...parts,
      wire: this,
      there: this.#link(parts.from, parts.to),
      back: parts.to === null ? this.#nowhere : this.#link(parts.to, parts.from),
      onEnd: () => {
        this.#connections.delete(connection);
        parts.onEnd();
      },
    });
    this.#connections.add(connection);
    return connection;
  }

  async #opened(
    connection: Connection,
    opened: (conn: VirtualConn) => void,
    signal?: AbortSignal,
  ): Promise<VirtualConn> {
    const abandon = (): void => connection.abandon(signal!.reason);
    signal?.addEventListener("abort", abandon);
    try {
      const conn = await connection.open();
      opened(conn);
      return conn;
    } finally {
      signal?.removeEventListener("abort", abandon);
    }
  }
}

/** From which of its addresses a host connects to another address. */
function addressTowards(host: Host, address: string): string {
  if (isLoopback(address)) return address.includes(":") ? "::1" : "127.0.0.1";
  // To itself it talks from where it talks to.
  if (host.owns(address)) return address;
  return address.includes(":") ? host.address6 : host.address;
}

function mapped(address: SocketAddress): SocketAddress {
  if (address.transport !== "tcp" || address.hostname.includes(":")) return address;
  return { ...address, hostname: `::ffff:${address.hostname}` };
}
