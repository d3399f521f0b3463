/** IP addresses of hosts in memory. */

/** One spelling for each address. */
export function canonical(address: string): string {
  if (!address.includes(":")) return address;
  try {
    return new URL(`http://[${address}]`).hostname.slice(1, -1);
  } catch {
    return address;
  }
}

/** Whether an address is that of the machine itself, whatever machine. */
export function isLoopback(address: string): boolean {
  return address === "::1" || /^127\./.test(address);
}

/** Whether a listener on one address takes what comes to another. */
export function covers(listening: string, address: string): boolean {
  // On Linux, who listens on all of IPv6 gets IPv4 as well.
  return listening === address || listening === "::" || (listening === "0.0.0.0" && !address.includes(":"));
}

/** The fixed addresses of a host: the n-th one of a network, from 1. */
export function addressesOf(n: number): readonly [v4: string, v6: string] {
  return [`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`, `fd00::${n.toString(16)}`];
}
