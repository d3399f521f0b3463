/** Checks of arguments, before any effect. */

import { requireInteger, requireOptions, show } from "../../core/internal.ts";
import { ipVersion } from "./address.ts";

/** What fits into `sun_path` with its closing zero byte on Linux (unix(7)); other systems have a little less. */
const LONGEST_PATH = 107;

/**
 * Requires options that cannot be left out, as something in them has no default. Returns a copy: what was checked is
 * what holds, whatever becomes of the object.
 */
export function ownOptions<T extends object>(action: string, options: T): T {
  requireOptions(action, options);
  if (options !== undefined) return { ...options };
  throw new TypeError(`Cannot ${action} as "options" must be an object: received undefined`);
}

/** Requires a port: 1 to 65535, or from 0 where any free one may be chosen. */
export function requirePort(action: string, port: unknown, least: 0 | 1): void {
  requireInteger(action, "port", port, least, 65_535);
}

/** Requires a host name or address; returns it without the brackets that an IPv6 address has in a URL. */
export function requireHostname(action: string, name: string, hostname: unknown): string {
  if (typeof hostname !== "string") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a string: received ${show(hostname)}`);
  }
  const bare = hostname.replace(/^\[(.*:.*)\]$/, "$1");
  // What has a colon and is no IPv6 address is mostly a host with its port.
  if (bare === "" || /[\s/@[\]]/.test(bare) || (bare.includes(":") && ipVersion(bare) === 0)) {
    throw new RangeError(
      `Cannot ${action} as "${name}" must be a host name or IP address: received ${JSON.stringify(hostname)}`,
    );
  }
  return bare;
}

/** Requires a numeric address, with which no name server has to be asked. */
export function requireIp(action: string, name: string, address: unknown): void {
  if (typeof address !== "string") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a string: received ${show(address)}`);
  }
  if (ipVersion(address) === 0) {
    throw new RangeError(`Cannot ${action} as "${name}" must be an IP address: received ${JSON.stringify(address)}`);
  }
}

/** Requires the name of a header: a token (RFC 9110, 5.6.2). */
export function requireHeaderName(action: string, name: string, value: unknown): void {
  if (typeof value !== "string") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a string: received ${show(value)}`);
  }
  if (!/^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/.test(value)) {
    throw new RangeError(`Cannot ${action} as "${name}" must be the name of a header: received ${show(value)}`);
  }
}

/** Requires something of a kind that is told by a method. */
export function requireMethod(action: string, name: string, value: unknown, method: string): void {
  if (typeof (value as Record<string, unknown> | null | undefined)?.[method] === "function") return;
  throw new TypeError(`Cannot ${action} as "${name}" must have a method ${method}(): received ${show(value)}`);
}

/** Requires a number >= `least`. */
export function requireAtLeast(action: string, name: string, value: unknown, least: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a number: received ${show(value)}`);
  }
  if (!(value >= least)) throw new RangeError(`Cannot ${action} as "${name}" must be >= ${least}: received ${value}`);
}

/** Requires a limit on how many: a whole number >= 1, or `Infinity`. */
export function requireLimit(action: string, name: string, value: unknown): void {
  requireAtLeast(action, name, value, 1);
  if (value === Infinity || Number.isInteger(value)) return;
  throw new RangeError(`Cannot ${action} as "${name}" must be a whole number or Infinity: received ${value}`);
}

/** Requires protocols for ALPN (RFC 7301: 1 to 255 bytes each). */
export function requireAlpn(action: string, alpn: unknown): void {
  if (!Array.isArray(alpn)) {
    throw new TypeError(`Cannot ${action} as "alpn" must be an array of protocol names: received ${show(alpn)}`);
  }
  for (const name of alpn) {
    if (typeof name !== "string" || name.length < 1 || new TextEncoder().encode(name).length > 255) {
      throw new RangeError(`Cannot ${action} as a name in "alpn" must have 1 to 255 bytes: received ${show(name)}`);
    }
  }
}

/** Requires one of the two words for what a missing `close_notify` is. */
export function requireMissingCloseNotify(action: string, value: unknown): void {
  if (value === "error" || value === "end") return;
  throw new RangeError(`Cannot ${action} as "missingCloseNotify" must be "error" or "end": received ${show(value)}`);
}

/** Requires text in PEM, of a certificate or a key. Does not show what it found: that may be secret. */
export function requirePem(action: string, name: string, text: unknown, kind: "CERTIFICATE" | "PRIVATE KEY"): void {
  if (typeof text !== "string") {
    throw new TypeError(`Cannot ${action} as "${name}" must be text in PEM: received ${typeof text}`);
  }
  if (text.includes("-----BEGIN ENCRYPTED PRIVATE KEY-----")) {
    throw new RangeError(`Cannot ${action} as "${name}" must be a key without a pass phrase: decrypt it first`);
  }
  if (
    !(kind === "CERTIFICATE" ? /-----BEGIN CERTIFICATE-----/ : /-----BEGIN (?:EC |RSA )?PRIVATE KEY-----/).test(text)
  ) {
    throw new RangeError(
      `Cannot ${action} as "${name}" must be text in PEM: received ${text.length} characters without "BEGIN ${kind}"`,
    );
  }
}

/** Requires the path of a Unix socket; one that begins with a zero byte is an abstract name (Linux). */
export function requireSocketPath(action: string, path: unknown): asserts path is string {
  if (typeof path !== "string") {
    throw new TypeError(`Cannot ${action} as "path" must be a string: received ${show(path)}`);
  }
  if (path === "" || path.includes("\0", 1)) {
    throw new RangeError(`Cannot ${action} as "path" must be the path of a file: received ${JSON.stringify(path)}`);
  }
  const size = new TextEncoder().encode(path).length;
  if (size > LONGEST_PATH) {
    throw new RangeError(
      `Cannot ${action} as "path" must have at most ${LONGEST_PATH} bytes, or the system has no room for it: received ${size} bytes`,
    );
  }
}
