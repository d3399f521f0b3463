/**
 * The host's network, on `Deno` and, for what that cannot do, on `node:dns`; `connect_from.ts` uses `node:net`. HTTP
 * and WebSockets of the host are in `deno_http.ts`. No other file of `net` says `Deno.` or `node:`.
 */

import {
  currentRun,
  type Network,
  type NetworkConn,
  type NetworkListener,
  type NetworkListenOptions,
  type NetworkTlsConn,
  type ResolvedAddress,
} from "../../core/lowlevel.ts";
import type { UnixAddress } from "../../core/mod.ts";
import { outside } from "../../core/internal.ts";
import { ipVersion } from "../base/address.ts";
import { isOutOfResources } from "./host_errors.ts";

// Modules of Node are loaded when they are first needed: they would double what it costs to start a program.
const denoNetwork: Network = {
  async connect({ hostname, port, localAddress, signal }) {
    if (localAddress !== undefined) {
      const { connectFrom } = await outside(() => import("./connect_from.ts"));
      const where = { hostname, port, localAddress, ...(signal === undefined ? {} : { signal }) };
      return await connectFrom(where, requireAccess);
    }
    // One address, one attempt: the racing is ours. But not for a name, see `resolve()`.
    const options: Deno.ConnectOptions = {
      transport: "tcp",
      hostname,
      port,
      autoSelectFamily: ipVersion(hostname) === 0,
    };
    if (signal !== undefined) options.signal = signal;
    return await Deno.connect(options) as NetworkConn;
  },
  listen(options) {
    return Deno.listen(listenOptions(options)) as unknown as NetworkListener;
  },
  async resolve(hostname) {
    // Deno allows a name, or a name and a port, and then neither to look it up nor to connect to what it stands for. So
    // in a program that may not use the addresses, the name stands for them, and the host does the racing.
    const byName: ResolvedAddress[] = [{ address: hostname, family: 4 }];
    const everything = await mayUse({ name: "net" });
    if (!everything && !(await mayUse({ name: "net", host: hostname }))) return byName;
    // getaddrinfo(3), so /etc/hosts and the system's order hold; Deno.resolveDns asks name servers only.
    const { lookup } = await outside(() => import("node:dns/promises"));
    const found = await lookup(hostname, { all: true, verbatim: true }).catch(notFound);
    for (const { address, family } of everything ? [] : found) {
      if (!(await mayUse({ name: "net", host: family === 6 ? `[${address}]` : address }))) return byName;
    }
    return found.map(({ address, family }): ResolvedAddress => ({ address, family: family === 6 ? 6 : 4 }));
  },
  async startTls(conn, { serverName, caCerts = [], alpnProtocols = [] }) {
    const { localAddr, remoteAddr } = conn;
    const options = { hostname: serverName, caCerts: [...caCerts], alpnProtocols: [...alpnProtocols] };
    const upgraded = await Deno.startTls(conn as unknown as Deno.TcpConn, options) as unknown as NetworkTlsConn;
    // Deno 2.9.6 leaves `transport` out of the addresses of an upgraded connection.
    return Object.defineProperties(upgraded, { localAddr: { value: localAddr }, remoteAddr: { value: remoteAddr } });
  },
  // Two faults of `Deno.listenTls` (2.9.6): closing a connection in the middle of its handshake leaves the socket open
  // until the client ends it, and small writes wait for acknowledgements, as there is no `setNoDelay()`. A server over
  // `node:tls` has neither. But measured against this one it echoes 64 bytes in 1.8 times the time, receives 0.7 times
  // the bytes and does 0.7 times the handshakes per second, sends no alert that says why a handshake failed, and cannot
  // tell a connection that was cut from one that has ended. So it stays with this one, and the faults are documented.
  listenTls({ cert, key, alpnProtocols = [], ...where }) {
    const options = { ...listenOptions(where), cert, key, alpnProtocols: [...alpnProtocols] };
    return Deno.listenTls(options) as unknown as NetworkListener<NetworkTlsConn>;
  },
  async openDatagrams(options) {
    const { openHostDatagrams } = await outside(() => import("./datagrams.ts"));
    return await openHostDatagrams(options);
  },
  connectUnix(path) {
    return Deno.connect({ transport: "unix", path }) as unknown as Promise<NetworkConn<UnixAddress>>;
  },
  listenUnix({ path, mode }) {
    const listener = Deno.listen({ transport: "unix", path });
    try {
      if (mode !== undefined) Deno.chmodSync(path, mode);
    } catch (error) {
      listener.close();
      throw error;
    }
    return listener as unknown as NetworkListener<NetworkConn<UnixAddress>>;
  },
  async removeSocketFile(path) {
    try {
      if (!(await Deno.lstat(path)).isSocket) return false;
      await Deno.remove(path);
    } catch (error) {
      // Somebody was faster.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return true;
  },
};

/**
 * Throws why a name was not found. If the process is out of files, the resolver cannot ask anybody, and says the same
 * as of a name that is not there (Deno 2.9.6); so then a file is opened, by those who may.
 */
async function notFound(error: unknown): Promise<never> {
  const here = { hostname: "127.0.0.1", port: 0 };
  if (await mayUse({ name: "net", host: here.hostname })) {
    try {
      Deno.listen(here).close();
    } catch (other) {
      if (isOutOfResources(other)) throw other;
    }
  }
  throw error;
}

/** Whether the program has a permission, without asking the user for it. */
async function mayUse(permission: Deno.NetPermissionDescriptor): Promise<boolean> {
  const { state, partial } = await Deno.permissions.query(permission);
  return state === "granted" && !partial;
}

/** Asks for the permission to use a host, as Deno's own functions do; throws what they throw. */
async function requireAccess(host: string): Promise<void> {
  const { state } = await Deno.permissions.request({ name: "net", host });
  if (state !== "granted") {
    throw new Deno.errors.NotCapable(`Requires net access to "${host}", run again with the --allow-net flag`);
  }
}

function listenOptions({ hostname, port, backlog, reusePort }: NetworkListenOptions): Deno.TcpListenOptions {
  const options: Deno.TcpListenOptions = { hostname, port };
  if (backlog !== undefined) options.tcpBacklog = backlog;
  if (reusePort) {
    requireReusePortFlag();
    options.reusePort = true;
  }
  return options;
}

/** Without the flag Deno ends the process instead of throwing; the one unstable function of its network tells. */
export function requireReusePortFlag(): void {
  if ("listenDatagram" in Deno) return;
  throw new TypeError(
    'Cannot listen with "reusePort" as Deno must be started with --unstable-net for it: the flag is missing',
  );
}

/** The network of the current run. */
export function ambientNetwork(): Network {
  const { network } = currentRun();
  if (network === undefined) requireDeno("use the network");
  return network ?? denoNetwork;
}

/** Node and Bun load the whole package for the sake of the core; what calls `Deno` says that it does. */
export function requireDeno(action: string): void {
  if ("Deno" in globalThis) return;
  throw new TypeError(`Cannot ${action} as the host must be Deno: "Deno" is not defined here`);
}

/** Reads a file of text, such as a certificate. */
export function readText(path: string | URL): Promise<string> {
  return Deno.readTextFile(path);
}
