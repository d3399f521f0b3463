/**
 * What a trace is made of. Records hold numbers, names and reasons, and never tasks: a task would keep its result alive.
 *
 * One is made for each wait of a program, so each is one object of one shape; what is shown of it is put together when
 * somebody wants to see the trace. Times are in nanoseconds. Each thing that happens is one later than the one before, so
 * that what happens at one instant of simulated time keeps its order.
 */

import type { WaitReason } from "../../core/lowlevel.ts";

/** Nanoseconds in a millisecond. */
export const NS = 1_000_000;

/** No task. */
export const NOBODY = -1;

/** Something that has begun and ended in a task: the task itself, a scope, a wait. */
export class Slice {
  /** Written at its end. */
  end = 0;
  /** Who has started the task, or woken the wait, and when; or `NOBODY`. */
  from = NOBODY;
  at = 0;
  /** What has woken a wait: the name of a task, or where else that came from. How a task or a scope has ended. */
  how = "";
  /** How many tasks there were when a task began, and when it had ended. */
  tasksAtStart = 0;
  tasksAtEnd = 0;

  /**
   * `detail`: the reason of a wait, or its label if that was rendered already; the place where a task was started; what
   * is told of a scope.
   */
  constructor(
    readonly type: "task" | "scope" | "wait",
    readonly task: number,
    readonly name: string,
    readonly start: number,
    readonly detail: WaitReason | string | Readonly<Record<string, unknown>>,
  ) {}
}

/** Something at one moment. */
export interface Instant {
  readonly type: "instant";
  readonly task: number;
  readonly name: string;
  readonly at: number;
  readonly args: Readonly<Record<string, unknown>>;
}

/** An operation of the host. */
export interface Operation {
  readonly type: "operation";
  readonly label: string;
  readonly start: number;
  /** Written at its end. */
  end: number;
}

export type Entry = Slice | Instant | Operation;

/** Whether something is a task, a scope or a wait. */
export function isSlice(entry: Entry): entry is Slice {
  return entry.type !== "instant" && entry.type !== "operation";
}

/** A task, as far as the picture of it needs: kept while something of it is in the ring. */
export interface TrackOf {
  readonly id: number;
  readonly name: string;
  readonly parent: number | null;
  readonly start: number;
  end: number;
}
