/** Which rejections nobody has to see. */

import { hasBrand } from "./_brand.ts";
import { isOnlyCancelled } from "./errors.ts";

/**
 * Whether a wait that nobody awaits may end with this error in silence: it was cancelled, its own side has closed what it
 * waits for, or there is no more of it. Then nothing has gone wrong that is not known already; any other error must be seen.
 */
export function isQuiet(error: unknown): boolean {
  return hasBrand(error, "ClosedResourceError") || hasBrand(error, "EndOfChannel") || isOnlyCancelled(error);
}

/** The handler of rejections that are nobody's. */
export const ignore = (): void => {};
