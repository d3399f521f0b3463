/**
 * Timers of those who watch a program. They keep no program alive, also where Deno would let them: see `letting_go.ts` of
 * the core.
 */

import { hostClear, hostNow, hostTimeout, whenLettingGo } from "../../core/internal.ts";

/** How often the event loop shows that it is free, in milliseconds. */
export const BEAT = 20;

/**
 * Calls a function, `ms` milliseconds after each call of it, with how late that is in milliseconds; returns how to stop.
 * With `BEAT`, the lateness is how long the event loop could not do anything else.
 */
export function repeat(ms: number, call: (late: number) => void): () => void {
  let timer: ReturnType<typeof hostTimeout> | undefined;
  let stopped = false;
  const next = (): void => {
    if (stopped) return;
    const due = hostNow() + ms;
    timer = hostTimeout(() => {
      call(Math.max(hostNow() - due, 0));
      next();
    }, ms);
    (timer as unknown as { unref?(): void }).unref?.();
  };
  next();
  const stay = whenLettingGo(() => {
    hostClear(timer);
    return next;
  });
  return () => {
    stopped = true;
    stay();
    hostClear(timer);
  };
}
