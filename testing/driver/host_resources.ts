/**
 * What a simulation has opened on the host past the library: a socket of `node:dgram`, a connection of a `Deno.connect()`
 * that was kept from before. A wait for it is unknown, so a report that knows no more says at least that it is there.
 *
 * Deno lists what is open for its own sake only; elsewhere, and if that changes, nothing is said.
 */

interface DenoInternals {
  readonly core?: { readonly resources?: () => Readonly<Record<string, string>> };
}

/** What is open, by its number, which is given once. */
function openOnHost(): Readonly<Record<string, string>> {
  try {
    const { Deno: deno } = globalThis as unknown as { Deno?: Record<PropertyKey, unknown> };
    const internals = deno?.[deno["internal"] as symbol] as DenoInternals | undefined;
    return internals?.core?.resources?.() ?? {};
  } catch {
    return {};
  }
}

/** See the header. */
export class HostResources {
  readonly #before = openOnHost();

  /** A line that names what was opened since, and is open; empty if there is nothing. */
  describe(): string {
    const names = Object.entries(openOnHost()).filter(([number]) => !(number in this.#before)).map(([, name]) => name);
    if (names.length === 0) return "";
    return `\nopened on the host meanwhile, past the simulation: ${[...new Set(names)].join(", ")}; ` +
      'if a task waits for it, use the network of the simulation, or option network: "host"';
  }
}
