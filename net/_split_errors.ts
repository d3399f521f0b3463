/** What a server makes of an error that may be several at once. */

import { isErrorGroup } from "../core/mod.ts";

/** The part of the errors that matches, and the rest. Arrays, as anything may have been thrown, also `null`. */
export function splitErrors(errors: readonly unknown[], match: (error: unknown) => boolean): [unknown[], unknown[]] {
  const matching: unknown[] = [];
  const rest: unknown[] = [];
  for (const error of errors) {
    if (isErrorGroup(error)) {
      const [some, others] = error.split(match);
      if (some !== null) matching.push(some);
      if (others !== null) rest.push(others);
    } else (match(error) ? matching : rest).push(error);
  }
  return [matching, rest];
}
