/**
 * What the monitor tells its viewers: one snapshot of a program, as it stands in a line of NDJSON. The page and the
 * terminal show the same. Times are milliseconds on the clock of the run they belong to, unless said otherwise; of text
 * that is not the library's there are at most some hundred characters.
 */

/** A program at a moment. */
export interface Snapshot {
  /** When it was taken, in milliseconds since 1970. */
  readonly at: number;
  /** How long taking it took, in milliseconds: it should not be asked for more often than ten times that. */
  readonly took: number;
  readonly numbers: Numbers;
  readonly runs: readonly RunRow[];
  /** In the order of the tree. */
  readonly tasks: readonly TaskRow[];
  /** So many tasks are not among them. */
  readonly tasksLeftOut: number;
  /** Tasks that are alike, the largest groups first. */
  readonly groups: readonly GroupRow[];
  readonly groupsLeftOut: number;
  /** The longest waits, the oldest first. */
  readonly waits: readonly LongWaitRow[];
  readonly resources: readonly ResourceRow[];
  /** The oldest first. */
  readonly operations: readonly OperationRow[];
  /** The newest first. */
  readonly findings: readonly FindingRow[];
  readonly settings: {
    /** How often there is a snapshot, in milliseconds. */
    readonly interval: number;
    /** From when on a wait is old, in milliseconds. */
    readonly oldAfter: number;
    readonly allowCancel: boolean;
  };
}

/** The program in numbers. */
export interface Numbers {
  readonly tasks: number;
  /** Tasks without a wait of the library: they run, or await something foreign. */
  readonly running: number;
  readonly waits: number;
  readonly hostOperations: number;
  /** How many waits have ended since the monitor was opened: the difference of two snapshots is a rate. */
  readonly waitsEnded: number;
  readonly tasksStarted: number;
  /** How late the event loop was at most in the last second, in milliseconds. */
  readonly lag: number;
  /** The same for the last minute. */
  readonly worstLag: number;
  /** Bytes; 0 where the host does not say. */
  readonly heap: number;
  readonly rss: number;
  /** How long the monitor has been open, in milliseconds. */
  readonly uptime: number;
}

/** A run. */
export interface RunRow {
  readonly run: number;
  /** The time on its clock. */
  readonly now: number;
  readonly tasks: number;
  /** Whether every task waits, and nothing is pending that could end any of the waits. */
  readonly stuck: boolean;
}

/** A wait. */
export interface WaitRow {
  readonly kind: string;
  readonly label: string;
  readonly since: number;
  /** `null` for none. */
  readonly deadline: number | null;
  /** The task that could end it, where that is exactly one. */
  readonly holder: { readonly id: number; readonly name: string } | null;
  /** Where it is awaited, the innermost first, as far as that was asked for. */
  readonly frames: readonly string[];
}

/** A task. */
export interface TaskRow {
  readonly run: number;
  readonly id: number;
  readonly name: string;
  /** How deep it is in the tree; 0 for the main task. */
  readonly depth: number;
  readonly internal: boolean;
  readonly cancelled: boolean;
  readonly startedAt: number;
  /** Where it was started; empty if that is not known. */
  readonly site: string;
  readonly waits: readonly WaitRow[];
}

/** One of the longest waits. */
export interface LongWaitRow extends WaitRow {
  readonly run: number;
  readonly task: number;
  readonly name: string;
}

/** Tasks with the same name, but for numbers in it, at the same kind of wait. */
export interface GroupRow {
  readonly name: string;
  /** Empty for those without a wait. */
  readonly kind: string;
  readonly count: number;
  /** The oldest wait, in milliseconds that it has lasted; for those without a wait, the age of the oldest task. */
  readonly longest: number;
  /** Where the oldest of them is awaited. */
  readonly frames: readonly string[];
}

/** Something that is waited for, or that the monitor was told to watch. */
export interface ResourceRow {
  readonly name: string;
  /** How many wait for it. */
  readonly waiting: number;
  readonly statistics: unknown;
}

/** An operation of the host. */
export interface OperationRow {
  readonly label: string;
  /** How long it has been in flight, in milliseconds. */
  readonly age: number;
}

/** Something that a watchdog has found. */
export interface FindingRow {
  readonly kind: string;
  readonly message: string;
  readonly frames: readonly string[];
  readonly amount: number;
  /** When, in milliseconds since 1970. */
  readonly at: number;
}
