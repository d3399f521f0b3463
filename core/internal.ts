/**
 * What `net` and `testing` need of the core that is nobody else's business: the laws of the house, each in one place.
 *
 * Not among the exports of the package. Only those folders may import it (a lint rule says so).
 *
 * @module
 */

export { branded, hasBrand, recogniseBrand } from "./_brand.ts";
export {
  faultOf,
  requireBoolean,
  requireCount,
  requireFunction,
  requireInteger,
  requireOptions,
  requireText,
  requireTime,
  requireTimeout,
  show,
} from "./_check.ts";
export { composedWait, refusedAfterTurn } from "./_composed_wait.ts";
export { currentNode } from "./_context.ts";
export { cancelledElsewhere } from "./_elsewhere.ts";
export { NOTHING } from "./_error_tree.ts";
export { eachLeaf, isError, isInstance, isObject, partsOf, read, textOf } from "./_foreign.ts";
export { labelOf, waitsBelow, waitText } from "./_wait_text.ts";
export { cutStack } from "./_own_stack.ts";
export { hostClear, hostClearImmediate, hostDate, hostImmediate, hostNow, hostTimeout } from "./_host_time.ts";
export { inspectable, type Picture } from "./_inspect.ts";
export { ignore, isQuiet } from "./_quiet.ts";
export { withSuppressed } from "./suppressed_errors.ts";

import { currentNode } from "./_context.ts";
import { failureOf as failureIn } from "./_elsewhere.ts";

/**
 * What has failed, of an error that was caught by the calling code: without the cancellations of this code, and with those
 * from elsewhere as `CancelledElsewhereError`. `NOTHING` if the error is nothing but a cancellation of this code: then it
 * has to be thrown on.
 */
export function failureOf(error: unknown): unknown {
  return failureIn(currentNode(), error);
}
