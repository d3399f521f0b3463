/**
 * What the host keeps open although nobody wants it any more.
 *
 * Deno (2.9.6) cannot be made to let go of a WebSocket whose peer does not read, and when a peer vanishes it keeps the
 * timer that watches over the socket: the process would not end before the peer goes away, or the time is over. Whoever
 * leaves such things behind says so here, and `run()` ends the process itself after a signal. In any other case it must
 * not do that: what else keeps a process may be cleanup that the program does after its run.
 */

import { hostNow } from "./host_time.ts";

let kept = 0;
let keptUntil = -Infinity;

/** Notes something that the host keeps; returns what to call when it is gone. */
export function keptByHost(): () => void {
  kept++;
  let gone = false;
  return () => {
    if (!gone) kept--;
    gone = true;
  };
}

/** Notes something that the host keeps for so long, in milliseconds. */
export function keptByHostFor(ms: number): void {
  keptUntil = Math.max(keptUntil, hostNow() + ms);
}

/** Whether the process cannot end by itself for now. */
export function isKeptByHost(): boolean {
  return kept > 0 || hostNow() < keptUntil;
}
