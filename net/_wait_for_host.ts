/** Waiting for an operation of the host that may be left behind. */

import { suspend } from "../core/mod.ts";
import { beginNetworkOperation } from "./_network_operation.ts";

/** Waits for what `begin` begins, of `network` if given; if the wait is cancelled, its late result goes to `discard`. */
export function waitForHost<T>(
  label: string,
  begin: () => Promise<T>,
  discard: (late: T) => void = () => {},
  network: { readonly inMemory?: boolean } = {},
): Promise<T> {
  return suspend<T>({ kind: label }, (waker) => {
    const promise = begin();
    const operation = beginNetworkOperation(network, label);
    promise.then((value) => {
      operation.end();
      if (!waker.wake(value)) discard(value);
    }, (error) => {
      operation.end();
      waker.fail(error);
    });
  }, () => true);
}

/** Whether an error says that this process lacks a permission: that is nothing the network did. */
export function isNotCapable(error: unknown): boolean {
  return error instanceof Error && error.name === "NotCapable";
}

/** What an error says. */
export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
