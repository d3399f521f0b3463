/** Hearing of changes of files. */

import {
  composedWait,
  faultOf,
  outside,
  requireFunction,
  requireOptions,
  requireTimeout,
  throwFault,
} from "../../core/internal.ts";
import { hostWait } from "../base/host_wait.ts";
import { pathOf } from "../base/paths.ts";
import { requireDeno } from "../host/processes.ts";
import type { FileWatcherImpl } from "./_file_watcher.ts";
import type { FileWatcher } from "./file_watcher.ts";

/**
 * Options of `watchFiles()`.
 *
 * @category Files
 */
export interface WatchFilesOptions {
  /**
   * How long it must be quiet before changes are reported, in milliseconds: one save is several changes.
   *
   * @default {50}
   */
  readonly debounce?: number;
  /**
   * After how long they are reported in any case, in milliseconds.
   *
   * @default {1_000}
   */
  readonly maxDelay?: number;
  /**
   * Says what is not reported, of what is in the folders that are watched; for a folder it goes for all in it.
   *
   * @param path The path, as it would be reported.
   */
  readonly ignore?: (path: string) => boolean;
}

const ACTION = "watch files";
const DEBOUNCE = 50;
const MAX_DELAY = 1_000;

/**
 * Watches files and folders, with all that is in them, and reports what has changed.
 *
 * A path is reported as what it is when things have become quiet, however it came about: an atomic save, which makes a
 * file, writes it and renames it, is one change of one file. A new folder is reported with everything in it. A path that
 * vanishes is reported as removed, and as changed when it is back. Symbolic links on the way to a path are followed, and
 * seen when they turn elsewhere. A slow receiver gets everything in one.
 *
 * **Order:** what has changed last is reported last.
 *
 * **Not guaranteed:** that each state of a file is seen, only its last. That a change of the content is one: a file is
 * reported when it was written, also with what was in it before. A folder further up that is renamed is not noticed.
 *
 * **Cancellation:** throws `Cancelled`; nothing is watched then.
 *
 * @example Something is saved
 * ```ts
 * import { openTempDir, watchFiles, writeFileAtomic } from "@trefoil/io";
 * import { assertEquals } from "@std/assert";
 *
 * await using dir = await openTempDir();
 * using watcher = await watchFiles(dir.path, { debounce: 10 });
 * await writeFileAtomic(`${dir.path}/notes.txt`, "hello");
 * const { changes } = await watcher.receive();
 * assertEquals(changes, [{ path: `${dir.path}/notes.txt`, kind: "changed" }]);
 * ```
 *
 * @param paths A path, or several, of files and folders that are there.
 * @param options How quickly changes are reported, and which are not.
 * @returns The watcher, which belongs to the caller: `using`. What happens from then on is reported.
 * @throws {Deno.errors.NotFound} If there is nothing at a path; nothing is watched then.
 * @throws {TypeError} If an argument is of the wrong kind.
 * @throws {Error} With `code` `"ENOSPC"`, if the system allows no more watches.
 * @category Files
 */
export function watchFiles(
  paths: string | URL | readonly (string | URL)[],
  options: WatchFilesOptions = {},
): Promise<FileWatcher> {
  let checked: string[];
  const fault = faultOf(() => {
    checked = (Array.isArray(paths) ? paths : [paths]).map((path) => pathOf(ACTION, "paths", path));
    if (checked.length === 0) throw new TypeError(`Cannot ${ACTION} as at least one must be named: received none`);
    requireOptions(ACTION, options);
    for (const name of ["debounce", "maxDelay"] as const) {
      if (options[name] !== undefined) requireTimeout(ACTION, name, options[name]);
    }
    if (options.ignore !== undefined) requireFunction(ACTION, "ignore", options.ignore);
    requireDeno(ACTION);
  });
  return composedWait(async () => {
    throwFault(fault);
    const { debounce = DEBOUNCE, maxDelay = MAX_DELAY, ignore = () => false } = options;
    const plan = { paths: [...new Set(checked)], debounce, maxDelay, ignore };
    let watcher: FileWatcherImpl | null = null;
    const begin = async (): Promise<FileWatcherImpl> => {
      const { FileWatcherImpl } = await outside(() => import("./_file_watcher.ts"));
      watcher = new FileWatcherImpl(plan);
      try {
        await watcher.begin();
      } catch (error) {
        watcher.close();
        throw error;
      }
      return watcher;
    };
    return await hostWait(`watch ${plan.paths.join(", ")}`, () => outside(begin), {
      abort: () => watcher?.close(),
      late: (late) => late.close(),
    });
  });
}
