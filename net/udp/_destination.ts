/** Where datagrams go. */

import { show } from "../../core/internal.ts";
import type { UdpAddress } from "../../core/mod.ts";
import { ipVersion } from "../base/address.ts";
import { requireIp, requirePort } from "../base/check.ts";

/** Where a datagram goes. */
export type Destination = Pick<UdpAddress, "hostname" | "port">;

/** Requires a destination: an IP address of a family, as a name would have to be looked up for each datagram. */
export function requireDestination(action: string, { hostname, port }: Destination, version: 4 | 6): void {
  if (typeof hostname === "string" && ipVersion(hostname) === 0) {
    throw new RangeError(
      `Cannot ${action} as "hostname" must be an IP address, look names up first: received ${show(hostname)}`,
    );
  }
  requireIp(action, "hostname", hostname);
  if (ipVersion(hostname) !== version) {
    throw new RangeError(`Cannot ${action} as "hostname" must be an IPv${version} address: received ${show(hostname)}`);
  }
  requirePort(action, port, 1);
}
