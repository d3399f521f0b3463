/** Waiting on the clock of the host, for those who are outside of all runs. */

import { hostClear, hostTimeout } from "../../core/internal.ts";

/** Waits for so many milliseconds, or until the signal is aborted; it keeps no program alive. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (!(ms > 0) || signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      hostClear(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = hostTimeout(end, ms);
    (timer as unknown as { unref?(): void }).unref?.();
    signal?.addEventListener("abort", end);
  });
}
