/** Accounting for operations of a network, which are the host's unless the network is in memory. */

import { beginHostOperation, type HostOperation } from "../core/mod.ts";

const NOT_OF_THE_HOST: HostOperation = { label: "in memory", end() {} };

/** Begins an operation of a connection, a listener or a network. */
export function beginNetworkOperation(of: { readonly inMemory?: boolean }, label: string): HostOperation {
  return of.inMemory === true ? NOT_OF_THE_HOST : beginHostOperation(label);
}
