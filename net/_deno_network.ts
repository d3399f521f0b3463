/** The host's network: the one file of `net` that calls `Deno`. */

import { lookup } from "node:dns/promises";
import { currentRun, type Network, type NetworkConn, type NetworkListener, type ResolvedAddress } from "../core/mod.ts";

const denoNetwork: Network = {
  connect({ hostname, port, signal }) {
    // One address, one attempt: the racing is ours.
    const options: Deno.ConnectOptions = { transport: "tcp", hostname, port, autoSelectFamily: false };
    if (signal !== undefined) options.signal = signal;
    return Deno.connect(options) as Promise<NetworkConn>;
  },
  listen({ hostname, port, backlog }) {
    const options: Deno.TcpListenOptions = { hostname, port };
    if (backlog !== undefined) options.tcpBacklog = backlog;
    return Deno.listen(options) as unknown as NetworkListener;
  },
  async resolve(hostname) {
    // getaddrinfo(3), so /etc/hosts and the system's order hold; Deno.resolveDns asks name servers only.
    const found = await lookup(hostname, { all: true, verbatim: true });
    return found.map(({ address, family }): ResolvedAddress => ({ address, family: family === 6 ? 6 : 4 }));
  },
};

/** The network of the current run. */
export function ambientNetwork(): Network {
  return currentRun().network ?? denoNetwork;
}
