/** Whom clients trust that were made by `Deno.createHttpClient()`: the host does not say. */

import { isObject, read } from "../../../core/internal.ts";

const trusts = new WeakMap<object, readonly string[]>();

/** Remembers whom a client trusts. */
export function rememberTrust(client: object, options: unknown): void {
  const caCerts = read(options, "caCerts");
  if (Array.isArray(caCerts)) trusts.set(client, caCerts);
}

/** Whom the client of a call of `fetch()` trusts, besides those everybody does. */
export function trustOf(init: unknown): readonly string[] {
  const client = read(init, "client");
  return isObject(client) ? trusts.get(client) ?? [] : [];
}
