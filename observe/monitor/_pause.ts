/** Waiting on the clock of the host, for those who are outside of all runs. */

import { hostTimeout } from "../../core/internal.ts";

/** Waits for so many milliseconds; it keeps no program alive. */
export function pause(ms: number): Promise<void> {
  if (!(ms > 0)) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = hostTimeout(resolve, ms);
    (timer as unknown as { unref?(): void }).unref?.();
  });
}
