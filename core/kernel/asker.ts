/**
 * On whose behalf something receives, if a `select()` asks it by its `receive()`.
 *
 * The code that is asked runs in a scope of its own. Whatever hands a value to it looks here first, be it an end of a
 * memory channel, a Web Stream or a WebSocket, and however many wrappers are between: of all that one `select()` has
 * asked, one at a time may take a value. So none is taken in vain.
 */

import { currentNode } from "./context.ts";
import type { StatusNode } from "./node.ts";

/** Something that is asked by a `select()`. */
export interface Asker {
  /** Whether a value may be taken for it now; nothing else is taken from then on, until it is done or waits again. */
  mayTake(): boolean;
  /** Lets a wait for a value stand in line, now and again, whenever a value may be taken for it. */
  enlist(waiting: Enlisted): void;
}

/** A wait that can be in line or not. Both calls may come at any time, also when it is over. */
export interface Enlisted {
  /** Takes a value that is there, if `mayTake()`, or stands in line for one. */
  enter(): void;
  /** Leaves the line. */
  leave(): void;
}

const askers = new Map<StatusNode, Asker>();

/** Asks under a node until the function returned is called. */
export function ask(node: StatusNode, asker: Asker): () => void {
  askers.set(node, asker);
  return () => void askers.delete(node);
}

/** What is asked by the code under a node; by the code that runs now unless said otherwise. */
export function askerOf(node?: StatusNode): Asker | null {
  // Nearly always.
  if (askers.size === 0) return null;
  for (let at: StatusNode | null = node ?? currentNode(); at !== null; at = at.parent) {
    const asker = askers.get(at);
    if (asker !== undefined) return asker;
  }
  return null;
}
