/** The signals of the system. */

import type { SignalSource } from "../../core/lowlevel.ts";
import { claimSignal } from "../../core/internal.ts";
import { isWindows, requireDeno } from "./processes.ts";

/** Those that `run()` handles itself, and lets others have. */
type ClaimedSignal = Parameters<typeof claimSignal>[0];
const CLAIMED: ReadonlySet<Deno.Signal> = new Set<ClaimedSignal>(["SIGINT", "SIGTERM", "SIGQUIT"]);

/** Those that nobody can listen for: the system does not let them through, or the host has them for itself. */
const UNCATCHABLE: ReadonlySet<Deno.Signal> = new Set(["SIGKILL", "SIGSTOP", "SIGSEGV", "SIGFPE", "SIGILL"]);
const ON_WINDOWS: ReadonlySet<Deno.Signal> = new Set(["SIGINT", "SIGBREAK", "SIGHUP"]);

/** Requires a signal that can be listened for. */
export function requireCatchable(action: string, signal: Deno.Signal): void {
  if (!UNCATCHABLE.has(signal) && (!isWindows || ON_WINDOWS.has(signal))) return;
  throw new TypeError(`Cannot ${action} as each must be one that a program can receive here: received "${signal}"`);
}

const denoSignals: SignalSource = {
  listen(signal, tell) {
    Deno.addSignalListener(signal as Deno.Signal, tell);
    return () => Deno.removeSignalListener(signal as Deno.Signal, tell);
  },
  raise: (signal) => Deno.kill(Deno.pid, signal as Deno.Signal),
};

/** Begins to listen; returns how to stop. One that was `unseen` goes to whoever had the signal before. */
export function listen(
  signal: Deno.Signal,
  tell: () => void,
  source: SignalSource | undefined,
): (unseen: boolean) => void {
  if (source === undefined) requireDeno(`receive "${signal}"`);
  const from = source ?? denoSignals;
  if (!CLAIMED.has(signal)) return from.listen(signal, tell);
  const giveBack = claimSignal(signal as ClaimedSignal, tell, source);
  return (unseen) => {
    // With nobody else, it does what it does to a program that does not listen.
    if (!giveBack(unseen)) from.raise(signal);
  };
}
