/** What our tests use of `@std/async`: see README.md here. */

/** Options of `delay()`. */
export interface DelayOptions {
  /** Ends the wait with its reason. */
  signal?: AbortSignal;
}

/** Resolves after some milliseconds; a signal ends it early. */
export function delay(ms: number, { signal }: DelayOptions = {}): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
