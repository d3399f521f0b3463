/** The nursery of a combinator, which does not show. */

import { type Cancelled, isCancelled } from "./errors.ts";
import type { NurseryImpl } from "./_nursery.ts";
import { type Nursery, openNursery } from "./nursery.ts";
import { firstError } from "./suppressed_errors.ts";

/** Told with what a child is about to fail; returns that. */
export type NoteFailure = (error: unknown) => unknown;

/**
 * Opens a nursery whose first error is thrown itself.
 *
 * A nursery takes each `Cancelled` that leaves a child for a part of its own cancellation, and absorbs it. One that a job
 * brings along, from a task it has joined or by cancelling its own, would be lost, and a result be missing. So those
 * who start jobs tell of what they fail with, and such a `Cancelled` is thrown when all have ended.
 */
export async function inNursery<T>(
  body: (nursery: Nursery, failed: NoteFailure) => T | Promise<T>,
): Promise<T> {
  let stray: Cancelled | null = null;
  let value: T;
  try {
    value = await openNursery(async (nursery) => {
      const failed = (error: unknown): unknown => {
        if (isCancelled(error) && !isOver(nursery)) {
          stray = error;
          nursery.cancel(error);
        }
        return error;
      };
      try {
        return await body(nursery, failed);
      } catch (error) {
        throw failed(error);
      }
    });
  } catch (error) {
    throw firstError(error);
  }
  if (stray !== null) throw stray;
  return value;
}

/** Whether a nursery is cancelled, by itself or from outside: then its jobs are expected to end by that. */
export function isOver(nursery: Nursery): boolean {
  return (nursery as NurseryImpl).node.cancelled !== null;
}
