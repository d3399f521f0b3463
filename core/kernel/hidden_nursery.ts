/**
 * The hidden nursery of the combinators.
 *
 * A job that was cancelled must not be taken for done. A nursery takes the cancellation of one child for nobody's
 * failure; for a combinator it is one, as a result would be missing. So what a job throws is judged from the nursery:
 * if that is not cancelled, a `Cancelled`, also that of the job's own task, is a failure.
 */

import { currentNode } from "./context.ts";
import { cancelledElsewhere, failureOf, someCancelled } from "./elsewhere.ts";
import { NOTHING } from "../base/error_tree.ts";
import type { Cancelled } from "./cancelled.ts";
import { read } from "../base/foreign.ts";
import type { NurseryImpl } from "./nursery.ts";
import type { Nursery } from "../tasks/task.ts";
import { openNursery } from "../tasks/nursery.ts";
import { firstError, mark } from "./suppressed.ts";
import { refuse } from "./waiter.ts";

/** Opens a nursery whose first error is thrown itself. In a cancelled scope it refuses, before any effect. */
export async function inNursery<T>(body: (nursery: Nursery) => T | Promise<T>): Promise<T> {
  const node = currentNode();
  if (node.cancelled !== null) return await refuse(node);
  const since = mark();
  try {
    return await openNursery(body);
  } catch (error) {
    throw firstError(error, since);
  }
}

/** The jobs of a combinator, in its nursery. */
export class Jobs {
  readonly #nursery: NurseryImpl;
  /** By which cancellation of the nursery a job was cut short, if one was. */
  #cut: Cancelled | null = null;

  constructor(nursery: Nursery) {
    this.#nursery = nursery as NurseryImpl;
  }

  /** Whether they are being cancelled, all together. */
  get cancelled(): boolean {
    return this.#nursery.node.cancelled !== null;
  }

  /** Starts one. */
  start(job: () => unknown, name: string): void {
    this.#nursery.startSoon(async () => {
      try {
        await job();
      } catch (error) {
        const failure = this.failureOf(error);
        throw failure === NOTHING ? error : failure;
      }
    }, { name });
  }

  /** What one has failed with; `NOTHING` if it was cancelled together with the others. */
  failureOf(error: unknown): unknown {
    const failure = failureOf(this.#nursery.node, error);
    if (failure === NOTHING) this.#cut ??= someCancelled(error);
    return failure;
  }

  cancel(reason: unknown): void {
    this.#nursery.cancel(reason);
  }

  /** When all have ended, and no error says that some have not come to their end: a job has cancelled the nursery. */
  requireWhole(): void {
    if (this.#cut !== null) throw cancelledElsewhere(this.#cut);
  }
}

/** Runs jobs. The first error is thrown itself. */
export async function runJobs(start: (jobs: Jobs) => void): Promise<Jobs> {
  return await inNursery((nursery) => {
    const jobs = new Jobs(nursery);
    start(jobs);
    return jobs;
  });
}

/** What the task of a job is called. */
export function nameOf(job: unknown): string {
  const name = read(job, "name");
  return typeof name === "string" && name !== "" ? name : "job";
}
