/** A simulation, as the globals of the code in it see it. */

import type { HttpHost } from "../../core/lowlevel.ts";
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
  /** The HTTP of its network, for a URL or at all; `null` if it is the host's. */
  http(url?: string): HttpHost | null;
}
