/** A picture of a run: which tasks there are, what each waits for, where it was started. See `taskTree()`. */

/**
 * The state of a task: `running` until everything in it has ended, then `done` (it returned), `failed` (it threw) or
 * `cancelled` (it ended by a cancellation).
 *
 * @category Tasks
 */
export type TaskState = "running" | "done" | "failed" | "cancelled";

/**
 * An open wait of a task in a `TaskTree`.
 *
 * @category Tasks
 */
export interface TaskTreeWait {
  /** The kind of wait. */
  readonly kind: string;
  /** The object that is waited for; empty if there is nothing to say. */
  readonly label: string;
  /** When the wait began, in milliseconds on the run's clock; may be a little early in real time. */
  readonly since: number;
  /**
   * Where it is awaited, the innermost first: `loadUser (/app/db.ts:7:36)`. Only if the tree was taken with `places`, and
   * as far as the host can tell.
   */
  readonly frames: readonly string[];
}

/**
 * Options of `taskTree()`.
 *
 * @category Tasks
 */
export interface TaskTreeOptions {
  /**
   * Whether to find out where each wait is awaited, which takes a microtask, and some 10 microseconds for each of the
   * 200 oldest waits.
   *
   * @default {false}
   */
  readonly places?: boolean;
}

/**
 * A task in a `TaskTree`.
 *
 * @category Tasks
 */
export interface TaskTreeNode {
  /** Its number in order of creation within the run. */
  readonly id: number;
  /** Its name. */
  readonly name: string;
  /** Whether it is running, or how it has ended. */
  readonly state: TaskState;
  /** Its open waits, oldest first. If there are none, it runs, or awaits a promise the library does not own. */
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

/**
 * A snapshot of the tasks of a run: see `taskTree()`.
 *
 * @category Tasks
 */
export interface TaskTree {
  /** When it was taken, in milliseconds on the run's clock. */
  readonly time: number;
  /** The main task. */
  readonly root: TaskTreeNode;
  /** Renders the tree, one task a line. */
  toString(): string;
}
