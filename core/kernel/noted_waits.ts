/**
 * What was waited for in a region when it was cancelled, and where: for the error of a timeout.
 *
 * The cancellation is decided at once, as any other. Only the promises of its waits settle a microtask later: where
 * they are awaited can be read only until then.
 */

import { placeOf, plainPlace } from "../base/place.ts";
import type { PendingWait } from "../errors/errors.ts";
import { awaitedAt } from "./awaited_at.ts";
import type { StatusNode } from "./node.ts";
import { waitsBelow } from "./wait_text.ts";

/** What it needs of the runtime: see `Runtime.schedule`. */
interface Scheduled {
  schedule: ((resume: () => void, ...of: never[]) => void) | null;
}

/** Cancels a region by calling `cancel`; `note` gets what was waited for before anybody goes on. */
export function cancelNoting(
  node: StatusNode,
  cancel: () => void,
  note: (waits: readonly PendingWait[]) => void,
): void {
  const waits = waitsBelow(node);
  if (waits.length === 0) return cancel();
  const places = awaitedAt(waits.map(({ promise }) => promise));
  const runtime = node.task.runtime as unknown as Scheduled;
  const before = runtime.schedule;
  const held: (() => void)[] = [];
  const hold = (resume: () => void, ...of: never[]): void => {
    held.push(before === null ? resume : () => before(resume, ...of));
  };
  runtime.schedule = hold;
  try {
    cancel();
  } finally {
    // A run that was given up meanwhile stays so.
    if (runtime.schedule === hold) runtime.schedule = before;
  }
  places.then((frames) => {
    note(waits.map(({ promise: _, site, ...wait }, index) => {
      const seen = frames[index] ?? [];
      // Such as a wait of a task that the library has started: where it was called says more than nothing.
      const place = seen.length === 0 ? placeOf(site) : undefined;
      return { ...wait, frames: seen, ...(place === undefined ? {} : { startedAt: plainPlace(place) }) };
    }));
    for (const resume of held) resume();
  });
}
