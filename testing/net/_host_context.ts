/**
 * On which host code runs: an async-local value, which tasks inherit from whoever starts them, wherever their nursery is.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Host } from "./_host.ts";

const storage = new AsyncLocalStorage<Host>();

/** The host of the calling code, if that was said. */
export function ambientHost(): Host | undefined {
  return storage.getStore();
}

/** Calls a function on a host. */
export function runOnHost<T>(host: Host, fn: () => T): T {
  return storage.run(host, fn);
}
