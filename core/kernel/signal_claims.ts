/**
 * Whom a signal of the system is for, of those that a run handles itself.
 *
 *     signal ──▶ the last who claimed it ──(closed without having looked at it)──▶ the one before
 *         └────▶ without a claim: every run that listens      ◀──(none before)──┘
 *
 * The host tells all its listeners. So those of the runs look here first, and a claim that is not the last one keeps
 * still.
 */

import { onSignal, type Signal } from "../base/host.ts";
import type { SignalSource } from "../seams/signals.ts";

interface Claim {
  readonly tell: () => void;
}

/** Who wants a signal of a source. Written by `claimSignal()` and `listenForRun()`. */
class Desk {
  readonly claims: Claim[] = [];
  readonly runs = new Set<() => void>();
}

/** Those of the host, and of each source in memory. */
const host = new Map<string, Desk>();
const sources = new WeakMap<SignalSource, Map<string, Desk>>();

/** Listens on behalf of a run, which hears of a signal that nobody has claimed; returns how to stop. */
export function listenForRun(signal: Signal, tell: () => void, source: SignalSource | undefined): () => void {
  const { claims, runs } = deskOf(desksOf(source), signal);
  // A function of its own, as a run may listen twice.
  const told = () => tell();
  const stop = listen(signal, () => {
    if (claims.length === 0) told();
  }, source);
  runs.add(told);
  return () => {
    runs.delete(told);
    stop();
  };
}

/**
 * Takes a signal over, from the runs and from whoever claimed it before. Returns how to give it back, once, and whether
 * one was there that nobody has looked at: that goes to the one before, or the runs. `false` if there is nobody.
 */
export function claimSignal(
  signal: Signal,
  tell: () => void,
  source: SignalSource | undefined,
): (unseen: boolean) => boolean {
  const { claims, runs } = deskOf(desksOf(source), signal);
  const claim: Claim = { tell };
  const told = (): void => {
    if (claims.at(-1) === claim) tell();
  };
  const stop = listen(signal, told, source);
  claims.push(claim);
  return (unseen) => {
    stop();
    const index = claims.indexOf(claim);
    claims.splice(index, 1);
    if (!unseen) return true;
    const heirs = index > 0 ? [claims[index - 1]!.tell] : [...runs];
    for (const heir of heirs) heir();
    return heirs.length > 0;
  };
}

function listen(signal: Signal, tell: () => void, source: SignalSource | undefined): () => void {
  return source === undefined ? onSignal(signal, tell) : source.listen(signal, tell);
}

function desksOf(source: SignalSource | undefined): Map<string, Desk> {
  if (source === undefined) return host;
  const desks = sources.get(source) ?? new Map<string, Desk>();
  sources.set(source, desks);
  return desks;
}

function deskOf(desks: Map<string, Desk>, signal: string): Desk {
  const desk = desks.get(signal) ?? new Desk();
  desks.set(signal, desk);
  return desk;
}
