/** What a server makes of an error that may be several at once. */

import { isErrorGroup } from "../core/mod.ts";

/** The part of an error that matches, and the rest; `null` where there is none. */
export function splitError(error: unknown, match: (error: unknown) => boolean): [unknown, unknown] {
  if (isErrorGroup(error)) return error.split(match);
  return match(error) ? [error, null] : [null, error];
}
