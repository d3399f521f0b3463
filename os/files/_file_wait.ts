/** Waiting for what the host does with a file, which may be left behind. */

import { suspend } from "../../core/lowlevel.ts";
import { callHost, HOST, ignore, show } from "../../core/internal.ts";

/**
 * Waits for an operation of the host; `signal` is aborted when the wait is cancelled, and whatever comes of the operation
 * then goes to `discard`.
 */
export function waitForFile<T>(
  label: string,
  begin: (signal: AbortSignal) => Promise<T>,
  discard: (late: T) => unknown = () => {},
): Promise<T> {
  const controller = new AbortController();
  return suspend<T>({ kind: label }, (waker) => {
    const operation = callHost(HOST, label, { begin: () => begin(controller.signal) }, (value) => {
      operation.end();
      if (!waker.wake(value)) Promise.try(discard, value).catch(ignore);
    }, (error) => {
      operation.end();
      waker.fail(error);
    });
  }, () => {
    controller.abort();
    return true;
  });
}

/** Waits for an operation of the host that takes a moment, and ends all the same when the wait is cancelled. */
export function waitForMoment<T>(label: string, begin: () => Promise<T>): Promise<T> {
  return suspend<T>({ kind: label }, (waker) => {
    const operation = callHost(HOST, label, { begin }, (value) => {
      operation.end();
      waker.wake(value);
    }, (error) => {
      operation.end();
      waker.fail(error);
    });
  }, () => false);
}

/** Requires a path. */
export function requirePath(action: string, path: unknown, name = "path"): void {
  if (path instanceof URL) {
    if (path.protocol === "file:") return;
    throw new TypeError(`Cannot ${action} as "${name}" must be a path or a URL of a file: received ${path.href}`);
  }
  if (typeof path === "string" && path !== "" && !path.includes("\0")) return;
  throw new TypeError(`Cannot ${action} as "${name}" must be a path or a URL of a file: received ${show(path)}`);
}
