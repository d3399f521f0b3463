/**
 * What a trace is made of, as those see it who show it. Times are in nanoseconds. Each thing that happens is one later than
 * the one before, so that what happens at one instant of simulated time keeps its order.
 */

import type { WaitReason } from "../../core/lowlevel.ts";

/** Nanoseconds in a millisecond. */
export const NS = 1_000_000;

/** No task. */
export const NOBODY = -1;

/** Something that has begun and ended in a task: the task itself, a scope, a wait. */
export interface Slice {
  readonly type: "task" | "scope" | "wait";
  readonly task: number;
  readonly name: string;
  /** Of a wait, its reason, or its label if that was rendered already; where a task was started; what a scope is. */
  readonly detail: WaitReason | string | Readonly<Record<string, unknown>>;
  readonly start: number;
  readonly end: number;
  /** Who has started the task, or woken the wait, and when; or `NOBODY`. */
  readonly from: number;
  readonly at: number;
  /** What has woken a wait: the name of a task, or where else that came from. How a task or a scope has ended. */
  readonly how: string;
  /** How many tasks there were when a task began, and when it had ended. */
  readonly tasksAtStart: number;
  readonly tasksAtEnd: number;
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
  readonly end: number;
}

export type Entry = Slice | Instant | Operation;

/** Whether something is a task, a scope or a wait. */
export function isSlice(entry: Entry): entry is Slice {
  return entry.type !== "instant" && entry.type !== "operation";
}

/** A task, as far as the picture of it needs. */
export interface TrackOf {
  readonly id: number;
  readonly name: string;
  readonly parent: number | null;
  readonly start: number;
  readonly end: number;
}
