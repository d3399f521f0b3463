/**
 * Whom a signal of the system is for, of those that a run handles itself.
 *
 *     signal ──▶ the last who claimed it ──(closed without having looked at it)──▶ the one before
 *         └────▶ without a claim: every run that listens      ◀──(none before)──┘
 *
 * The host tells all its listeners. So those of the runs look here first, and a claim that is not the last one keeps still.
 */

import { onSignal, type Signal } from "../base/host.ts";

interface Claim {
  readonly tell: () => void;
}

/** Of each signal. Written by `claimSignal()` and `listenForRun()`. */
const claims = new Map<Signal, Claim[]>();
const runs = new Map<Signal, Set<() => void>>();

/** Listens on behalf of a run, which hears of a signal that nobody has claimed; returns how to stop. */
export function listenForRun(signal: Signal, tell: () => void): () => void {
  // A function of its own, as a run may listen twice.
  const told = () => tell();
  const stop = onSignal(signal, () => {
    if (claimsOf(signal).length === 0) told();
  });
  const listening = runsOf(signal);
  listening.add(told);
  return () => {
    listening.delete(told);
    stop();
  };
}

/**
 * Takes a signal over, from the runs and from whoever claimed it before. Returns how to give it back, once, and whether one
 * was there that nobody has looked at: that goes to the one before, or the runs. `false` if there is nobody.
 */
export function claimSignal(signal: Signal, tell: () => void): (unseen: boolean) => boolean {
  const list = claimsOf(signal);
  const claim: Claim = { tell };
  const stop = onSignal(signal, () => {
    if (list.at(-1) === claim) tell();
  });
  list.push(claim);
  return (unseen) => {
    stop();
    const index = list.indexOf(claim);
    list.splice(index, 1);
    if (!unseen) return true;
    const heirs = index > 0 ? [list[index - 1]!.tell] : [...runsOf(signal)];
    for (const heir of heirs) heir();
    return heirs.length > 0;
  };
}

function claimsOf(signal: Signal): Claim[] {
  const list = claims.get(signal) ?? [];
  claims.set(signal, list);
  return list;
}

function runsOf(signal: Signal): Set<() => void> {
  const set = runs.get(signal) ?? new Set();
  runs.set(signal, set);
  return set;
}
