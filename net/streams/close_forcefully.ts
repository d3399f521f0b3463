/** Closing without waiting for the goodbye. */

import { CancelScope } from "../../core/mod.ts";
import { cancelShieldedCheckpoint } from "../../core/lowlevel.ts";
import { composedWait } from "../../core/internal.ts";

/**
 * Closes a resource without waiting for its goodbye.
 *
 * Calls its `Symbol.asyncDispose` in a scope that is cancelled already, so every wait in it ends at once. That takes no
 * time, even if the peer has gone silent, and it works in a cancelled scope. (The `close()` of a stream is immediate
 * anyway.)
 *
 * **Cancellation:** never throws `Cancelled`; the resource is closed in any case.
 *
 * @example A peer that does not take the goodbye
 * ```ts
 * import { closeForcefully, sleepForever } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * let closed = false;
 * const client = {
 *   async [Symbol.asyncDispose]() {
 *     try {
 *       await sleepForever(); // sends QUIT and waits for the answer
 *     } finally {
 *       closed = true;
 *     }
 *   },
 * };
 * await closeForcefully(client);
 * assert(closed);
 * ```
 *
 * @param resource What to close.
 * @returns A promise that resolves once it is closed.
 * @category Streams
 */
export function closeForcefully(resource: AsyncDisposable): Promise<void> {
  return composedWait(async () => {
    if (typeof resource?.[Symbol.asyncDispose] !== "function") {
      throw new TypeError(
        'Cannot close forcefully as "resource" must be an AsyncDisposable: it has no [Symbol.asyncDispose]()',
      );
    }
    // Shielded, so that a cancellation from outside is caught by no other scope than this.
    const scope = new CancelScope({ shield: true });
    scope.cancel("closed forcefully");
    await scope.run(async () => await resource[Symbol.asyncDispose]());
    // What closes at once would starve everybody in a loop.
    await cancelShieldedCheckpoint();
  });
}
