/**
 * What a trace is made of. Records hold numbers and names, and never tasks: a task would keep its result alive.
 *
 * Times are in microseconds, as the format of traces has them. Each thing that happens is a nanosecond later than the
 * one before, so that what happens at one instant of simulated time keeps its order.
 */

/** A nanosecond. */
export const TICK = 0.001;

/** Something that has begun and ended in a task: the task itself, a scope, a wait. */
export interface Slice {
  readonly type: "task" | "scope" | "wait";
  /** The number of the task. */
  readonly task: number;
  readonly name: string;
  /** What colours it in old viewers, and sorts it in statistics. */
  readonly category: string;
  readonly start: number;
  /** Written at its end. */
  end: number;
  readonly args: Record<string, unknown>;
}

/** From where something came: the start of a task, the end of a wait, a cancellation. */
export interface Flow {
  readonly type: "flow";
  readonly kind: "spawn" | "wake";
  /** The task that caused it, and when. */
  readonly from: number;
  readonly at: number;
  /** What it has caused. */
  readonly to: Slice;
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

/** How many tasks there were, from a moment on. */
export interface Count {
  readonly type: "count";
  readonly at: number;
  readonly tasks: number;
}

export type Entry = Slice | Flow | Instant | Operation | Count;

/** A task, as far as the picture of it needs: kept while something of it is in the ring. */
export interface TrackOf {
  readonly id: number;
  readonly name: string;
  readonly parent: number | null;
  readonly place: string | undefined;
  readonly start: number;
  end: number;
}
