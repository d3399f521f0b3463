/**
 * The network of a simulation: hosts and connections in memory, on the simulation's clock.
 *
 * What `net/` needs of a network and no more: byte streams that keep their order, connections that come about, end and
 * break as those of TCP do. No packets: what a program can observe is modelled, and nothing below.
 *
 *     VirtualNetworkImpl ──▶ Host ──▶ VirtualListener
 *                    └───▶ Connection = 2 VirtualConn + 2 Flow, each over a Link (the rules of one direction)
 *
 * All that takes time is an alarm of the clock, and nothing an operation of the host: see `Network.inMemory`.
 *
 * Over 400 lines as whatever goes wrong (a partition, a crash, the end) concerns hosts, listeners and connections alike.
 */

import { composedWait, isError, requireBoolean, requireTimeout, show } from "../../core/internal.ts";
import type { SocketAddress, Task, TcpAddress, UdpAddress, UnixAddress } from "../../core/mod.ts";
import type {
  Clock,
  Network,
  NetworkConn,
  NetworkConnectOptions,
  NetworkDatagramOptions,
  NetworkDatagramSocket,
  NetworkListener,
  NetworkListenOptions,
  NetworkListenTlsOptions,
  NetworkListenUnixOptions,
  NetworkStartTlsOptions,
  NetworkTlsConn,
  ResolvedAddress,
} from "../../core/lowlevel.ts";
import { requireKnown } from "../base/check.ts";
import type { AlarmHost } from "../driver/host_time.ts";
import { ambientIncarnation, outsideHosts } from "../driver/incarnation.ts";
import { prepareTracking } from "../driver/leaks.ts";
import { drawDiagram } from "../pictures/diagram.ts";
import type { Background } from "../time/simulation.ts";
import { canonical, isLoopback } from "./_addresses.ts";
import { checkChaos, runChaos } from "./_chaos.ts";
import { Connection } from "./_connection.ts";
import type { Wire } from "./_flow.ts";
import { type DatagramNetwork, isBroadcast, isMulticast, VirtualDatagrams } from "./_datagrams.ts";
import { Host, type HostNetwork } from "./_host.ts";
import { hostError } from "./_host_errors.ts";
import { Link } from "./_link.ts";
import { NetworkLog } from "./network_log.ts";
import { Names } from "./_names.ts";
import { type HttpNetwork, VirtualHttp } from "./http/virtual_http.ts";
import { type MadeCertificate, makeCertificate, requireIdentity } from "./tls/certificates.ts";
import { tlsClient, tlsListener } from "./tls/tls_conn.ts";
import { rulesOf } from "./_rules.ts";
import type { VirtualConn } from "./_virtual_conn.ts";
import { VirtualListener } from "./_virtual_listener.ts";
import type {
  ChaosOptions,
  DirectionOptions,
  DnsOptions,
  LinkOptions,
  VirtualConnection,
  VirtualHost,
  VirtualNetwork,
} from "./virtual_network.ts";

/** The host on which code runs of which nothing else is said. */
const DEFAULT_HOST = "test";

/** See the header. */
export class VirtualNetworkImpl implements Network, VirtualNetwork, HostNetwork, DatagramNetwork, HttpNetwork, Wire {
  readonly inMemory = true;
  readonly events: NetworkLog = new NetworkLog();
  /** Where the tasks of hosts run. Written by `simulateAt()`. */
  background: Background | null = null;
  readonly clock: Clock;
  /** The same, for the clocks of the hosts. */
  readonly time: AlarmHost;
  readonly random: () => number;
  readonly #hosts = new Map<string, Host>();
  readonly #byAddress = new Map<string, Host>();
  /** The way to addresses that nobody has. */
  readonly #nowhere = new Link();
  readonly #connections = new Set<Connection>();
  readonly #names: Names;
  readonly #homes = new Map<VirtualDatagrams, Host>();

  readonly http: VirtualHttp = new VirtualHttp(this);

  constructor(clock: AlarmHost, random: () => number) {
    this.time = clock;
    this.clock = clock.true;
    this.random = random;
    this.#nowhere.holds.add(this);
    this.#names = new Names(this.clock, (name) => this.#hosts.get(name)?.address);
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
    const listener: VirtualListener<TcpAddress> = new VirtualListener({
      addr,
      backlog: options.backlog,
      reusePort: options.reusePort,
      // On Linux, a socket that listens on both IPv6 and IPv4 shows addresses of IPv4 as addresses of IPv6.
      addressesOf: ({ client }) =>
        addr.hostname === "::"
          ? [mapped(client.remoteAddr), mapped(client.localAddr)]
          : [client.remoteAddr, client.localAddr],
      opening: () => this.#opening(),
      isPaused: () => host.time.paused,
      onClose: () => {
        tracked.close();
        host.removeListener(listener);
      },
    });
    host.addListener(listener);
    return listener as unknown as NetworkListener;
  }

  async resolve(hostname: string): Promise<readonly ResolvedAddress[]> {
    this.#here();
    return await this.#names.resolve(hostname);
  }

  // deno-lint-ignore require-await -- so that it rejects
  async startTls(conn: NetworkConn, options: NetworkStartTlsOptions): Promise<NetworkTlsConn> {
    return tlsClient(conn, options);
  }

  listenTls(options: NetworkListenTlsOptions): NetworkListener<NetworkTlsConn> {
    requireIdentity(options.cert, options.key);
    return tlsListener(this.listen(options), options);
  }

  // deno-lint-ignore require-await -- so that it rejects
  async openDatagrams(options: NetworkDatagramOptions): Promise<NetworkDatagramSocket> {
    const host = this.#here();
    const addr = host.placeDatagrams(options);
    const tracked = prepareTracking()(`UDP socket on ${host.name}:${addr.port}`);
    const socket: VirtualDatagrams = new VirtualDatagrams(this, addr, options, () => {
      tracked.close();
      host.datagrams.delete(socket);
      this.#homes.delete(socket);
    });
    host.datagrams.add(socket);
    this.#homes.set(socket, host);
    return socket;
  }

  /** See `DatagramNetwork`. */
  carry(socket: VirtualDatagrams, data: Uint8Array<ArrayBuffer>, to: { hostname: string; port: number }): void {
    const from = this.#homes.get(socket);
    if (from === undefined) return;
    const hostname = canonical(to.hostname);
    const isGroup = isMulticast(hostname);
    const everywhere = isGroup || isBroadcast(hostname);
    const target = isLoopback(hostname) ? from : this.#byAddress.get(hostname);
    const hosts = everywhere ? [...this.#hosts.values()] : target === undefined ? [] : [target];
    const source = socket.addr.hostname;
    const remoteAddress: UdpAddress = {
      transport: "udp",
      hostname: source === "0.0.0.0" || source === "::"
        ? addressTowards(from, everywhere ? from.address : hostname)
        : source,
      port: socket.addr.port,
    };
    const now = this.clock.now();
    for (const host of hosts) {
      if (everywhere && host !== from && ![...host.datagrams].some(({ addr }) => addr.port === to.port)) continue;
      const label = `${from.name}:${socket.addr.port}→${host.name}:${to.port}`;
      const entry = this.events.datagram(now, label, data.length);
      const link = this.#link(from, host);
      for (const at of link.arrivals(data.length, now, this.random)) {
        entry.fate = "on its way";
        this.clock.at(at, () => {
          entry.fate = link.blocked ? "lost" : { delivered: at };
          if (link.blocked) return;
          for (const each of host.datagrams) {
            if (each.addr.port !== to.port || !each.hears(hostname)) continue;
            if (isGroup && host === from && !socket.loopback) continue;
            each.take({ data: data.slice(), remoteAddress });
          }
        }, undefined);
      }
    }
    if (hosts.length === 0) {
      this.events.datagram(now, `${from.name}:${socket.addr.port}→${hostname}:${to.port}`, data.length);
    }
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
      isPaused: () => host.time.paused,
      onClose: () => {
        tracked.close();
        // After a crash the file is not this listener's any more.
        if (host.sockets.get(path) === listener) host.sockets.delete(path);
      },
    });
    host.sockets.set(path, listener);
    return listener as unknown as NetworkListener<NetworkConn<UnixAddress>>;
  }

  // deno-lint-ignore require-await -- so that it rejects
  async removeSocketFile(path: string): Promise<boolean> {
    const { sockets } = this.#here();
    // Nothing else lies in this file system; and nobody removes a file that is in use.
    if (sockets.get(path) === null) sockets.delete(path);
    return true;
  }

  // What tests call.

  host(name: string): VirtualHost {
    if (typeof name !== "string" || name === "" || name === "localhost" || /[\s/@:[\]]|^[\d.]+$/.test(name)) {
      throw new RangeError(`Cannot make a host as "name" must be the name of one: received ${show(name)}`);
    }
    return this.#hosts.get(name.toLowerCase()) ?? this.#addHost(name);
  }

  /** All hosts go on. */
  resumeAll(): void {
    for (const host of this.#hosts.values()) host.resume();
  }

  dns(name: string, answer: readonly string[] | Error, options: DnsOptions = {}): Disposable {
    if (typeof name !== "string") {
      throw new TypeError(`Cannot set up a name as "name" must be a string: received ${show(name)}`);
    }
    requireKnown("set up a name", options, ["delay"]);
    const { delay = 0 } = options;
    requireTimeout("set up a name", "delay", delay);
    if (!isError(answer) && !(Array.isArray(answer) && answer.every((one) => typeof one === "string"))) {
      throw new TypeError(
        `Cannot set up a name as "answer" must be an array of addresses, or an Error: received ${show(answer)}`,
      );
    }
    return guard(this.#names.add(name, { answer, delay }));
  }

  certificate(...names: readonly string[]): MadeCertificate {
    if (names.length > 0 && names.every((name) => typeof name === "string" && name !== "")) {
      return makeCertificate(names);
    }
    throw new TypeError(`Cannot make a certificate as each of "names" must be a host name: received ${show(names)}`);
  }

  link(a: string, b: string, options: LinkOptions): Disposable {
    const layer = rulesOf(options);
    const links = this.#between("set up a link", [a, b], options);
    const change = (how: "addLayer" | "removeLayer"): void => {
      for (const link of links) link[how](layer);
      for (const connection of [...this.#connections]) connection.rulesChanged();
    };
    change("addLayer");
    return guard(() => change("removeLayer"));
  }

  partition(a: string | readonly (readonly string[])[], b?: unknown, options: DirectionOptions = {}): Disposable {
    if (typeof a === "string") return this.#block("partitions", [a, b as string], options);
    return this.#split(a, b as Record<string, never> | undefined);
  }

  heal(a?: string, b?: string): void {
    if (a !== undefined) return this.#unblock("partitions", [a, b as string]);
    for (const host of this.#hosts.values()) {
      for (const { partitions } of host.links.values()) {
        for (const token of partitions) if (!(token instanceof Host)) partitions.delete(token);
      }
    }
    this.#freed("partitions", ["everybody"]);
  }

  chaos(options: ChaosOptions): Promise<void> {
    return composedWait(async () => {
      const names = [...this.#hosts.values()].map(({ name }) => name);
      await runChaos(this, this.clock, checkChaos(options, names), DEFAULT_HOST);
    });
  }

  hold(a: string, b: string, options: DirectionOptions = {}): Disposable {
    return this.#block("holds", [a, b], options);
  }

  release(a: string, b: string): void {
    this.#unblock("holds", [a, b]);
  }

  reset(a: string, b: string): void {
    const links = this.#between("reset connections", [a, b]);
    this.events.event(this.clock.now(), `${a}, ${b}`, "reset");
    for (const connection of [...this.#connections]) {
      if (links.includes(connection.toServer.link)) connection.reset();
    }
  }

  connections(): readonly VirtualConnection[] {
    return [...this.#connections].map((connection) => connection.describe());
  }

  /** The names of the hosts, in the order in which they were made. */
  hostNames(): string[] {
    return [...this.#hosts.values()].map(({ name }) => name);
  }

  log(): readonly string[] {
    return this.events.lines();
  }

  diagram(): string {
    return drawDiagram({ hosts: this.hostNames(), events: this.events.entries });
  }

  // What its hosts call.

  /** Starts a task beside the test. */
  startSoon(fn: () => unknown, options: { readonly name?: string }): Task<void> {
    return outsideHosts(() => this.background!.startSoon(async () => void await fn(), options));
  }

  /** A host is cut off from everybody, or back again. */
  setUp(host: Host, up: boolean): void {
    this.events.event(this.clock.now(), host.name, up ? "restart" : "crash");
    // Those that are there: others know of it when they are made.
    for (const other of this.#hosts.values()) {
      for (const link of [host.links.get(other), other.links.get(host)]) {
        if (up) link?.partitions.delete(host);
        else link?.partitions.add(host);
      }
    }
    if (!up) { for (const connection of this.#connections) connection.crash(host); }
    this.#linksChanged();
  }

  /** A host stands still, or goes on: then what has arrived meanwhile is handed to its programs. */
  setPaused(host: Host, paused: boolean): void {
    this.events.event(this.clock.now(), host.name, paused ? "pause" : "resume");
    if (paused) return;
    for (const connection of [...this.#connections]) connection.resumed();
    for (const listener of host.allListeners()) listener.resumed();
  }

  /** The host of the calling code. */
  #here(): Host {
    const incarnation = ambientIncarnation();
    const host = incarnation?.host;
    if (!(host instanceof Host) || host.network !== this) return this.#hosts.get(DEFAULT_HOST)!;
    if (incarnation!.dead) throw hostError("NetworkDown");
    return host;
  }

  /** The links between two hosts. */
  #between(
    action: string,
    ends: readonly [string, string],
    { oneWay = false }: DirectionOptions = {},
  ): Link[] {
    const [a, b] = ends.map((name) => {
      const host = this.#hosts.get(String(name).toLowerCase());
      if (host !== undefined) return host;
      const known = [...this.#hosts.keys()].join(", ");
      throw new RangeError(
        `Cannot ${action} as there must be a host "${name}": there are ${known} (make it with sim.net.host())`,
      );
    }) as [Host, Host];
    return [...new Set(oneWay ? [this.#link(a, b)] : [this.#link(a, b), this.#link(b, a)])];
  }

  #block(kind: "partitions" | "holds", ends: readonly [string, string], options: DirectionOptions): Disposable {
    const token = {};
    const verb = kind === "partitions" ? "partition" : "hold";
    requireKnown(verb, options, ["oneWay"]);
    const { oneWay = false } = options;
    requireBoolean(verb, "oneWay", oneWay);
    const links = this.#between(verb, ends, options);
    for (const link of links) link[kind].add(token);
    this.events.event(this.clock.now(), ends.join(oneWay ? "→" : ", "), verb);
    this.#linksChanged();
    return guard(() => {
      if (links.map((link) => link[kind].delete(token)).includes(true)) this.#freed(kind, ends);
    });
  }

  /** Cuts all links between groups. */
  #split(groups: readonly (readonly string[])[], options?: Record<string, never>): Disposable {
    requireKnown("partition", options ?? {}, []);
    const names = groups.map((group) => Array.isArray(group) ? group.map(String) : null);
    if (names.length < 2 || names.includes(null) || new Set(names.flat()).size < names.flat().length) {
      throw new RangeError(
        `Cannot partition as the groups must be two or more arrays of hosts, and no host in two of them: received ${
          show(groups)
        }`,
      );
    }
    const token = {};
    const links = names.flatMap((ours, i) =>
      names.slice(i + 1).flatMap((theirs) =>
        ours!.flatMap((a) => theirs!.flatMap((b) => this.#between("partition", [a, b])))
      )
    );
    for (const link of links) link.partitions.add(token);
    const text = names.map((group) => group!.join("+"));
    this.events.event(this.clock.now(), text.join(" | "), "partition");
    this.#linksChanged();
    return guard(() => {
      if (links.map((link) => link.partitions.delete(token)).includes(true)) {
        this.#freed("partitions", [text.join(" | ")]);
      }
    });
  }

  #unblock(kind: "partitions" | "holds", ends: readonly [string, string]): void {
    const links = this.#between(kind === "partitions" ? "heal" : "release", ends);
    for (const link of links) for (const token of link[kind]) if (!(token instanceof Host)) link[kind].delete(token);
    this.#freed(kind, ends);
  }

  #freed(kind: "partitions" | "holds", ends: readonly string[]): void {
    this.events.event(this.clock.now(), ends.join(", "), kind === "partitions" ? "heal" : "release");
    this.#linksChanged();
  }

  #linksChanged(): void {
    for (const connection of [...this.#connections]) connection.linksChanged();
  }

  #addHost(name: string): Host {
    const host = new Host(this, name, this.#hosts.size + 1);
    this.#hosts.set(name.toLowerCase(), host);
    this.#byAddress.set(host.address, host).set(host.address6, host);
    return host;
  }

  /** The way from one host to another. */
  #link(from: Host, to: Host | null): Link {
    if (to === null) return this.#nowhere;
    const known = from.links.get(to);
    if (known !== undefined) return known;
    const link = new Link();
    for (const host of [from, to]) if (!host.up) link.partitions.add(host);
    from.links.set(to, link);
    return link;
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

function guard(dispose: () => void): Disposable {
  return { [Symbol.dispose]: dispose };
}

function mapped(address: SocketAddress): SocketAddress {
  if (address.transport !== "tcp" || address.hostname.includes(":")) return address;
  return { ...address, hostname: `::ffff:${address.hostname}` };
}
