/** What a watchdog finds. */

/**
 * What a watchdog has found.
 *
 * - `"blocked loop"`: a step ran so long that nothing else could.
 * - `"busy machine"`: the same, but the process had no processor for most of it.
 * - `"old task"`: a task has been running for long.
 * - `"old wait"`: a task has been waiting for long, and no deadline ends that.
 * - `"held lock"`: tasks have been waiting for a lock for long.
 * - `"full channel"`: a task has been waiting for long to send on a channel.
 * - `"foreign promise"`: a task has been awaiting something that the library does not know.
 * - `"forgotten wait"`: nobody awaits a wait, and its task is at another one: an `await` is missing.
 * - `"self-waking"`: a task goes on very often, as one that polls does.
 *
 * @category Observing
 */
export type FindingKind =
  | "blocked loop"
  | "busy machine"
  | "old task"
  | "old wait"
  | "held lock"
  | "full channel"
  | "foreign promise"
  | "forgotten wait"
  | "self-waking";

/**
 * One thing that a watchdog has found.
 *
 * @category Observing
 */
export interface Finding {
  /** What it is. */
  readonly kind: FindingKind;
  /** It in a sentence, with what to do. */
  readonly message: string;
  /** The name of the task; empty if it is not known. */
  readonly task: string;
  /** Where that is, the innermost first, as far as it is known. */
  readonly frames: readonly string[];
  /** How long it has been so, in milliseconds; for `"self-waking"`, how often in a second. */
  readonly amount: number;
}
