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
  /** HTTP of its network, if that has its own. */
  readonly http: BubbleHttp | null;
}

/** HTTP of a simulation: the functions take the arguments of the globals that they stand for. */
export interface BubbleHttp {
  /** Whether what a URL names is on the network; what is not is the host's. */
  isOfNetwork(url: string): boolean;
  fetch(args: readonly unknown[]): unknown;
  webSocket(args: readonly unknown[]): object;
  eventSource(args: readonly unknown[]): object;
  serve(args: readonly unknown[]): unknown;
  /** Whether a request came in by the network. */
  hasRequest(request: unknown): boolean;
  upgrade(args: readonly unknown[]): unknown;
}
