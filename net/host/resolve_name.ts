/** Asking the network of the run for the addresses of a host name. */

import { BrokenResourceError } from "../../core/mod.ts";
import type { ResolvedAddress } from "../../core/lowlevel.ts";
import { failureOf, NOTHING } from "../../core/internal.ts";
import { ipVersion } from "../base/address.ts";
import { ambientNetwork } from "./deno_network.ts";
import { isNotCapable, messageOf } from "./host_errors.ts";
import { waitForHost } from "./wait_for_host.ts";

/**
 * The addresses of a host name, at least one; a numeric one needs no resolver. `aim` is what they are for, as in
 * `Cannot connect to example.org:80`. A permission that is missing is not the network's fault, and comes out as it is.
 */
export async function resolveName(hostname: string, aim: string): Promise<readonly ResolvedAddress[]> {
  const family = ipVersion(hostname);
  if (family !== 0) return [{ address: hostname, family }];
  const network = ambientNetwork();
  try {
    const found = await waitForHost(`resolve ${hostname}`, () => network.resolve(hostname), { network });
    if (found.length === 0) throw new Error("The name has no address");
    return found;
  } catch (error) {
    const failure = failureOf(error);
    if (failure === NOTHING) throw error;
    if (isNotCapable(failure)) throw failure;
    throw new BrokenResourceError(`Cannot ${aim} as its name could not be resolved: ${messageOf(failure)}`, {
      cause: failure,
    });
  }
}
