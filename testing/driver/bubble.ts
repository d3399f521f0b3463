/** A simulation, as the globals of the code in it see it. */

import type { TimerKind } from "./timers.ts";

/** What the patches do for code of one simulation. Other copies of this package call it: see `globals.ts`. */
export interface Bubble {
  now(): number;
  wall(): number;
  timer(kind: TimerKind, ms: number, callback: (...args: unknown[]) => void, args: readonly unknown[]): unknown;
  immediate(callback: (...args: unknown[]) => void, args: readonly unknown[]): unknown;
  stray(error: unknown): void;
  /** An operation of the host begins; the function returned ends it. */
  operation(label: string): () => void;
  /** A random number from 0 up to 1, for `Math.random()`. */
  random(): number;
  /** Fills bytes with random ones, for `crypto`. */
  fillRandomly(bytes: Uint8Array): void;
  /** Throws if the host's network may not be used, for the URL or at all. */
  requireHost(action: string, url?: string): void;
}
