/** Accounting for what only the outside world can finish. */

import { OperationInFlight } from "../kernel/host_operations.ts";
import { currentRuntime } from "../kernel/runtime.ts";
import type { HostOperation } from "./operation.ts";

/**
 * Records that an operation of the host has begun in this run (low level).
 *
 * While the operation is in flight, the run is not idle: virtual time stands still, and no deadlock is reported.
 * `hostOperation()` is the simpler form for promises.
 *
 * @example A callback of the host
 * ```ts
 * import { beginHostOperation, currentRun } from "@trefoil/io/lowlevel";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const operation = beginHostOperation("next immediate");
 * const done = new Promise<string>((resolve) =>
 *   setImmediate(() => {
 *     operation.end();
 *     resolve("done");
 *   })
 * );
 * assert(currentRun().statistics().hostOperations.includes("next immediate"));
 * assertEquals(await done, "done");
 * assert(!currentRun().statistics().hostOperations.includes("next immediate"));
 * ```
 *
 * @param label The name of the operation in reports, e.g. `"accept 127.0.0.1:80"`.
 * @returns The operation; the caller calls its `end()`.
 * @category Low level
 */
export function beginHostOperation(label: string): HostOperation {
  return new OperationInFlight(label, currentRuntime().hostOperations);
}

/**
 * Accounts for a promise that only the outside world can settle, and returns it.
 *
 * The library accounts for its own calls of the host. Wrap yours (a file read, a database driver, a message from a
 * socket), so that virtual time waits for them and no deadlock is reported meanwhile.
 *
 * **Cancellation:** none: the promise is returned as it is. To stop waiting for it on cancellation, wrap it in
 * `cancellable()`.
 *
 * @example A digest, which the host computes in a thread
 * ```ts
 * import { hostOperation } from "@trefoil/io/lowlevel";
 * import { assertEquals } from "@std/assert";
 *
 * const digest = await hostOperation("sha-256", crypto.subtle.digest("SHA-256", new Uint8Array(3)));
 * assertEquals(digest.byteLength, 32);
 * ```
 *
 * @param label The name of the operation in reports.
 * @param promise The promise of the host.
 * @returns The same promise.
 * @category Low level
 */
export function hostOperation<T>(label: string, promise: Promise<T>): Promise<T> {
  if (typeof promise?.then !== "function") {
    throw new TypeError(
      `Cannot account for host operation "${label}" as "promise" must be a promise: received ${typeof promise}`,
    );
  }
  const operation = beginHostOperation(label);
  const end = () => operation.end();
  promise.then(end, end);
  return promise;
}
