/** Closing without waiting for the goodbye. */

import { CancelScope } from "../../core/mod.ts";
import { cancelShieldedCheckpoint } from "../../core/lowlevel.ts";
import { composedWait } from "../../core/internal.ts";

/**
 * Closes something that says goodbye when closed, without waiting for the goodbye.
 *
 * Calls its `Symbol.asyncDispose` in a scope that is cancelled already: whatever that would wait for is skipped. So it
 * takes no time, also when the peer has gone silent, and works in a cancelled scope. (The `close()` of a stream is
 * immediate anyway.)
 *
 * **Cancellation:** never throws `Cancelled`; closes in any case.
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
