/** Timers of the host, for lengths of time that users choose. */

import { hostTimeout, LONGEST_DELAY } from "../../core/internal.ts";

/** A timer in real time; one that is longer than the host's longest, or endless, is as long as that. */
export function realTimer(fire: () => void, ms: number): ReturnType<typeof setTimeout> {
  return hostTimeout(fire, Math.min(ms, LONGEST_DELAY));
}
