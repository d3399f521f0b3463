/** Addresses as text. */

import type { SocketAddress, TcpAddress } from "../../core/mod.ts";

/** `hostname:port`, with brackets around an IPv6 address. */
export function formatAddress({ hostname, port }: Pick<TcpAddress, "hostname" | "port">): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** An address of any kind: `hostname:port`, or `unix:/path`. */
export function formatSocketAddress(address: SocketAddress): string {
  return address.transport === "unix" ? formatPath(address.path) : formatAddress(address);
}

/** `unix:/path`; `@` stands for the zero byte that begins an abstract name, as in ss(8). */
export function formatPath(path: string | null): string {
  return `unix:${path === null ? "(unnamed)" : path.replace(/^\0/, "@")}`;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/;

/** The IP version of a numeric address, with a zone or without; 0 for a name, and for what is neither. */
export function ipVersion(hostname: string): 4 | 6 | 0 {
  if (hostname.includes(":")) return URL.canParse(`http://[${hostname.replace(/%[\w.~-]+$/, "")}]`) ? 6 : 0;
  return IPV4.test(hostname) ? 4 : 0;
}
