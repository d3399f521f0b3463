/** What watching files gives: see `watch_files.ts`. */

/**
 * What has become of one path.
 *
 * @category Files
 */
export interface FileChange {
  /** Which one: the path that was given to `watchFiles()`, or that and what follows in a folder. */
  readonly path: string;
  /** What it is now: there, and new or changed perhaps; or not there any more, with everything that was in it. */
  readonly kind: "changed" | "removed";
}

/**
 * What has changed since the last time, each path once.
 *
 * @category Files
 */
export interface FileChanges {
  /** The changes, the latest last. */
  readonly changes: readonly FileChange[];
  /** Whether changes were missed, as there were too many at a time, say: then look at everything again. */
  readonly rescan: boolean;
}

/**
 * Receives changes of files: see `watchFiles()`. Iterating it receives for ever; leaving the loop does not close it.
 *
 * @category Files
 */
export interface FileWatcher extends Disposable, AsyncIterable<FileChanges> {
  /**
   * Takes what has changed since the last time; waits while that is nothing.
   *
   * **Cancellation:** throws `Cancelled`; no change is lost.
   *
   * @returns All changes, in one.
   * @throws {BusyResourceError} If another task is receiving.
   * @throws {ClosedResourceError} If it is closed, before or meanwhile.
   */
  receive(): Promise<FileChanges>;
  /** Stops watching; a blocked receive fails. Idempotent. */
  close(): void;
}
