/** Checks of arguments, before any effect. */

/** Requires a port: 1 to 65535, or from 0 where any free one may be chosen. */
export function requirePort(action: string, port: unknown, least: 0 | 1): void {
  if (typeof port !== "number") {
    throw new TypeError(`Cannot ${action} as "port" must be a number: received ${show(port)}`);
  }
  if (!Number.isInteger(port) || port < least || port > 65_535) {
    throw new RangeError(`Cannot ${action} as "port" must be a whole number from ${least} to 65535: received ${port}`);
  }
}

/** Requires a host name or address. */
export function requireHost(action: string, name: string, host: unknown): void {
  if (typeof host !== "string") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a string: received ${show(host)}`);
  }
  if (host === "" || /[\s/@]/.test(host)) {
    throw new RangeError(
      `Cannot ${action} as "${name}" must be a host name or IP address: received ${JSON.stringify(host)}`,
    );
  }
}

/** Requires a function. */
export function requireFunction(action: string, name: string, fn: unknown): void {
  if (typeof fn !== "function") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a function: received ${show(fn)}`);
  }
}

/** Requires a number of milliseconds, or a count: >= `least`. */
export function requireAtLeast(action: string, name: string, value: unknown, least: number): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot ${action} as "${name}" must be a number: received ${show(value)}`);
  }
  if (!(value >= least)) throw new RangeError(`Cannot ${action} as "${name}" must be >= ${least}: received ${value}`);
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
