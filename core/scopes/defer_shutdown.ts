/**
 * A part of a program to which a shutdown comes later than to what is around it: a server that goes on for a while, as
 * whoever sends it work has not noticed yet.
 */

import { reportHook } from "../base/report_hook.ts";
import { CancelScope, scopes } from "../kernel/cancel_scope.ts";
import { currentNode, within } from "../kernel/context.ts";
import { promiseOf } from "../kernel/settlement.ts";
import { comesNow, deferShutdown, shutdownComes } from "../kernel/status.ts";
import type { Alarm } from "../time/alarm_queue.ts";

/** How a shutdown comes. */
export interface Deferral {
  /** How much later, in milliseconds. */
  readonly ms: number;
  /** Called when it is requested of what is around. */
  readonly requested: () => unknown;
}

/**
 * Runs a function to which a shutdown comes later: until then, nothing in it knows of the shutdown. A cancellation comes
 * as ever, and so does one that ends the grace of the shutdown.
 */
export function deferringShutdown<T>({ ms, requested }: Deferral, body: () => Promise<T>): Promise<T> {
  return scopes.run(new CancelScope(), async () => {
    const node = currentNode();
    if (node.shutdown) return await body();
    const { clock } = node.task.runtime;
    let alarm: Alarm | null = null;
    let isRequested = false;
    deferShutdown(node, () => {
      if (isRequested) return;
      isRequested = true;
      // Of the user's, in the middle of a shutdown.
      within(node, () => promiseOf(requested), undefined)
        .catch((error) => reportHook("Cannot tell that a shutdown was requested as onLameDuck() threw", error));
      if (ms === Infinity) return;
      // The node may have been moved meanwhile, by `nursery.start()`: then it is as if nobody had asked.
      const come = (): void => void (isRequested = shutdownComes(node));
      try {
        if (ms > 0) alarm = clock.at(clock.now() + ms, come, undefined);
      } catch (error) {
        reportHook("Cannot put off a shutdown as the clock of the run threw: it comes now", error);
      }
      if (alarm === null) come();
    });
    try {
      return await body();
    } finally {
      comesNow(node);
      (alarm as Alarm | null)?.cancel();
    }
    // Nobody has the scope, so nobody cancels it.
  }, (outcome) => outcome.value as T);
}
