/** The words of reports. */

import { formatTime, isError, kindOf, labelOf, read, waitText, withoutFrames } from "../../core/internal.ts";
import type { WaitReason } from "../../core/lowlevel.ts";

/** A wait in words. */
export function describeReason(reason: WaitReason): string {
  return waitText(kindOf(reason), labelOf(reason));
}

/** How many of the last events of the network a failure shows. */
const MOST_EVENTS = 20;

/** What to know of a simulation that has failed, besides its error. */
export function describeEnd(
  { seed, at, watched, log }: {
    readonly seed: number;
    readonly at: number;
    readonly watched: readonly string[];
    readonly log: readonly string[];
  },
): string {
  const lines = [`seed ${seed}, ended at t=${formatTime(at)}`, ...watched.map((line) => `  ${line}`)];
  const events = log.slice(-MOST_EVENTS);
  if (events.length > 0) {
    const left = log.length - events.length;
    lines.push(
      `  the network${left === 0 ? "" : `, after ${left} more events`}:`,
      ...events.map((event) => `    ${event}`),
    );
  }
  return lines.join("\n");
}

/** What a failure of a simulation carries, as the innermost of its causes. */
class Circumstances extends Error {
  override readonly name = "Simulation";
}

/**
 * Hangs what is to be known of a simulation on the error that it throws, where runners print it and nothing compares it:
 * as the cause of its innermost cause. An error that cannot be changed stays as it is; returns whether it was told.
 */
export function explain(error: unknown, text: string): boolean {
  const seen = new Set<unknown>();
  let at: unknown = error;
  while (isError(at) && !seen.has(at)) {
    seen.add(at);
    const cause: unknown = read(at, "cause");
    if (cause === undefined || cause instanceof Circumstances) break;
    at = cause;
  }
  if (!isError(at) || !Object.isExtensible(at)) return false;
  const own = Object.getOwnPropertyDescriptor(at, "cause");
  if (own?.configurable === false) return false;
  Object.defineProperty(at, "cause", {
    value: withoutFrames(new Circumstances(text)),
    enumerable: false,
    configurable: true,
    writable: true,
  });
  return true;
}
