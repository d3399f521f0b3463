/** A picture of a run: which tasks there are, what each waits for, where it was started. See `taskTree()`. */

/**
 * How far a task has come: `running` until everything in it has ended, then `done` (it returned), `failed`
 * (it threw) or `cancelled` (it ended by a cancellation).
 */
export type TaskState = "running" | "done" | "failed" | "cancelled";

/** One open wait of a task. */
export interface TaskTreeWait {
  /** The kind of wait. */
  readonly kind: string;
  /** Which object; empty if there is nothing to say. */
  readonly label: string;
  /** Since when, in milliseconds on the run's clock; may be a little early in real time. */
  readonly since: number;
}

/** One task of the picture. */
export interface TaskTreeNode {
  /** Its number. */
  readonly id: number;
  /** Its name. */
  readonly name: string;
  /** How far it has come. */
  readonly state: TaskState;
  /** Its open waits, oldest first; none: it runs, or awaits a promise the library does not own. */
  readonly waits: readonly TaskTreeWait[];
  /** The earliest deadline of its scopes, `Infinity` for none. */
  readonly deadline: number;
  /** Whether it is being cancelled. */
  readonly cancelled: boolean;
  /** Where it was started, if recorded. */
  readonly spawnSite: string | undefined;
  /** The tasks in its nurseries, oldest first. */
  readonly children: readonly TaskTreeNode[];
}

/** The picture. */
export interface TaskTree {
  /** When it was taken, in milliseconds on the run's clock. */
  readonly time: number;
  /** The main task. */
  readonly root: TaskTreeNode;
  /** Renders the tree, one task a line. */
  toString(): string;
}
