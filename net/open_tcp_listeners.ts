/** Listening on TCP ports. */

import type { NetworkListener } from "../core/mod.ts";
import { formatAddress, ipVersion } from "./_address.ts";
import { requireHost, requirePort } from "./_check.ts";
import { ambientNetwork } from "./_deno_network.ts";
import { BrokenResourceError, checkpointIfCancelled, hostOp } from "../core/mod.ts";
import { SocketListener } from "./socket_listener.ts";

/** How to listen. */
export interface OpenTcpListenersOptions {
  /**
   * The address to listen on, or a name for one: `"127.0.0.1"` and `"localhost"` serve this machine only.
   *
   * @default {"0.0.0.0"}
   */
  readonly hostname?: string;
  /** How many connections the host keeps waiting to be accepted; the host has its own default and limit. */
  readonly backlog?: number;
}

/**
 * Begins to listen on a TCP port, on every address the host name stands for.
 *
 * All or none: if one address fails, the others are closed again.
 *
 * **Cancellation:** throws `Cancelled`; nothing is left open.
 *
 * @example A port that is free
 * ```ts
 * import { openTcpListeners } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const [listener] = await openTcpListeners(0, { hostname: "127.0.0.1" });
 * using _ = listener!;
 * assert(listener!.address.port > 0);
 * ```
 *
 * @param port The port; 0 takes any free one, the same for all addresses.
 * @param options Host name and backlog.
 * @returns A listener for each address, at least one; they belong to the caller.
 * @throws {BrokenResourceError} If the port is in use or the address is not of this machine; `cause` is the host's error.
 * @throws {RangeError} If `port` or `hostname` cannot be one.
 */
export async function openTcpListeners(port: number, options: OpenTcpListenersOptions = {}): Promise<SocketListener[]> {
  const { hostname = "0.0.0.0", backlog } = options;
  const action = "listen";
  requirePort(action, port, 0);
  requireHost(action, "hostname", hostname);
  if (backlog !== undefined && !(Number.isInteger(backlog) && backlog >= 1)) {
    throw new RangeError(`Cannot listen as "backlog" must be a whole number >= 1: received ${backlog}`);
  }
  await checkpointIfCancelled();
  const network = ambientNetwork();
  const addresses = ipVersion(hostname) !== 0
    ? [hostname]
    : (await hostOp(`resolve ${hostname}`, network.resolve(hostname))).map(({ address }) => address);
  const opened: NetworkListener[] = [];
  for (const address of new Set(addresses)) {
    const at = { hostname: address, port: opened[0]?.addr.port ?? port, ...(backlog === undefined ? {} : { backlog }) };
    try {
      opened.push(network.listen(at));
    } catch (error) {
      for (const listener of opened) listener.close();
      if (error instanceof Error && error.name === "NotCapable") throw error;
      const text = error instanceof Error ? error.message : String(error);
      throw new BrokenResourceError(`Cannot listen on ${formatAddress(at)}: ${text}`, { cause: error });
    }
  }
  return opened.map((listener) => new SocketListener(listener));
}
