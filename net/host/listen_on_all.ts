/**
 * Listening on every address of a host name.
 *
 * All or none, but that an address which this machine cannot use (`::1` without IPv6, which /etc/hosts lists all the
 * same) is passed over if another one works. Systems have many words for that, so it is every error of the system that
 * would not meet the other addresses as well: what is in use, not allowed or out of resources fails all. Port 0 gives
 * all the same port: the host chooses it for the first address, and if it is taken for another one, all begin anew.
 */

import { BrokenResourceError, checkpoint, ErrorGroup } from "../../core/mod.ts";
import type { NetworkListener } from "../../core/lowlevel.ts";
import { isInstance, read } from "../../core/internal.ts";
import { withOthers } from "../base/with_others.ts";
import { formatAddress } from "../base/address.ts";
import { requireHostname } from "../base/check.ts";
import type { OpenTcpListenersOptions } from "../base/listen_options.ts";
import { closeAll, takeOver } from "./host_call.ts";
import { isNotCapable, isOfSystem, isOutOfResources, messageOf } from "./host_errors.ts";
import { resolveName } from "./resolve_name.ts";

/** How often another port is asked for; each try fails only if a port in a range of thousands is taken by chance. */
const TRIES = 20;
/** Errors that are not those of one address: somebody else has the port, or this process may not have it. */
const OF_ALL = new Set<unknown>(["EADDRINUSE", "EACCES", "EPERM"]);

/** Where one of the listeners listens. */
export interface Where {
  readonly hostname: string;
  readonly port: number;
  readonly backlog?: number;
  readonly reusePort?: boolean;
}

/** See the header; the arguments have been checked. `listen` opens one, `wrap` makes what is returned of it. */
export async function listenOnAll<L extends NetworkListener, S>(
  port: number,
  options: OpenTcpListenersOptions,
  { listen, wrap }: { readonly listen: (where: Where) => L; readonly wrap: (listener: L) => S },
): Promise<[S, ...S[]]> {
  const { backlog, reusePort } = options;
  const hostname = requireHostname("listen", "hostname", options.hostname ?? "0.0.0.0");
  const rest = { ...(backlog === undefined ? {} : { backlog }), ...(reusePort === undefined ? {} : { reusePort }) };
  await checkpoint();
  const found = await resolveName(hostname, `listen on ${hostname}`);
  const addresses = [...new Set(found.map(({ address }) => address))];
  for (let left = port === 0 && addresses.length > 1 ? TRIES : 1;; left--) {
    const opened: L[] = [];
    try {
      const failures: BrokenResourceError[] = [];
      for (const address of addresses) {
        const where = { hostname: address, port: opened[0]?.addr.port ?? port, ...rest };
        try {
          opened.push(takeOver(listen(where), withAddress));
        } catch (error) {
          if (isNotCapable(error) || isInstance(error, TypeError) || isInstance(error, RangeError)) throw error;
          const failure = new BrokenResourceError(`Cannot listen on ${formatAddress(where)}: ${messageOf(error)}`, {
            cause: error,
          });
          if (!isOfOneAddress(error)) throw failure;
          failures.push(failure);
        }
      }
      const [first, ...others] = opened;
      if (first !== undefined) return [wrap(first), ...others.map(wrap)];
      throw together(failures, hostname, port);
    } catch (error) {
      const failure = withOthers(error, closeAll(...opened));
      const taken = opened.length > 0 && read(read(error, "cause"), "name") === "AddrInUse";
      if (!taken || left === 1) throw failure;
    }
  }
}

/** What `listen` gave, if it knows where it listens; the port of the first one is that of all. */
function withAddress<L extends NetworkListener>(listener: L): L {
  if (typeof listener.addr.port === "number") return listener;
  throw new TypeError('Cannot listen as a listener of the network must have an address with a "port": it has none');
}

function isOfOneAddress(error: unknown): boolean {
  return isOfSystem(error) && !OF_ALL.has(read(error, "code")) && !isOutOfResources(error);
}

/** The failures of all addresses as one. */
function together(failures: readonly BrokenResourceError[], hostname: string, port: number): BrokenResourceError {
  if (failures.length === 1) return failures[0] as BrokenResourceError;
  const texts = failures.map(({ message }) => message.replace(/^Cannot listen on /, "")).join("; ");
  return new BrokenResourceError(
    `Cannot listen on ${formatAddress({ hostname, port })} as no address of it can be used: ${texts}`,
    { cause: new ErrorGroup(failures) },
  );
}
