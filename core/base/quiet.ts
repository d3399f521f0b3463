/** Which rejections nobody has to see. */

import { hasBrand } from "./brand.ts";
import { eachLeaf, isObject, partsOf } from "./foreign.ts";

/**
 * Whether a wait that nobody awaits may end with this error in silence: it was cancelled, its own side has closed what
 * it waits for, or there is no more of it. Then nothing has gone wrong that is not known already; any other error must
 * be seen.
 */
export function isQuiet(error: unknown): boolean {
  if (isQuietLeaf(error)) return true;
  if (!isObject(error) || partsOf(error) === null) return false;
  let quiet = false;
  eachLeaf(error, (leaf) => quiet = isQuietLeaf(leaf));
  return quiet;
}

function isQuietLeaf(error: unknown): boolean {
  return hasBrand(error, "Cancelled") || hasBrand(error, "ClosedResourceError") || hasBrand(error, "EndOfChannel");
}

/** The handler of rejections that are nobody's. */
export const ignore = (): void => {};
