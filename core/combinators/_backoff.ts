/** How long to wait before something is done again: what `retry()` and `service()` have in common. */

import { requireFunction, requireTimeout, show } from "../base/check.ts";
import type { Backoff } from "./backoff.ts";

/** How long to wait, in milliseconds, after so many failures; what a function of the user's returns may be no time. */
export type Wait = (failed: number, error: unknown, random: () => number) => number;

/** What says how long to wait: see `RetryOptions`. */
interface WaitOptions {
  readonly backoff?: Backoff | ((failed: number, error: unknown) => number);
  readonly jitter?: number;
}

/** Checks the options of waits, before any effect. */
export function waitOf(action: string, { backoff = {}, jitter }: WaitOptions): Wait {
  const byHand = typeof backoff === "function";
  const random = jitter ?? (byHand ? 0 : 0.5);
  if (!(random >= 0 && random <= 1)) {
    throw new RangeError(`Cannot ${action} as "jitter" must be a number from 0 to 1: received ${show(jitter)}`);
  }
  if (byHand) requireFunction(action, "backoff", backoff);
  const full = byHand ? backoff : growing(action, backoff);
  return (failed, error, next) => {
    const ms = full(failed, error);
    requireTimeout("wait for the next attempt", "backoff", ms);
    return ms * (1 - random * next());
  };
}

function growing(action: string, backoff: Backoff): (failed: number) => number {
  if (typeof backoff !== "object" || backoff === null) {
    throw new TypeError(`Cannot ${action} as "backoff" must be a function or an object: received ${show(backoff)}`);
  }
  const { initial = 100, factor = 2, max = 10_000 } = backoff;
  requireTimeout(action, "backoff.initial", initial);
  requireTimeout(action, "backoff.max", max);
  if (!(factor >= 1)) {
    throw new RangeError(`Cannot ${action} as "backoff.factor" must be >= 1: received ${show(factor)}`);
  }
  // After a thousand failures the power is infinite, and no multiple of 0.
  return (failed) => initial === 0 ? 0 : Math.min(max, initial * factor ** (failed - 1));
}
