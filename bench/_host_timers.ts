/** Counts host timers. To be imported before the library, which takes the functions of the host at import. */

const { setTimeout: hostSet, clearTimeout: hostClear } = globalThis;
type Timer = ReturnType<typeof setTimeout>;
const live = new Set<Timer>();

/** What was counted. */
export const hostTimers = {
  /** Calls of `setTimeout`. */
  calls: 0,
  /** The most timers that were set at the same time. */
  most: 0,
  /** Begins to count anew. */
  reset(): void {
    this.calls = 0;
    this.most = live.size;
  },
};

globalThis.setTimeout = ((callback: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): Timer => {
  const timer = hostSet(() => {
    live.delete(timer);
    callback(...args);
  }, ms);
  live.add(timer);
  hostTimers.calls++;
  hostTimers.most = Math.max(hostTimers.most, live.size);
  return timer;
}) as unknown as typeof setTimeout;

globalThis.clearTimeout = (timer): void => {
  if (timer !== undefined) live.delete(timer as Timer);
  hostClear(timer);
};
