/** Addresses as text. */

import type { NetworkAddress } from "../core/mod.ts";

/** `host:port`, with brackets around an IPv6 address. */
export function formatAddress({ hostname, port }: Pick<NetworkAddress, "hostname" | "port">): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/;

/** The IP version of a numeric address, or 0 for a name. Only names have letters beyond f and no colon. */
export function ipVersion(host: string): 4 | 6 | 0 {
  if (host.includes(":")) return 6;
  return IPV4.test(host) ? 4 : 0;
}
