/**
 * Tasks that pass over their cancellation: each wait of a cancelled task is refused, so one that tries again and again,
 * and drops the error, goes on for ever.
 *
 * Refusals that come in one go are one, as 10,000 waits of a `Promise.all()` are refused at once: what counts is how
 * often the task has gone on after one.
 */

import { currentNode, formatTime, taskText } from "../../core/internal.ts";
import type { Cancelled, Task } from "../../core/mod.ts";
import type { Ledger } from "./ledger.ts";
import { placed, Sites } from "./sites.ts";

/** So often a task may go on after a refusal at one instant. */
const MOST = 1_000;

/** See the header. */
export class Refusals {
  readonly #ledger: Ledger;
  /** Counts microtasks in which something was refused. */
  #stretch = 0;
  #counting = false;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** A scope of the task was cancelled. */
  cancelled(task: Task, cancelled: Cancelled, at: number): void {
    const record = this.#ledger.records.get(task);
    if (record !== undefined) record.cancellation = { at, cancelled };
  }

  /** A wait of the task was refused; returns what to fail with when that has happened too often. */
  refused(task: Task, now: number): Error | null {
    const record = this.#ledger.records.get(task);
    if (record === undefined || record.refusedIn === this.#stretch) return null;
    record.refusedIn = this.#stretch;
    if (!this.#counting) {
      this.#counting = true;
      queueMicrotask(() => {
        this.#counting = false;
        this.#stretch++;
      });
    }
    // Each region anew: a loop of timeouts of 0 is no task that passes over its cancellation.
    const { cancelled } = currentNode();
    if (record.refusedAt !== now || record.refusedBy !== cancelled) record.refusals = 0;
    record.refusedAt = now;
    record.refusedBy = cancelled;
    if (++record.refusals < MOST) return null;
    record.refusals = 0;
    const why = this.#cancellationOf(task);
    const when = why === null ? "" : ` at t=${formatTime(why.at)} (${why.cancelled.message})`;
    const place = placed(new Sites(1).take());
    return new Error(
      `Cannot go on as ${
        taskText(task)
      } goes on although it was cancelled${when}: ${MOST} waits of it were refused without time moving, the last one${place}; something catches Cancelled and does not throw it on`,
    );
  }

  /** The latest cancellation of the task or of those that it belongs to. */
  #cancellationOf(task: Task): { readonly at: number; readonly cancelled: Cancelled } | null {
    let latest: { readonly at: number; readonly cancelled: Cancelled } | null = null;
    for (let at: Task | undefined = task; at !== undefined; at = at.parentNursery?.parentTask) {
      const found = this.#ledger.records.get(at)?.cancellation ?? null;
      if (found !== null && (latest === null || found.at > latest.at)) latest = found;
    }
    return latest;
  }
}
