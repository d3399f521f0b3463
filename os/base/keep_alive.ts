/** Keeps the program there while a task waits for something of which the host does not think that it has to come. */

import { beginHostOperation } from "../../core/lowlevel.ts";
import { hostClear, hostTimeout, LONGEST_DELAY } from "../../core/internal.ts";

/** Begins to; returns how to stop that. */
export function keepAlive(label: string): () => void {
  const operation = beginHostOperation(label);
  const timer = hostTimeout(() => {}, LONGEST_DELAY);
  return () => {
    hostClear(timer);
    operation.end();
  };
}
