/**
 * A beat of the event loop: how late it comes is how long the loop could not do anything else. It keeps no program
 * alive.
 */

import { hostClear, hostNow, hostTimeout } from "../../core/internal.ts";

/** How often the loop shows that it is free, in milliseconds. */
export const BEAT = 20;

/** Calls a function at each beat, with how late it is in milliseconds; returns how to stop. */
export function onBeat(told: (late: number) => void): () => void {
  let stopped = false;
  let timer: ReturnType<typeof hostTimeout>;
  const next = (): void => {
    const due = hostNow() + BEAT;
    timer = hostTimeout(() => {
      if (stopped) return;
      told(Math.max(hostNow() - due, 0));
      // It may have been told to stop.
      if (!stopped) next();
    }, BEAT);
    (timer as unknown as { unref?(): void }).unref?.();
  };
  next();
  return () => {
    stopped = true;
    hostClear(timer);
  };
}
