/** Timers of the host, for lengths of time that users choose. */

import { hostTimeout } from "../../core/internal.ts";

/** `setTimeout` with a longer delay fires at once, on every host: some 25 days. */
export const LONGEST_DELAY = 2 ** 31 - 1;

/** A timer in real time; one that is longer than the host's longest, or endless, is as long as that. */
export function realTimer(fire: () => void, ms: number): ReturnType<typeof setTimeout> {
  return hostTimeout(fire, Math.min(ms, LONGEST_DELAY));
}
