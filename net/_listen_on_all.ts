/**
 * Listening on every address of a host name.
 *
 * All or none, but that an address which this machine has switched off (`::1` without IPv6, which /etc/hosts lists
 * all the same) is passed over if another one works. Port 0 gives all the same port: the host chooses it for the first
 * address, and if it is taken for another one, all begin anew.
 */

import { BrokenResourceError, checkpointIfCancelled, isCancelled, type NetworkListener } from "../core/mod.ts";
import { formatAddress, ipVersion } from "./_address.ts";
import { requireHost, requirePort } from "./_check.ts";
import { ambientNetwork } from "./_deno_network.ts";
import { isNotCapable, textOf, waitForHost } from "./_wait_for_host.ts";
import type { OpenTcpListenersOptions } from "./open_tcp_listeners.ts";

/** How often another port is asked for; each try fails only if a port in a range of thousands is taken by chance. */
const TRIES = 20;
/** Errors of an address that this machine does not have at present. */
const NOT_HERE = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT"]);

/** Where one of the listeners listens. */
export interface Where {
  readonly hostname: string;
  readonly port: number;
  readonly backlog?: number;
  readonly reusePort?: boolean;
}

/** Checks what `listenOnAll()` is given, before any effect. */
export function checkListen(port: number, options: OpenTcpListenersOptions): void {
  const { hostname = "0.0.0.0", backlog, reusePort } = options;
  const action = "listen";
  requirePort(action, port, 0);
  requireHost(action, "hostname", hostname);
  if (backlog !== undefined && !(Number.isInteger(backlog) && backlog >= 1)) {
    throw new RangeError(`Cannot listen as "backlog" must be a whole number >= 1: received ${backlog}`);
  }
  if (reusePort !== undefined && typeof reusePort !== "boolean") {
    throw new TypeError(`Cannot listen as "reusePort" must be true or false: received ${reusePort}`);
  }
}

/** See the header; the arguments have been checked. `listen` opens one. */
export async function listenOnAll<L extends NetworkListener>(
  port: number,
  options: OpenTcpListenersOptions,
  listen: (where: Where) => L,
): Promise<L[]> {
  const { backlog, reusePort } = options;
  const hostname = requireHost("listen", "hostname", options.hostname ?? "0.0.0.0");
  const rest = { ...(backlog === undefined ? {} : { backlog }), ...(reusePort === undefined ? {} : { reusePort }) };
  await checkpointIfCancelled();
  const addresses = ipVersion(hostname) !== 0 ? [hostname] : await resolve(hostname);
  for (let left = port === 0 && addresses.length > 1 ? TRIES : 1;; left--) {
    const opened: L[] = [];
    let failure: BrokenResourceError | undefined;
    try {
      for (const address of addresses) {
        const where = { hostname: address, port: opened[0]?.addr.port ?? port, ...rest };
        try {
          opened.push(listen(where));
        } catch (error) {
          if (isNotCapable(error) || error instanceof TypeError || error instanceof RangeError) throw error;
          const here = new BrokenResourceError(`Cannot listen on ${formatAddress(where)}: ${textOf(error)}`, {
            cause: error,
          });
          if (!NOT_HERE.has((error as { code?: string }).code ?? "")) throw here;
          failure ??= here;
        }
      }
      if (opened.length > 0) return opened;
      throw failure;
    } catch (error) {
      for (const listener of opened) listener.close();
      const taken = opened.length > 0 && ((error as Error).cause as Error | undefined)?.name === "AddrInUse";
      if (!taken || left === 1) throw error;
    }
  }
}

async function resolve(hostname: string): Promise<string[]> {
  const network = ambientNetwork();
  try {
    const found = await waitForHost(`resolve ${hostname}`, () => network.resolve(hostname), () => {}, network);
    if (found.length === 0) throw new Error("The name has no address");
    return [...new Set(found.map(({ address }) => address))];
  } catch (error) {
    if (isCancelled(error) || isNotCapable(error)) throw error;
    throw new BrokenResourceError(
      `Cannot listen on ${hostname} as its name could not be resolved: ${textOf(error)}`,
      { cause: error },
    );
  }
}
