/** Waiting for an operation of the host that may be left behind. */

import { beginHostOperation, suspend } from "../core/mod.ts";

/** Waits for what `begin` begins; if the wait is cancelled, its late result goes to `discard`. */
export function waitForHost<T>(
  label: string,
  begin: () => Promise<T>,
  discard: (late: T) => void = () => {},
): Promise<T> {
  return suspend<T>({ kind: label }, (waker) => {
    const promise = begin();
    const operation = beginHostOperation(label);
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
