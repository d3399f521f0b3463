/** The two ways between cancel scopes and `AbortSignal`. */

import { CancelScope, scopes } from "../kernel/cancel_scope.ts";
import { requireFunction, show } from "../base/check.ts";
import { currentNode } from "../kernel/context.ts";
import { composedWait } from "../kernel/composed_wait.ts";
import { signalOf } from "../kernel/status.ts";

/**
 * Returns an `AbortSignal` for the calling region, to hand to code that does not know scopes.
 *
 * It is aborted, with the `Cancelled` as its reason, when the innermost scope or task around the call is cancelled,
 * from inside or outside. Inside a shield, only cancellations from within the shield abort it. Leaving the region
 * normally does not abort it. Repeated calls in one region return the same signal. The signal is made lazily: a region
 * that never asks for one pays nothing.
 *
 * A signal cannot be un-aborted, so it cannot follow a shield that is put up later.
 *
 * @example A foreign function that takes a signal
 * ```ts
 * import { currentSignal, moveOnAfter } from "@trefoil/io";
 * import { assert } from "@std/assert";
 *
 * const foreign = (signal: AbortSignal) =>
 *   new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
 * const outcome = await moveOnAfter(1, () => foreign(currentSignal()));
 * assert(outcome.cancelledCaught);
 * ```
 *
 * @returns The signal; aborted already if the region is cancelled.
 * @category Interop
 */
export function currentSignal(): AbortSignal {
  return signalOf(currentNode());
}

/**
 * Runs `body` in a scope that is cancelled when `signal` aborts.
 *
 * Use it to offer a `signal` option, as functions of the web platform do.
 *
 * When it returns, no listener is left on the signal. If the signal is aborted already, the function runs up to its
 * first wait.
 *
 * **Cancellation:** a cancellation from outside passes through as `Cancelled`.
 *
 * @example A function with the platform's manners
 * ```ts
 * import { sleep, withSignal } from "@trefoil/io";
 * import { assertRejects } from "@std/assert";
 *
 * function work(options: { signal: AbortSignal }): Promise<void> {
 *   return withSignal(options.signal, () => sleep(60_000));
 * }
 * const controller = new AbortController();
 * setTimeout(() => controller.abort(new Error("enough")), 1);
 * await assertRejects(() => work(controller), Error, "enough");
 * ```
 *
 * @param signal The signal.
 * @param body What to run.
 * @returns What the body returned.
 * @throws {unknown} The reason of the signal, if its abort ended the body.
 * @throws {TypeError} If `signal` is not an `AbortSignal`, or `body` is not a function.
 * @category Interop
 */
export function withSignal<T>(signal: AbortSignal, body: () => T | Promise<T>): Promise<T> {
  return composedWait(() => runWithSignal(signal, body));
}

async function runWithSignal<T>(signal: AbortSignal, body: () => T | Promise<T>): Promise<T> {
  if (!(signal instanceof AbortSignal)) {
    throw new TypeError(`Cannot run with a signal as "signal" must be an AbortSignal: received ${show(signal)}`);
  }
  requireFunction("run with a signal", "body", body);
  const scope = new CancelScope();
  const aborted = (): void => scopes.cancel(scope, "signal", signal.reason);
  if (signal.aborted) aborted();
  else signal.addEventListener("abort", aborted, { once: true });
  try {
    return await scopes.run(scope, () => body(), (outcome) => {
      if (outcome.cancelledCaught) throw signal.reason;
      return outcome.value;
    });
  } finally {
    signal.removeEventListener("abort", aborted);
  }
}
