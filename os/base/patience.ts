/**
 * The time that belongs to a process or a worker: its grace, and how long its pipes are waited for.
 *
 * Real processes live in real time, whatever the clock of the run does: on a simulated one, which stands still while a
 * process is there, the grace of one that ignores SIGTERM would never be over. Processes in memory live in the time of
 * the run.
 */

import { currentRun } from "../../core/lowlevel.ts";
import { hostClear, hostNow, hostTimeout } from "../../core/internal.ts";

/** `setTimeout` with a longer delay fires at once. What is longer than 24 days has no end here. */
const LONGEST = 2 ** 31 - 1;

/** See the header. */
export interface Patience {
  /** Milliseconds since some moment. */
  now(): number;
  /** Calls back after a time, in milliseconds; returns how to stop that. */
  after(ms: number, callback: () => void): () => void;
  /** As `after()`, but the program may end before. */
  afterIfThere(ms: number, callback: () => void): () => void;
  /** Turns of the event loop in which is delivered what is there at a moment. */
  readonly turns: number;
}

const never = (): void => {};

const REAL: Patience = {
  now: hostNow,
  after: (ms, callback) => realTimer(ms, callback, true),
  afterIfThere: (ms, callback) => realTimer(ms, callback, false),
  turns: 4,
};

function realTimer(ms: number, callback: () => void, keeps: boolean): () => void {
  if (ms > LONGEST) return never;
  const timer = hostTimeout(callback, ms);
  if (!keeps) (timer as unknown as { unref?(): void }).unref?.();
  return () => hostClear(timer);
}

/** The time of a process, of the system or in memory, that is started by the calling code. */
export function patienceFor({ inMemory = false }: { readonly inMemory?: boolean }): Patience {
  if (!inMemory) return REAL;
  const { clock } = currentRun();
  const after = (ms: number, callback: () => void): () => void => {
    if (ms === Infinity) return never;
    const alarm = clock.at(clock.now() + ms, callback, undefined);
    return () => void alarm.cancel();
  };
  return { now: () => clock.now(), after, afterIfThere: after, turns: 0 };
}
